package measure

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// Now is the kernel's monotonic clock in nanoseconds: it is the same clock in
// every process of the machine, so that instants taken in two of them compare.
func Now() int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		panic("BUG: no monotonic clock: " + err.Error())
	}
	return ts.Nano()
}

// ProcessCPU is the processor time, user and system, that process pid has used in
// all its threads since it began: those that have ended and the kernel's io_uring
// workers of the process included. It is exact to the nanosecond, where
// /proc/PID/stat counts hundredths of a second.
func ProcessCPU(pid int) (time.Duration, error) {
	var ts unix.Timespec
	if err := unix.ClockGettime(cpuClock(pid), &ts); err != nil {
		return 0, fmt.Errorf("read the processor time of process %d: %w", pid, err)
	}
	return time.Duration(ts.Nano()), nil
}

// cpuClock is the clock id of a process's processor time, as
// clock_getcpuclockid(3) makes it: the inverted pid, and the scheduler's clock.
func cpuClock(pid int) int32 {
	const scheduler = 2
	return int32(^uint32(pid)<<3 | scheduler)
}
