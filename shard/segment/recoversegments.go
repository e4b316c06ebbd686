package segment

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"umbra/ioring"
)

// findSegments takes the segments in order until the first one that is not
// whole; what comes after it does not continue the log, was not durable, and
// goes.
func (r *loader) findSegments() error {
	bases, err := listOffsets(r.dir, logSuffix)
	if err != nil {
		return err
	}
	for i, base := range bases {
		seg := newSegment(r.dir, base, r.cfg.IndexInterval, time.Time{})
		whole, err := r.recoverSegment(seg, i == len(bases)-1)
		if err != nil {
			return err
		}
		if seg.size > 0 {
			r.out.segs = append(r.out.segs, seg)
		}
		if whole {
			continue
		}
		if seg.size == 0 {
			i--
		}
		return r.removeAfter(bases[i+1:])
	}
	return nil
}

// recoverSegment fills seg in. whole: it has all its batches, so the next
// segment continues the log.
func (r *loader) recoverSegment(seg *segment, last bool) (whole bool, err error) {
	st, err := os.Stat(seg.path)
	if err != nil {
		return false, err
	}
	size, trusted := st.Size(), int64(0)
	switch f := r.out.floor; {
	case seg.base < f.base:
		trusted = size
	case seg.base == f.base:
		trusted = f.pos
	}
	if size < trusted {
		return false, &DamageError{File: seg.path, Pos: size, Offset: seg.base,
			Reason: fmt.Sprintf("the file has %d bytes, %d were durable", size, trusted)}
	}
	idx, side := r.readSidecar(seg.base)
	if idx != nil && side.size <= trusted {
		seg.summary, seg.idx = side, idx
	}
	if seg.size == size && size > 0 {
		if !last {
			seg.idx = nil // loaded when it is read
		}
		return true, nil
	}
	r.scanned = true
	if err := r.scanSegment(seg, size, trusted); err != nil {
		return false, err
	}
	if idx != nil && side.size > seg.size {
		// It speaks of batches that are gone.
		if err := os.Remove(filepath.Join(r.dir, fileName(seg.base, indexSuffix))); err != nil {
			return false, err
		}
	}
	whole = seg.size == size || seg.base < r.out.floor.base || idx != nil && side == seg.summary
	return whole && seg.size > 0, r.settleFile(seg, size)
}

func (r *loader) readSidecar(base int64) (*index, summary) {
	x, sum, err := readIndex(r.dir, base)
	if err != nil || sum.base != base {
		return nil, summary{}
	}
	return x, sum
}

// scanSegment walks the batches behind what the sidecar knew.
func (r *loader) scanSegment(seg *segment, size, trusted int64) error {
	if err := emptyCache(seg.path); err != nil {
		return err
	}
	in, err := openScanner(seg.path, seg.size, size)
	if err != nil {
		return err
	}
	defer in.close()
	for {
		_, h, err := in.next(in.pos >= trusted)
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
		case h.BaseOffset <= r.lastBefore(seg) || seg.size == 0 && h.BaseOffset != seg.base:
			err = in.torn("offset %d does not belong there", h.BaseOffset)
		case h.LastOffset-seg.base > maxRelative:
			err = in.torn("offset %d is too far from the segment's base", h.LastOffset)
		}
		if _, torn := err.(*errTorn); torn {
			return r.endOrDamage(seg, in, err, trusted)
		}
		if err != nil {
			return err
		}
		seg.add(&h)
	}
}

// emptyCache has what is read of a file come from the disk. After a kill the page cache
// may hold the only copy of its newest bytes, and after a failed write-back it goes on
// showing bytes, as clean as any, that never got there: so it is written back first,
// and then forgotten.
func emptyCache(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		return err
	}
	return os.NewSyscallError("posix_fadvise", unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED))
}

const maxRelative = 1<<31 - 1

// lastBefore is the last offset in front of the next batch of seg.
func (r *loader) lastBefore(seg *segment) int64 {
	if n := len(r.out.segs); seg.size == 0 && n > 0 {
		return r.out.segs[n-1].last
	}
	return seg.last
}

// endOrDamage decides what a position without a valid batch means. Above the
// durable bytes it is the end. Zeros to the end of a sealed file are room that
// was never used and whose cutting off did not survive.
func (r *loader) endOrDamage(seg *segment, in *scanner, torn error, trusted int64) error {
	if seg.size >= trusted {
		return nil
	}
	if seg.base < r.out.floor.base && seg.size > 0 {
		if zero, err := in.zeroFrom(seg.size); zero || err != nil {
			return err
		}
	}
	return seg.damage(seg.size, torn)
}

// settleFile cuts a scanned file to what is valid and makes it durable: what
// survived a kill may be in the page cache only.
func (r *loader) settleFile(seg *segment, size int64) error {
	if seg.size == 0 {
		return r.removeSegment(seg.base)
	}
	f, err := os.OpenFile(seg.path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if seg.size < size {
		r.env.Log.Info("cut off the end of a segment, which holds no valid batch", "file", seg.path, "from", seg.size, "bytes", size-seg.size)
		if err := f.Truncate(seg.size); err != nil {
			return err
		}
	}
	return f.Sync()
}

func (r *loader) removeSegment(base int64) error {
	r.changed = true
	return removeSegmentFiles(r.dir, base)
}

// removeAfter drops segments from the newest on, each removal durable before
// the next, so that a crash in between leaves a prefix.
func (r *loader) removeAfter(bases []int64) error {
	for i := len(bases) - 1; i >= 0; i-- {
		r.env.Log.Warn("removed a segment that does not continue the log", "file", filepath.Join(r.dir, fileName(bases[i], logSuffix)))
		if err := removeSegmentFiles(r.dir, bases[i]); err != nil {
			return err
		}
		if err := ioring.SyncDir(r.dir); err != nil {
			return err
		}
	}
	return nil
}

// removeSegmentFiles removes a segment and its sidecar; what is gone already
// is no error.
func removeSegmentFiles(dir string, base int64) error {
	for _, suffix := range []string{logSuffix, indexSuffix} {
		if err := os.Remove(filepath.Join(dir, fileName(base, suffix))); err != nil && !os.IsNotExist(err) {
			return err
		}
	}
	return nil
}
