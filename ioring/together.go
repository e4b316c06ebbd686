package ioring

import (
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
//   - the disk's cache: ext4 without a journal empties it before it writes inodes, XFS not
//     at all where its log is clean. The fdatasync of one of the files, behind it, empties
//     it in either case;
//   - errors: since Linux 5.8 syncfs reports a write-back that failed, of any file of the
//     file system, once for each descriptor. Ours is older than every file of the ring, and
//     after the first error it is never used again: which file lost something only an
//     fsync of each can tell, and there the error still is.
//
// It also writes what others have made dirty on the same file system, see foreignMax.
const (
	togetherMin  = 16                     // fsyncs since the last Submit
	togetherSlow = 100 * time.Millisecond // after one that takes longer, or writes much that is not ours,
	restFirst    = time.Second            // there is none for so long, and for twice as long
	restMost     = time.Minute            // each time that the next one is no better
)

// together is the fsyncs of a ring that one syncfs may do. Owner only, but for over.
type together struct {
	vol   volume
	fresh []*Op // since the last Submit
	held  []*Op // many; they wait for the syncfs that runs
	runs  []*Op // it does these
	spare []*Op
	own   int64     // bytes written since the last one began
	off   bool      // after an error, for good
	until time.Time // of a rest
	rest  time.Duration

	over atomic.Pointer[outcome] // of the one that ran, for Reap
}

// outcome is how a syncfs and the fdatasync behind it ended.
type outcome struct {
	fs, first error // of the syncfs; of the fdatasync, which is the first file's
	took      time.Duration
	foreign   bool // it wrote much that is not ours
}

// startFsyncs sends what wants an fsync since the last Submit: one by one, or together.
func (r *Ring) startFsyncs() {
	t := &r.together
	if len(t.fresh) < togetherMin || t.off || time.Now().Before(t.until) {
		r.fsyncEach(t.fresh)
	} else {
		t.held = append(t.held, t.fresh...)
	}
	clear(t.fresh)
	t.fresh = t.fresh[:0]
	if len(t.held) > 0 && len(t.runs) == 0 {
		t.runs, t.held = t.held, t.spare[:0]
		go r.syncTogether(t.runs, t.own)
		t.own = 0
	}
}

func (r *Ring) fsyncEach(ops []*Op) {
	r.count.Fsyncs += int64(len(ops))
	for _, op := range ops {
		r.eng.fsync(op)
	}
}

// syncTogether is a goroutine of its own, for it may take long. The operations, which are
// in flight, keep their files and the ring from being closed before its outcome is reaped.
func (r *Ring) syncTogether(ops []*Op, own int64) {
	var o outcome
	began := time.Now()
	if o.foreign, o.fs = r.together.vol.sync(own); o.fs == nil {
		o.first = unix.Fdatasync(ops[0].File.fd)
	}
	o.took = time.Since(began)
	r.together.over.Store(&o)
	r.ringBell()
}

// reapTogether reports what a syncfs did, and says whether there is more to submit. After
// an error each of the files is asked by itself.
func (r *Ring) reapTogether() (again bool) {
	t := &r.together
	o := t.over.Swap(nil)
	if o == nil {
		return false
	}
	r.count.Syncfs++
	if o.took > togetherSlow || o.foreign {
		t.rest = min(max(2*t.rest, restFirst), restMost)
		t.until = time.Now().Add(t.rest)
		r.count.SyncfsRests++
	} else {
		t.rest = 0
	}
	ops := t.runs
	t.runs = nil
	done := ops
	if o.fs != nil || o.first != nil {
		t.off = true
		r.count.SyncfsFailed++
		done = ops[:0]
		if o.first != nil { // the first file has been asked
			done = ops[:1]
		}
		r.fsyncEach(ops[len(done):])
	}
	r.count.SyncfsFiles += int64(len(done))
	for _, op := range done {
		op.state.fsyncOnly, op.state.fsyncErr = true, errnoOfError(o.first)
		r.report(op)
	}
	clear(ops)
	t.spare = ops
	return true
}
