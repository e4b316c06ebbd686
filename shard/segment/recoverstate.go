package segment

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"umbra/ioring"
	"umbra/kafkaproto/batch"
)

// checkFloor: the log must reach up to what was durable.
func (r *loader) checkFloor() error {
	f := r.out.floor
	if r.out.end() < f.offset {
		return &DamageError{File: filepath.Join(r.dir, fileName(f.base, logSuffix)), Pos: f.pos, Offset: r.out.end(),
			Reason: fmt.Sprintf("the log ends at offset %d, up to %d it was durable", r.out.end(), f.offset)}
	}
	return nil
}

// dropBelowStart finishes what a move of the log start left to do. The newest
// segment stays: it says where the log ends. What the state knows of the
// others is put on disk before they go.
func (r *loader) dropBelowStart() error {
	if len(r.out.segs) < 2 || r.out.segs[0].last >= r.out.start {
		return nil
	}
	if err := writeAtomic(r.dir, fileName(r.out.end(), stateSuffix), r.out.state.Encode(nil)); err != nil {
		return err
	}
	for len(r.out.segs) > 1 && r.out.segs[0].last < r.out.start {
		if err := r.removeSegment(r.out.segs[0].base); err != nil {
			return err
		}
		r.out.segs = r.out.segs[1:]
	}
	return nil
}

// replayState takes the newest valid snapshot and applies the batches behind
// it. Snapshots above the end are of a log that is gone.
func (r *loader) replayState() error {
	offsets, err := listOffsets(r.dir, stateSuffix)
	if err != nil {
		return err
	}
	end, from := r.out.end(), r.out.start
	if len(r.out.segs) > 0 {
		from = r.out.segs[0].base
	}
	r.out.state.Reset(from)
	for i := len(offsets) - 1; i >= 0; i-- {
		path := filepath.Join(r.dir, fileName(offsets[i], stateSuffix))
		if offsets[i] > end {
			r.changed = true
			if err := os.Remove(path); err != nil {
				return err
			}
			continue
		}
		if ok, err := r.takeSnapshot(path, offsets[i]); ok || err != nil {
			if err != nil {
				return err
			}
			break
		}
	}
	for _, seg := range r.out.segs {
		if err := r.replay(seg); err != nil {
			return err
		}
	}
	r.out.state.TruncateFromStart(r.out.start)
	return nil
}

func (r *loader) takeSnapshot(path string, offset int64) (bool, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return false, err
	}
	snap := new(State)
	if err := snap.Decode(b); err != nil || snap.Next() != offset {
		r.env.Log.Warn("a state snapshot is damaged; an older one and the batches behind it are read instead", "file", path, "error", err)
		return false, nil
	}
	r.out.state, r.snapped = snap, offset
	return true, nil
}

func (r *loader) replay(seg *segment) error {
	st := r.out.state
	if seg.last < st.Next() {
		return nil
	}
	pos := int64(0)
	if seg.idx != nil {
		pos = seg.idx.find(st.Next())
	}
	in, err := openScanner(seg.path, pos, seg.size)
	if err != nil {
		return err
	}
	defer in.close()
	for {
		at := in.pos
		v, h, err := in.next(false)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return seg.damage(at, err)
		}
		if h.BaseOffset < st.Next() {
			continue
		}
		if !h.Attributes.IsControl() {
			v = nil
		} else if len(v) == batch.HeadSize {
			continue // a control batch too large to be a marker
		}
		st.Apply(&h, v)
	}
}

// openActive makes the newest segment ready to be appended to.
func (r *loader) openActive() error {
	for i, seg := range r.out.segs {
		if i < len(r.out.segs)-1 {
			seg.sealed, seg.trimmed, seg.idx = true, true, nil
		}
	}
	if len(r.out.segs) == 0 {
		return nil
	}
	seg := r.out.segs[len(r.out.segs)-1]
	in, err := openScanner(seg.path, 0, seg.size)
	if err != nil {
		return err
	}
	defer in.close()
	seg.allocated = seg.size &^ (blockSize - 1)
	r.out.tail = make([]byte, seg.size-seg.allocated)
	if err := in.readAt(r.out.tail, seg.allocated); err != nil {
		return err
	}
	seg.file, err = r.env.Ring.OpenFile(seg.path, os.O_RDWR, 0, true)
	return err
}

// saveMeta records what is known to be durable now.
func (r *loader) saveMeta() error {
	if r.changed {
		if err := ioring.SyncDir(r.dir); err != nil {
			return err
		}
	}
	f := floor{offset: r.out.end(), base: r.out.end()}
	if n := len(r.out.segs); n > 0 {
		f.base, f.pos = r.out.segs[n-1].base, r.out.segs[n-1].size
	}
	if r.found && f == r.out.floor {
		r.out.whole = !r.scanned && r.snapped == f.offset
		return nil
	}
	err := writeMeta(r.dir, meta{id: r.env.Identity, start: r.out.start, floor: f})
	if err != nil && r.found && isNoSpace(err) {
		return nil // the old one is true, too
	}
	r.out.floor = f
	return err
}

func (r *loader) closeFiles() {
	for _, seg := range r.out.segs {
		if seg.file != nil {
			seg.file.Close()
		}
	}
}
