package measure

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of times in /proc (USER_HZ), on every architecture Go runs on.
const tick = time.Second / 100

// machine is the first line of /proc/stat: time summed over all cores.
type machine struct {
	busy  time.Duration // user, nice, system, interrupts
	steal time.Duration // ready to run, but the hypervisor ran somebody else
}

func readMachine() (machine, error) {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return machine{}, fmt.Errorf("read the machine's processor time: %w", err)
	}
	return parseMachine(string(b))
}

func parseMachine(stat string) (machine, error) {
	line, _, _ := strings.Cut(stat, "\n")
	f := strings.Fields(line)
	if len(f) < 9 || f[0] != "cpu" {
		return machine{}, fmt.Errorf("read the machine's processor time: odd first line %q of /proc/stat", line)
	}
	t, err := ticks(f[1:9])
	if err != nil {
		return machine{}, fmt.Errorf("read the machine's processor time: %w", err)
	}
	// user nice system idle iowait irq softirq steal
	return machine{busy: t[0] + t[1] + t[2] + t[5] + t[6], steal: t[7]}, nil
}

// process is what /proc/PID/stat says.
type process struct {
	user, system time.Duration
	kernel       bool // a kernel thread: writeback, interrupts, device workers
}

// parseProcess reads a line of /proc/PID/stat. The command in it may hold blanks
// and brackets.
func parseProcess(stat string) (process, error) {
	const (
		flags         = 6 // fields behind the command, from 0
		user          = 11
		kernelThread  = 0x00200000 // PF_KTHREAD
		fieldsAtLeast = 13
	)
	i := strings.LastIndexByte(stat, ')')
	f := strings.Fields(stat[i+1:])
	if i < 0 || len(f) < fieldsAtLeast {
		return process{}, fmt.Errorf("read the processor time of a process: odd line %q", stat)
	}
	bits, err := strconv.ParseUint(f[flags], 10, 64)
	if err != nil {
		return process{}, fmt.Errorf("read the flags of a process: %w", err)
	}
	t, err := ticks(f[user : user+2])
	if err != nil {
		return process{}, fmt.Errorf("read the processor time of a process: %w", err)
	}
	return process{user: t[0], system: t[1], kernel: bits&kernelThread != 0}, nil
}

func readProcess(pid int) (process, error) {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return process{}, err
	}
	return parseProcess(string(b))
}

// kernelThreads is the processor time of all kernel threads together. They end
// seldom, so a difference of two readings loses next to nothing.
func kernelThreads() (time.Duration, error) {
	dir, err := os.Open("/proc")
	if err != nil {
		return 0, fmt.Errorf("list processes: %w", err)
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return 0, fmt.Errorf("list processes: %w", err)
	}
	var sum time.Duration
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		if p, err := readProcess(pid); err == nil && p.kernel { // an error: it is gone
			sum += p.user + p.system
		}
	}
	return sum, nil
}

func ticks(fields []string) ([]time.Duration, error) {
	out := make([]time.Duration, len(fields))
	for i, s := range fields {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("odd number %q", s)
		}
		out[i] = time.Duration(n) * tick
	}
	return out, nil
}
