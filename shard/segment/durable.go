package segment

import "umbra/ioring"

// syncing is the log's fsync. One is in flight at a time; whoever asks
// meanwhile shares the next one (group commit).
type syncing struct {
	op   ioring.Op
	busy bool // an fsync, plain or chained to a write, is in flight
	toV  int64
	to   int64
	want int64 // fsync asked for up to here, besides the waiters
	stop func()
}

func (s *syncing) stopTimer() {
	if s.stop != nil {
		s.stop()
		s.stop = nil
	}
}

// waiter waits for durability up to v.
type waiter struct {
	v      int64
	offset int64
	f      func(error)
}

// WhenDurable calls f once everything below offset is fsynced, or with the
// reason why it never will be: ErrFailed, ErrNoSpace, ErrReset, ErrClosed, or
// ErrOutOfRange for an offset above EndOffset. f may be called before
// WhenDurable returns.
func (l *Log) WhenDurable(offset int64, f func(error)) {
	switch {
	case l.closed:
		f(ErrClosed)
	case l.failed != nil:
		f(l.failed)
	case offset <= l.durable:
		f(nil)
	case offset > l.end:
		f(ErrOutOfRange)
	default:
		l.waiters = append(l.waiters, waiter{l.positionOf(offset), offset, f})
		l.markDirty()
	}
}

// Flush calls f when everything appended so far is fsynced.
func (l *Log) Flush(f func(error)) { l.WhenDurable(l.end, f) }

// positionOf gives where the batch before offset ends.
func (l *Log) positionOf(offset int64) int64 {
	if offset <= l.written {
		return l.vmark
	}
	lo, hi := l.marks.head, len(l.marks.items)
	for lo < hi {
		if mid := (lo + hi) / 2; l.marks.items[mid].next < offset {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return l.marks.items[lo].v
}

// nextWanted is the lowest position above vdurable that someone wants fsynced;
// false when nobody does.
func (l *Log) nextWanted() (int64, bool) {
	v, ok := l.sync.want, l.sync.want > l.vdurable
	for i := range l.waiters {
		if w := l.waiters[i].v; !ok || w < v {
			v, ok = w, true
		}
	}
	return v, ok
}

// syncSegment is the first segment with bytes that are not fsynced.
func (l *Log) syncSegment() *segment {
	for _, s := range l.segs {
		if s.vend() > l.vdurable {
			return s
		}
	}
	return nil
}

// chainSync says whether the write up to endV shall carry its fsync: someone
// wants it, and everything else of the log is on disk, so that the fsync covers
// all below endV.
func (l *Log) chainSync(seg *segment, endV int64) bool {
	if l.sync.busy || l.writing > 0 || l.vdurable < seg.vbase {
		return false
	}
	v, ok := l.nextWanted()
	return ok && v <= endV
}

// pushSync starts an fsync when someone wants one and what he wants is written.
func (l *Log) pushSync() {
	if l.sync.busy {
		return
	}
	want, ok := l.nextWanted()
	seg := l.syncSegment()
	if !ok || seg == nil || seg.file == nil || want > l.vwritten {
		return
	}
	l.sync.toV, l.sync.to = l.vwritten, l.written
	if seg.vend() <= l.vwritten {
		l.sync.toV, l.sync.to = seg.vend(), seg.last+1
	}
	l.sync.op.Kind, l.sync.op.File = ioring.Sync, seg.file
	if l.sync.op.Done == nil {
		l.sync.op.Done = l.syncFinished
	}
	if l.pushOp(&l.sync.op) {
		l.sync.busy = true
		l.stats.Syncs++
	}
}

func (l *Log) syncFinished(op *ioring.Op) {
	l.sync.busy = false
	l.markDirty()
	if op.Err != nil {
		l.fail(op.Err)
		return
	}
	if l.failed != nil {
		return
	}
	l.vdurable, l.durable = l.sync.toV, l.sync.to
	l.afterSync()
	l.flushWindow()
	l.env.Advanced()
}

// afterSync does what waited for durability.
func (l *Log) afterSync() {
	if l.vdurable >= l.vwritten {
		l.sync.stopTimer()
	}
	l.finishSeals()
	l.checkpointDue()
	l.wakeWaiters(nil, func(w *waiter) bool { return w.v <= l.vdurable })
}

// wakeWaiters takes the waiters that is says true for off the list and calls
// them with err. A callback may do anything with the log.
func (l *Log) wakeWaiters(err error, is func(*waiter) bool) {
	woken, kept := l.woken[:0], l.waiters[:0]
	l.woken = nil
	for _, w := range l.waiters {
		if is(&w) {
			woken = append(woken, w)
		} else {
			kept = append(kept, w)
		}
	}
	clear(l.waiters[len(kept):])
	l.waiters = kept
	for i := range woken {
		woken[i].f(err)
	}
	clear(woken)
	l.woken = woken
}

func (l *Log) failWaiters(err error) { l.wakeWaiters(err, func(*waiter) bool { return true }) }

// flushWindow bounds in time and bytes how long written bytes stay unsynced. The logs of
// a shard flush in step: the ring then makes many of them durable at once.
func (l *Log) flushWindow() {
	open := l.vwritten - l.vdurable
	if open <= 0 || l.failed != nil || l.closed {
		return
	}
	if l.cfg.FlushBytes > 0 && open >= l.cfg.FlushBytes {
		l.syncWritten()
		return
	}
	if l.sync.stop == nil && l.cfg.FlushInterval > 0 {
		l.sync.stop = l.env.Within(l.cfg.FlushInterval, func() {
			l.sync.stop = nil
			l.syncWritten()
		})
	}
}

func (l *Log) syncWritten() {
	l.sync.want = max(l.sync.want, l.vwritten)
	l.markDirty()
}
