package delay

import (
	"context"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"umbra/bench/measure"
)

// Pace calls send at every step of a timetable: the first time at once, then every
// step, for as long as d. It never skips one: after a hold-up it sends what
// is overdue at once, and tells how late. It returns how many it sent.
//
// It keeps a thread to itself while it runs, to sleep on the kernel's own timer: a
// timer of the Go runtime is up to a millisecond late in a process that has nothing
// else to do, which is more than a step of the timetables here.
func Pace(ctx context.Context, step, d time.Duration, send func(i int, late time.Duration)) int {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer sharpen()()
	begin := measure.Now()
	for i := 0; ; i++ {
		due := time.Duration(i) * step
		if due >= d || !SleepUntil(ctx, begin+int64(due)) {
			return i
		}
		send(i, max(0, time.Duration(measure.Now()-begin)-due))
	}
}

// nap is the longest sleep that does not look whether its context has ended.
const nap = 20 * time.Millisecond

// SleepUntil sleeps up to an instant of measure.Now, and says false when ctx ended first.
func SleepUntil(ctx context.Context, at int64) bool {
	for ctx.Err() == nil {
		now := measure.Now()
		if now >= at {
			return true
		}
		ts := unix.NsecToTimespec(min(at, now+int64(nap)))
		// Woken early by a signal or not: the loop looks at the clock.
		_ = unix.ClockNanosleep(unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME, &ts, nil)
	}
	return false
}

// sharpen takes the slack of 50 us off this thread's timers, and returns what puts
// it back.
func sharpen() (restore func()) {
	slack, err := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
	if err != nil || unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0) != nil {
		return func() {}
	}
	return func() { _ = unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(slack), 0, 0, 0) } // as it was a moment ago
}
