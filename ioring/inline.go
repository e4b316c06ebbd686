package ioring

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// What a write to the page cache costs is a copy, unless something in the kernel is in
// its way; what a worker costs, two threads that wake up. So the owner makes a small one
// itself, and leaves the next ones to workers for a while as soon as one was slow. The
// owner is a loop that must not stand still: the while is long beside what it may cost.
const (
	inlineMax  = 64 << 10         // bytes of a write in line
	inlineSlow = time.Millisecond // one that takes longer
	inlineRest = 10 * time.Second // has none made in line for so long
)

// inline is what the owner wrote itself. Owner only.
type inline struct {
	done  []*Op // over, for Reap to report
	until time.Time
	now   func() time.Time // nil: time.Now
}

// takes says whether op is made in line. An fsync of the file under way may hold it up
// in the file system.
func (in *inline) takes(op *Op) bool {
	return op.cached() && !op.Sync && len(op.Buf) <= inlineMax && op.File.sync.running == nil &&
		(in.until.IsZero() || !in.clock().Before(in.until))
}

func (in *inline) clock() time.Time {
	if in.now != nil {
		return in.now()
	}
	return time.Now()
}

// write makes op and keeps its outcome; what is left after a short one Reap gives to
// the engine.
func (r *Ring) writeInline(op *Op) {
	began := r.inline.clock()
	n, err := unix.Pwrite(op.fd(), op.Buf, op.Off)
	r.count.Inline++
	op.state.transferN = max(n, 0)
	if no, ok := err.(syscall.Errno); ok {
		op.state.transferErr = no
	}
	r.inline.done = append(r.inline.done, op)
	if now := r.inline.clock(); now.Sub(began) > inlineSlow {
		r.inline.until = now.Add(inlineRest)
		r.count.InlineSlow++
	}
}

// reapInline reports what the owner wrote itself. What a Done writes so again is left to
// the next Reap, with a bell.
func (r *Ring) reapInline() (again bool) {
	n, continued := len(r.inline.done), r.count.Continued
	for _, op := range r.inline.done[:n] {
		r.report(op)
	}
	left := copy(r.inline.done, r.inline.done[n:])
	clear(r.inline.done[left:])
	r.inline.done = r.inline.done[:left]
	if left > 0 {
		r.ringBell()
	}
	return r.count.Continued != continued
}
