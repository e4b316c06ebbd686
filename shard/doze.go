package shard

import (
	"runtime"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// dozeMax is how long a loop sleeps by itself; a longer sleep is gnet's.
	dozeMax = 24 * time.Millisecond
	// dozeEvents is how many events one look sees.
	dozeEvents = 128
)

// dozer sleeps for a loop (loop only).
//
// gnet yields before each sleep, and sleeps in a system call that the Go scheduler knows
// of: a loop that has something to do a hundred or a thousand times a second moves from
// thread to thread, waits for a processor each time it wakes up, and keeps the scheduler's
// monitor awake. A tenth to a half of the process's CPU went there. So the loop waits on
// gnet's epoll descriptor itself, by a raw call and with its processor, before it goes
// back to gnet, which then finds the events at once.
//
// The scheduler must have processors to spare for all other goroutines.
type dozer struct {
	on     bool
	poller poller
	coming int // events seen, less the calls of doze since: where it is above 0, gnet has more to call back for
	events [dozeEvents]unix.EpollEvent
}

// doze is the last thing in gnet's callback for an event. After one that came alone, the
// next one is not near: that sleep is gnet's.
func (s *Shard) doze() {
	d := &s.dozer
	if d.coming--; d.coming > 0 || !d.on || s.pause > int64(dozeMax) {
		return
	}
	for end := s.nanos() + int64(dozeMax); s.nanos() < end; {
		switch d.sleep(yieldEvery) {
		case awake:
			return
		case rested:
			runtime.Gosched()
			s.yielded = s.nanos()
		}
	}
}

// slept is how a sleep ended.
type slept int

const (
	awake     slept = iota // gnet has something to do
	rested                 // it took as long as it could
	disturbed              // by a signal: the end of a disk operation comes so, too, before its event
)

// sleep waits for events, for so long at most, and counts those that gnet will call back
// for.
func (d *dozer) sleep(most time.Duration) slept {
	d.coming = 0
	if atomic.LoadInt32(d.poller.tasks) != 0 {
		return awake
	}
	n, _, no := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(d.poller.epfd), uintptr(unsafe.Pointer(&d.events)), dozeEvents, uintptr(most.Milliseconds()), 0, 0)
	switch {
	case no == unix.EINTR:
		return disturbed
	case no != 0: // gnet will find out, too
		return awake
	case n == 0:
		return rested
	}
	d.coming = int(n)
	for i := range d.events[:n] {
		if int(d.events[i].Fd) == d.poller.taskFD {
			d.coming--
			d.putBack()
		}
	}
	return awake
}

// putBack has the edge that says there are tasks come again, for gnet.
func (d *dozer) putBack() {
	ev := unix.EpollEvent{Fd: int32(d.poller.taskFD), Events: unix.EPOLLIN | unix.EPOLLPRI | unix.EPOLLET | unix.EPOLLRDHUP}
	_ = unix.EpollCtl(d.poller.epfd, unix.EPOLL_CTL_MOD, d.poller.taskFD, &ev)
}
