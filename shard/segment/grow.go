package segment

import (
	"os"
	"time"

	"umbra/ioring"
)

// Disk room is taken in steps ahead of the writes, away from the loop, so that
// a full disk shows before bytes are written, and so that a write changes
// neither the length nor the allocation of its file.
const (
	growStepMin = 64 << 10
	growStepMax = 64 << 20
)

// growTarget is how much room a segment of size bytes shall have.
func (l *Log) growTarget(size int64) int64 {
	step := min(max(size, growStepMin), growStepMax)
	limit := max(l.cfg.SegmentBytes, size)
	return roundUp(min(size+step, limit), blockSize)
}

// addSegment makes the segment that begins with the batch at base. Bytes may
// be appended to it at once; they are written when its file exists.
func (l *Log) addSegment(base int64) *segment {
	seg := newSegment(l.dir, base, l.cfg.IndexInterval, l.env.Now())
	seg.vbase = l.vend()
	l.segs = append(l.segs, seg)
	return seg
}

// ensureSpace keeps the room of the active segment ahead of its size.
func (l *Log) ensureSpace(seg *segment) {
	target := l.growTarget(seg.size)
	if seg.growing || l.space.full || seg.size+(target-seg.size)/2 <= seg.allocated {
		return
	}
	seg.growing = true
	least := roundUp(seg.size, blockSize)
	file := seg.file
	before := l.sealedBefore(seg)
	var got int64
	l.enqueue(func() (err error) {
		if file == nil {
			file, err = createSegment(l.env.Ring, l.dir, seg.path, before)
			if err != nil {
				return err
			}
		}
		got, err = allocate(file, target, least)
		return err
	}, func(err error) {
		seg.growing = false
		seg.file = file
		switch {
		case err == nil:
			seg.allocated = max(seg.allocated, got)
			l.markDirty()
			// It may have grown meanwhile. With the disk nearly full there was
			// room for what is appended only; more is tried at the next append.
			if got == target || seg.allocated < seg.size {
				l.ensureSpace(seg)
			}
		case isNoSpace(err):
			l.noSpace(err)
		default:
			l.fail(err)
		}
	})
}

// sealed is the final form of a sealed segment.
type sealed struct {
	sum summary
	idx *index
}

// sealedBefore is the segment before one whose file is about to be made; nil
// when its index file is final already.
func (l *Log) sealedBefore(seg *segment) *sealed {
	n := len(l.segs)
	if seg.file != nil || n < 2 || l.segs[n-1] != seg || l.segs[n-2].trimmed {
		return nil
	}
	prev := l.segs[n-2]
	return &sealed{sum: prev.summary, idx: prev.idx.frozen()}
}

// createSegment makes an empty file whose name is durable before a byte of it
// is written. Before that it writes the index file of the segment before: it
// says how long that one is when it is whole, so that recovery knows whether
// the new segment continues the log.
func createSegment(ring *ioring.Ring, dir, path string, before *sealed) (*ioring.File, error) {
	if before != nil {
		name := fileName(before.sum.base, indexSuffix)
		if err := writeAtomic(dir, name, encodeIndex(before.idx, &before.sum)); err != nil {
			return nil, err
		}
	}
	f, err := ring.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o640, true)
	if err != nil {
		return nil, err
	}
	if err := ioring.SyncDir(dir); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// allocate takes target bytes of room, or least when that is all there is.
func allocate(f *ioring.File, target, least int64) (int64, error) {
	err := f.Allocate(target)
	if err != nil && isNoSpace(err) && least < target {
		target, err = least, f.Allocate(least)
	}
	return target, err
}

// rollWanted: n more bytes shall begin a new segment.
func (l *Log) rollWanted(n int64) bool {
	seg := l.active()
	return seg != nil && (seg.size+n > l.cfg.SegmentBytes || l.tooOld(seg, l.env.Now()))
}

func (l *Log) tooOld(seg *segment, now time.Time) bool {
	return l.cfg.SegmentAge > 0 && now.Sub(seg.born) >= l.cfg.SegmentAge
}

// RollIfDue closes the active segment when it is old enough, also without a
// new append, or when all of its records are past their retention: only whole
// sealed segments go, and a quiet topic must not keep records for SegmentAge
// that Retention says are to go. The owner calls it now and then; it is where an idle log gives
// its slabs back, too. The next segment is made by the next append.
func (l *Log) RollIfDue(now time.Time) {
	if l.Err() != nil {
		return
	}
	if seg := l.active(); seg != nil && (l.tooOld(seg, now) || l.expired(seg, now)) && l.resv.p == nil {
		l.seal()
	}
	if now.Sub(l.lastAt) >= idleAfter {
		l.dropIdle()
	}
}

// idleAfter: a log that took no slab for this long keeps none.
const idleAfter = 10 * time.Second

// seal closes the active segment. What of it is not written follows by itself;
// once it is fsynced it is cut to its exact length and gets its index file.
func (l *Log) seal() {
	seg := l.active()
	seg.sealed = true
	l.tail = l.tail[:0]
	l.sync.want = max(l.sync.want, seg.vend())
	l.takeCheckpoint()
	l.markDirty()
}

// finishSeals queues the last work on sealed segments that are durable now.
func (l *Log) finishSeals() {
	for _, seg := range l.segs {
		if seg.sealed && !seg.trimmed && seg.vend() <= l.vdurable {
			l.finishSeal(seg)
		}
	}
}

func (l *Log) finishSeal(seg *segment) {
	seg.trimmed = true
	seg.users++
	file, sum, idx := seg.file, seg.summary, seg.idx.frozen()
	l.enqueue(func() error {
		if err := file.Truncate(sum.size); err != nil {
			return err
		}
		return writeIndex(l.dir, idx, &sum)
	}, func(err error) {
		if err != nil {
			// The log works without: recovery cuts the zeros off and makes the index.
			l.env.Log.Warn("could not finish a sealed segment", "file", seg.path, "error", err)
		}
		l.leave(seg)
		l.keepWarm(seg)
	})
}
