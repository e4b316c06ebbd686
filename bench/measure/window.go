package measure

import (
	"fmt"
	"os"
	"runtime"
	"time"
)

// A Watch holds the readings at the begin of a stretch.
type Watch struct {
	pids    map[string]int
	begin   int64
	own     map[string]time.Duration
	user    map[string]process
	machine machine
	kernel  time.Duration
}

// Window is what a stretch of time cost. Times are summed over cores.
type Window struct {
	Wall   time.Duration            `json:"wall_ns"`
	CPU    map[string]time.Duration `json:"cpu_ns"`          // of the watched processes, user and system
	User   map[string]time.Duration `json:"user_ns"`         // the part of it spent outside the kernel, to 10 ms
	Kernel time.Duration            `json:"kernel_ns"`       // of kernel threads: writeback and the like, partly caused by the watched
	Other  time.Duration            `json:"other_ns"`        // of every other process
	Steal  time.Duration            `json:"steal_ns"`        // taken by the hypervisor
	Cores  int                      `json:"cores"`           // of the machine
	Noise  []string                 `json:"dirty,omitempty"` // why the window is dirty; empty when it is clean
}

// Begin starts a stretch that watches processes by name. This process is
// watched too, as "bench", unless it is among them.
func Begin(pids map[string]int) (*Watch, error) {
	w := &Watch{pids: map[string]int{"bench": os.Getpid()}, own: map[string]time.Duration{}, user: map[string]process{}}
	for name, pid := range pids {
		w.pids[name] = pid
	}
	var err error
	if w.kernel, err = kernelThreads(); err != nil {
		return nil, err
	}
	for name, pid := range w.pids {
		if w.user[name], err = readProcess(pid); err != nil {
			return nil, fmt.Errorf("watch process %s: %w", name, err)
		}
		if w.own[name], err = ProcessCPU(pid); err != nil {
			return nil, fmt.Errorf("watch process %s: %w", name, err)
		}
	}
	w.machine, err = readMachine()
	w.begin = Now()
	return w, err
}

// End ends the stretch and judges it by rule. The watched processes must still be there.
func (w *Watch) End(rule Rule) (Window, error) {
	out := Window{Wall: time.Duration(Now() - w.begin), CPU: map[string]time.Duration{}, User: map[string]time.Duration{}, Cores: runtime.NumCPU()}
	var known time.Duration
	for name, pid := range w.pids {
		now, err := ProcessCPU(pid)
		if err != nil {
			return out, fmt.Errorf("watch process %s: %w", name, err)
		}
		p, err := readProcess(pid)
		if err != nil {
			return out, fmt.Errorf("watch process %s: %w", name, err)
		}
		out.CPU[name] = now - w.own[name]
		out.User[name] = p.user - w.user[name].user
		known += out.CPU[name]
	}
	m, err := readMachine()
	if err != nil {
		return out, err
	}
	kernel, err := kernelThreads()
	if err != nil {
		return out, err
	}
	out.Kernel = max(0, kernel-w.kernel)
	out.Steal = m.steal - w.machine.steal
	out.Other = max(0, m.busy-w.machine.busy-known-out.Kernel)
	out.Noise = rule.Noise(out)
	return out, nil
}

// Clean says whether nothing disturbed the window.
func (w *Window) Clean() bool { return len(w.Noise) == 0 }
