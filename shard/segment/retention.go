package segment

import "time"

// SetStart moves the log's start up to offset, which may lie inside a batch:
// readers below it get ErrOutOfRange, and segments wholly below it are removed.
// The new start is durable before done is called and before it shows. An
// offset at or below StartOffset does nothing; one above EndOffset is ResetTo.
func (l *Log) SetStart(offset int64, done func(error)) {
	switch {
	case l.closed:
		done(ErrClosed)
	case l.failed != nil:
		done(l.failed)
	case offset <= l.start:
		done(nil)
	case offset > l.end:
		l.ResetTo(offset, done)
	case l.frozen() || l.space.rollback:
		l.exclusively(exclusive{abort: done, run: func(ended func()) {
			ended()
			l.SetStart(offset, done)
		}})
	case offset > l.durable:
		// Else a loss of power could take batches behind the new start, and with
		// them what the state knows of those below it.
		l.WhenDurable(offset, func(err error) {
			if err != nil {
				done(err)
				return
			}
			l.SetStart(offset, done)
		})
	default:
		l.moveStart(offset, done)
	}
}

func (l *Log) moveStart(offset int64, done func(error)) {
	m := l.metaNow()
	m.start = offset
	l.startWanted = max(l.startWanted, offset)
	l.enqueue(func() error { return writeMeta(l.dir, m) }, func(err error) {
		if err != nil {
			l.startWanted = l.start
			done(err)
			return
		}
		l.start = max(l.start, offset)
		l.state.TruncateFromStart(l.start)
		l.removeBelowStart()
		done(nil)
		l.env.Advanced()
	})
}

// removeBelowStart takes the sealed segments off the log that end below its
// start, and removes their files.
func (l *Log) removeBelowStart() {
	n := 0
	for n < len(l.segs) && l.segs[n].sealed && l.segs[n].trimmed && l.segs[n].last < l.start {
		n++
	}
	if n == 0 {
		return
	}
	gone := append([]*segment(nil), l.segs[:n]...)
	l.segs = append(l.segs[:0], l.segs[n:]...)
	var bases []int64
	for _, seg := range gone {
		bases = append(bases, seg.base)
		l.dropSegment(seg)
	}
	l.enqueue(func() error {
		for _, base := range bases {
			if err := removeSegmentFiles(l.dir, base); err != nil {
				return err
			}
		}
		return nil
	}, func(err error) {
		if err != nil {
			// Recovery removes them: the meta file says where the log starts.
			l.env.Log.Warn("could not remove a segment below the log's start", "dir", l.dir, "error", err)
		}
	})
}

// dropSegment closes a segment that left the log when its last reader is gone.
func (l *Log) dropSegment(seg *segment) {
	for i, s := range l.warm {
		if s == seg {
			l.warm = append(l.warm[:i], l.warm[i+1:]...)
			break
		}
	}
	for len(l.pieces) > 0 && l.pieces[0].seg == seg {
		l.dropOldest()
	}
	seg.dropped = true
	seg.users++
	l.leave(seg)
}

// Retain applies the retention settings: whole sealed segments go, oldest
// first, while their newest record is older than Retention, or while the rest
// of the log holds RetentionBytes. It also forgets silent producers.
func (l *Log) Retain(now time.Time) {
	if l.Err() != nil && l.Err() != ErrNoSpace {
		return
	}
	l.state.Expire(now, l.cfg.ProducerExpiry)
	start, size := l.start, l.Size()
	for i, seg := range l.segs {
		if !seg.sealed || !seg.trimmed || !(l.expired(seg, now) || l.overSize(size-seg.size)) {
			break
		}
		size -= seg.size
		start = seg.last + 1
		if i+1 < len(l.segs) {
			start = l.segs[i+1].base
		}
	}
	if start > l.start && start > l.startWanted {
		l.SetStart(start, func(err error) {
			if err != nil {
				l.env.Log.Warn("retention could not move the log's start", "dir", l.dir, "start", start, "error", err)
			}
		})
	}
}

func (l *Log) expired(seg *segment, now time.Time) bool {
	return l.cfg.Retention > 0 && seg.maxTime >= 0 && now.UnixMilli()-seg.maxTime > l.cfg.Retention.Milliseconds()
}

func (l *Log) overSize(rest int64) bool {
	return l.cfg.RetentionBytes > 0 && rest >= l.cfg.RetentionBytes
}
