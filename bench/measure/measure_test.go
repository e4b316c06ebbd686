package measure

import (
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestParseMachine(t *testing.T) {
	m, err := parseMachine("cpu  100 20 30 4000 500 6 7 80 9 10\ncpu0 1 2 3 4 5 6 7 8 0 0\n")
	if err != nil || m.busy != 163*tick || m.steal != 80*tick {
		t.Errorf("got %+v, %v; want busy 1.63s (user, nice, system, irq, softirq) and steal 0.8s", m, err)
	}
	for _, bad := range []string{"", "cpu 1 2 3", "cpu0 1 2 3 4 5 6 7 8 9 10", "cpu a b c d e f g h"} {
		if m, err := parseMachine(bad); err == nil {
			t.Errorf("%q was read as %+v", bad, m)
		}
	}
}

func TestParseProcess(t *testing.T) {
	f := func(line string, want process) {
		t.Helper()
		got, err := parseProcess(line)
		if err != nil || got != want {
			t.Errorf("%q: got %+v, %v; want %+v", line, got, err, want)
		}
	}
	f("42 (umbra) S 1 42 42 0 -1 4194560 9 8 7 6 150 25 3 4 20 0 9 0 1", process{user: 150 * tick, system: 25 * tick})
	f("7 (kworker/0:1 (a) b) I 2 0 0 0 -1 69238880 0 0 0 0 0 33 0 0 20 0", process{system: 33 * tick, kernel: true})
	for _, bad := range []string{"", "42 (umbra) S 1 2", "42 umbra S 1 42 42 0 -1 4194560 9 8 7 6 150 25 3 4"} {
		if p, err := parseProcess(bad); err == nil {
			t.Errorf("%q was read as %+v", bad, p)
		}
	}
}

// The processor clock of a process agrees with what /proc says of it.
func TestProcessCPUAgreesWithProc(t *testing.T) {
	begin, err := ProcessCPU(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	burn(100 * time.Millisecond)
	exact, err := ProcessCPU(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	p, err := readProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	coarse := p.user + p.system
	if exact-begin < 100*time.Millisecond || coarse < exact-2*tick || coarse > exact+time.Second {
		t.Errorf("processor clock went from %v to %v, /proc says %v", begin, exact, coarse)
	}
}

// burn uses processor time, measured by the thread's own clock: it says nothing
// about wall time.
func burn(d time.Duration) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	begin, _ := ProcessCPU(os.Getpid())
	for {
		if now, _ := ProcessCPU(os.Getpid()); now-begin >= d {
			return
		}
	}
}

func TestWindowWatchesThisProcess(t *testing.T) {
	w, err := Begin(map[string]int{"test": os.Getpid()})
	if err != nil {
		t.Fatal(err)
	}
	burn(50 * time.Millisecond)
	got, err := w.End(DefaultRule())
	if err != nil {
		t.Fatal(err)
	}
	if got.CPU["test"] < 50*time.Millisecond || got.Wall <= 0 || got.Cores < 1 {
		t.Errorf("burned 50ms: %+v", got)
	}
	if _, err := Begin(map[string]int{"nobody": 1 << 30}); err == nil || !strings.Contains(err.Error(), "nobody") {
		t.Errorf("watching a process that is not there: %v", err)
	}
}

func TestRule(t *testing.T) {
	rule := DefaultRule()
	f := func(w Window, want ...string) {
		t.Helper()
		got := rule.Noise(w)
		if len(got) != len(want) {
			t.Errorf("%+v: got %q, want %q", w, got, want)
			return
		}
		for i := range want {
			if !strings.Contains(got[i], want[i]) {
				t.Errorf("%+v: got %q, want %q in it", w, got[i], want[i])
			}
		}
	}
	s := time.Second
	f(Window{Wall: 10 * s, Cores: 2})
	f(Window{Wall: 10 * s, Cores: 2, Other: 800 * time.Millisecond, Steal: 3 * s})
	f(Window{Wall: 10 * s, Cores: 2, Other: 810 * time.Millisecond}, "other processes used 0.08 cores")
	f(Window{Wall: 10 * s, Cores: 2, Steal: 3100 * time.Millisecond}, "took 16%")
	f(Window{Wall: 10 * s, Cores: 1, Other: s, Steal: 3100 * time.Millisecond}, "other processes", "31%")
	f(Window{}, "no time passed")
}

func TestCPUModel(t *testing.T) {
	if got := cpuModel("processor\t: 0\nmodel name\t: AMD EPYC 9R14\nprocessor\t: 1\n"); got != "AMD EPYC 9R14" {
		t.Errorf("got %q", got)
	}
	if got := cpuModel("processor : 0\nBogoMIPS : 243.75\n"); got != runtime.GOARCH {
		t.Errorf("got %q", got)
	}
}

func TestEnvironment(t *testing.T) {
	e := Environment(t.TempDir())
	if e.Kernel == "" || e.CPU == "" || e.Cores < 1 || e.MemoryGiB < 1 || !strings.HasPrefix(e.Go, "go") || e.FileSystem == "unknown" {
		t.Errorf("got %+v", e)
	}
	if got := Environment("/nowhere/at/all").FileSystem; got != "unknown" {
		t.Errorf("file system of a directory that is not there: %q", got)
	}
}
