package ioring

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// What a write to the page cache costs is a copy, unless something in the kernel is in
// its way; what a worker costs, two threads that wake up. So the owner makes a small one
// itself. The owner is a loop that must not stand still: not while something else has
// the file (the kernel lets one write at a time), not while the disk seems to hang, not
// too many bytes a turn, and after one that was slow all the same, none for a while that
// is long beside what it cost.
const (
	inlineMax   = 64 << 10              // bytes of a write in line
	inlineBatch = 256 << 10             // bytes between two Reaps
	inlineSlow  = time.Millisecond      // one that takes longer, a wait for a Go processor included,
	inlineRest  = 10 * time.Second      // has none made in line for so long
	inlineHang  = 20 * time.Millisecond // no fsync ended for so long though one runs
)

// inline is what the owner wrote itself. Owner only.
type inline struct {
	done  []*Op // over, for Reap to report
	bytes int   // since the last Reap
	until time.Time
	now   func() time.Time // nil: time.Now

	syncs    int       // fsyncs of the ring that run
	syncMove time.Time // when the first of them began or the last one ended
}

func (in *inline) clock() time.Time {
	if in.now != nil {
		return in.now()
	}
	return time.Now()
}

// syncBegins and syncEnds hear of every fsync of the ring.
func (in *inline) syncBegins() {
	if in.syncs++; in.syncs == 1 {
		in.syncMove = in.clock()
	}
}

func (in *inline) syncEnds() {
	in.syncs--
	in.syncMove = in.clock()
}

// takes says whether op, which was pushed, is made in line.
func (in *inline) takes(op *Op) bool {
	if !op.cached() || op.Sync || len(op.Buf) > inlineMax || in.bytes+len(op.Buf) > inlineBatch || !op.File.idleButOne() {
		return false
	}
	now := in.clock()
	return !now.Before(in.until) && (in.syncs == 0 || now.Sub(in.syncMove) < inlineHang)
}

// writeInline makes op and keeps its outcome; what is left after a short one Reap gives
// to the engine.
func (r *Ring) writeInline(op *Op) {
	began := r.inline.clock()
	n, err := unix.Pwrite(op.fd(), op.Buf, op.Off)
	r.count.Inline++
	op.state.transferN = max(n, 0)
	if no, ok := err.(syscall.Errno); ok {
		op.state.transferErr = no
	}
	op.File.inlined++
	r.inline.bytes += len(op.Buf)
	r.inline.done = append(r.inline.done, op)
	if now := r.inline.clock(); now.Sub(began) > inlineSlow {
		r.inline.until = now.Add(inlineRest)
		r.count.InlineSlow++
	}
}

// reapInline reports what the owner wrote itself up to now.
func (r *Ring) reapInline() {
	in := &r.inline
	in.bytes = 0
	n := len(in.done)
	for i := range n {
		op := in.done[i]
		op.File.inlined--
		r.report(op)
	}
	left := copy(in.done, in.done[n:])
	clear(in.done[left:])
	in.done = in.done[:left]
}
