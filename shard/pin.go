package shard

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// pinMinCores is where "auto" begins to pin: below it a locked loop's 35-50 us
// per idle wake-up and the control goroutines' need for a core cost more than
// migration does.
const pinMinCores = 4

// pinPlan is how the loops of a group are tied to cores.
type pinPlan struct {
	lock   bool  // lock each loop to its thread
	cpus   []int // cpus[i%len] is the core of shard i; nil when not pinned
	reason string
}

// allowedCPUs lists the cores of the calling thread's affinity mask, which is
// what taskset and cpuset cgroups left us.
func allowedCPUs() ([]int, error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return nil, fmt.Errorf("read the affinity mask: %w", os.NewSyscallError("sched_getaffinity", err))
	}
	var cpus []int
	for i := range len(set) * 64 {
		if set.IsSet(i) {
			cpus = append(cpus, i)
		}
	}
	return cpus, nil
}

// planPins decides for mode auto, on or off. cores is usableCores().
func planPins(mode string, cores int, cpus []int) pinPlan {
	switch {
	case mode == "off":
		return pinPlan{reason: "pin = off"}
	case mode == "auto" && cores < pinMinCores:
		return pinPlan{reason: fmt.Sprintf("pin = auto and %d usable cores are fewer than %d", cores, pinMinCores)}
	case len(cpus) == 0:
		return pinPlan{reason: "the affinity mask cannot be read"}
	}
	return pinPlan{lock: true, cpus: cpus, reason: fmt.Sprintf("pin = %s, %d usable cores", mode, cores)}
}

// pinThread ties the calling thread, which must be locked to its goroutine, to
// one core and returns what puts the old mask back.
func pinThread(cpu int) (restore func(), err error) {
	var old, set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &old); err != nil {
		return nil, os.NewSyscallError("sched_getaffinity", err)
	}
	set.Set(cpu)
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return nil, os.NewSyscallError("sched_setaffinity", err)
	}
	return func() { _ = unix.SchedSetaffinity(0, &old) }, nil
}
