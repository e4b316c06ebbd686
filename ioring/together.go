package ioring

import (
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// An fsync is several trips to the disk, one after the other: the file's bytes, its
// inode, and the disk's own cache; and on io_uring a kernel thread for each. Many that
// come at once are done by one syncfs, which writes all of them side by side, and one
// fdatasync behind it. 160 files of 16 KiB: 4 instead of 12 ms, and a seventh of the CPU.
//
// Why that is as good as an fsync of each:
//
//   - bytes, inodes, extents: syncfs writes what was dirty when it began, of all files,
//     and waits for it;
//   - the disk's cache: XFS leaves it alone where its log is clean. The fdatasync of one
//     of the files, behind it, empties it in any case;
//   - errors: syncfs reports a write-back that failed, of any file of the file system,
//     once for each descriptor. Ours is older than every file of the ring, and after the
//     first error it is never used again, not even for those that wait: which file lost
//     something only an fsync of each can tell, and there the error still is.
//
// It also writes what others have made dirty on the same file system. Where that is much
// (dirtyMost before, foreignMax after it), or it takes longer than togetherSlow, there is
// none for restFirst, and for twice as long, up to restMost, each time that the next one
// is no better.
const (
	togetherMin  = 16 // fsyncs since the last Submit
	togetherSlow = 100 * time.Millisecond
	restFirst    = time.Second
	restMost     = time.Minute
)

// together is the fsyncs of a ring that one syncfs may do. Owner only, but for vol and
// the last two.
type together struct {
	vol   volume
	slow  time.Duration // togetherSlow; tests have none that is slow
	fresh []*Op         // since the last Submit
	held  []*Op         // many; they wait for the syncfs that runs
	runs  []*Op         // it does these, and then those that are still to be reported
	spare []*Op         // empty
	own   int64         // bytes written since the last one began, or in a rest the last fsync
	off   bool          // after an error, for good
	until time.Time     // of a rest
	rest  time.Duration

	over    atomic.Pointer[outcome] // of the one that ran, for Reap
	running sync.WaitGroup          // the goroutine, which rings the bell last
}

// outcome is how a syncfs and the fdatasync behind it ended.
type outcome struct {
	fs, first error // of the syncfs; of the fdatasync, which is the first file's
	skipped   bool  // there was so much to write that it was left
	foreign   bool  // it wrote much that is not ours
	took      time.Duration
}

// Syncfs says whether many fsyncs can be one syncfs here, and why; known is false before
// the ring's first file. Safe for concurrent use.
func (r *Ring) Syncfs() (why string, can, known bool) { return r.together.vol.reason() }

// count is how many operations the engine does not have.
func (t *together) count() int { return len(t.fresh) + len(t.held) + len(t.runs) }

// alone says whether files are flushed one by one: after an error, and in a rest.
func (t *together) alone() bool { return t.off || time.Now().Before(t.until) }

// startFsyncs sends what wants an fsync since the last Submit: one by one, or together.
func (r *Ring) startFsyncs() {
	t := &r.together
	if len(t.fresh)+len(t.held) == 0 {
		return
	}
	alone := t.alone()
	if len(t.fresh) >= togetherMin && !alone {
		t.held = append(t.held, t.fresh...)
	} else {
		r.fsyncEach(t.fresh)
	}
	t.fresh = emptied(t.fresh)
	if len(t.runs) > 0 {
		return
	}
	if alone {
		r.fsyncEach(t.held)
		t.held, t.own = emptied(t.held), 0
		return
	}
	if len(t.held) > 0 {
		ops, own := t.held, t.own
		t.runs, t.held, t.spare, t.own = ops, t.spare, nil, 0
		t.running.Go(func() { r.syncTogether(ops, own) })
	}
}

func emptied(ops []*Op) []*Op {
	clear(ops)
	return ops[:0]
}

func (r *Ring) fsyncEach(ops []*Op) {
	r.count.Fsyncs += int64(len(ops))
	for _, op := range ops {
		r.eng.fsync(op)
	}
}

// syncTogether is a goroutine of its own, for it may take long. The operations, which are
// in flight, keep their files open until its outcome is reaped.
func (r *Ring) syncTogether(ops []*Op, own int64) {
	var o outcome
	began := time.Now()
	if o.skipped, o.foreign, o.fs = r.together.vol.sync(own); o.fs == nil && !o.skipped {
		o.first = unix.Fdatasync(ops[0].File.fd)
	}
	o.took = time.Since(began)
	r.together.over.Store(&o)
	r.ringBell()
}

// reapTogether reports what a syncfs did, and says whether there is more to submit. Where
// it did nothing, or not all, each of the files is asked by itself.
func (r *Ring) reapTogether() (again bool) {
	t := &r.together
	o := t.over.Swap(nil)
	if o == nil {
		return false
	}
	r.judge(o)
	ops, done := t.runs, t.runs
	switch {
	case o.first != nil: // the first file has been asked
		done = ops[:1]
	case o.fs != nil, o.skipped:
		done = nil
	default:
		r.count.SyncfsFiles += int64(len(ops))
	}
	t.runs = done
	r.fsyncEach(ops[len(done):])
	for i, op := range done {
		t.runs = done[i+1:] // a Done may push
		op.state.fsyncOnly, op.state.fsyncErr = true, errnoOfError(o.first)
		r.report(op)
	}
	t.spare = emptied(ops)
	return true
}

// judge decides whether there is to be another one.
func (r *Ring) judge(o *outcome) {
	t := &r.together
	if !o.skipped {
		r.count.Syncfs++
	}
	if o.fs != nil || o.first != nil {
		t.off = true
		r.count.SyncfsFailed++
	}
	if !o.skipped && !o.foreign && o.took <= t.slow {
		t.rest = 0
		return
	}
	t.rest = min(max(2*t.rest, restFirst), restMost)
	t.until = time.Now().Add(t.rest)
	r.count.SyncfsRests++
}
