package segment

import (
	"fmt"
	"os"

	"umbra/ioring"
)

// warmMax is how many sealed segments of one log stay open with their index
// in memory after a read.
const warmMax = 4

// visit makes the file and the index of seg usable and calls f, at once when
// they are. On success the caller holds the segment until leave.
func (l *Log) visit(seg *segment, f func(error)) {
	seg.users++
	if seg.file != nil && seg.idx != nil {
		l.keepWarm(seg)
		f(nil)
		return
	}
	file, idx := seg.file, seg.idx
	opened := file == nil
	sum, path, interval := seg.summary, seg.path, l.cfg.IndexInterval
	flag := os.O_RDWR
	if seg.trimmed { // it is not written again
		flag = os.O_RDONLY
	}
	l.env.Offload(func() (err error) {
		if idx == nil {
			if idx, err = loadIndex(l.dir, path, &sum, interval); err != nil {
				return err
			}
		}
		if opened {
			file, err = l.env.Ring.OpenFile(path, flag, 0, true)
		}
		return err
	}, func(err error) {
		if err != nil {
			l.leave(seg)
		} else {
			l.takeVisit(seg, file, idx, opened)
			l.keepWarm(seg)
		}
		f(err)
	})
}

func (l *Log) takeVisit(seg *segment, file *ioring.File, idx *index, opened bool) {
	if seg.idx == nil {
		seg.idx = idx
	}
	switch {
	case opened && seg.file != nil: // somebody else was quicker
		l.closeLater(file)
	case opened:
		seg.file = file
	}
}

// leave ends a visit.
func (l *Log) leave(seg *segment) {
	seg.users--
	if seg.users == 0 && seg.dropped && seg.file != nil {
		l.closeLater(seg.file)
		seg.file = nil
	}
	if seg.users < 0 {
		panic(fmt.Sprintf("BUG: %s left more often than visited", seg.path))
	}
	l.coolDown()
}

// closeLater closes a file nobody uses, away from the loop.
func (l *Log) closeLater(f *ioring.File) {
	l.env.Offload(f.Close, func(err error) {
		if err != nil {
			l.env.Log.Warn("could not close a segment", "file", f.Name(), "error", err)
		}
	})
}

// keepWarm notes that seg was used last.
func (l *Log) keepWarm(seg *segment) {
	if !seg.sealed || !seg.trimmed || seg.dropped {
		return
	}
	for i, s := range l.warm {
		if s == seg {
			copy(l.warm[i:], l.warm[i+1:])
			l.warm[len(l.warm)-1] = seg
			return
		}
	}
	l.warm = append(l.warm, seg)
	l.coolDown()
}

// coolDown closes the sealed segments used longest ago beyond warmMax.
func (l *Log) coolDown() {
	for i := 0; len(l.warm) > warmMax && i < len(l.warm); {
		seg := l.warm[i]
		if seg.users > 0 {
			i++
			continue
		}
		l.warm = append(l.warm[:i], l.warm[i+1:]...)
		if seg.file != nil {
			l.closeLater(seg.file)
		}
		seg.file, seg.idx = nil, nil
	}
}

// loadIndex reads the sidecar of a sealed segment, or makes the index again
// from the batches and writes it.
func loadIndex(dir, path string, sum *summary, interval int) (*index, error) {
	if x, s, err := readIndex(dir, sum.base); err == nil && s == *sum {
		return x, nil
	}
	seg := segment{summary: emptySummary(sum.base), idx: &index{base: sum.base, interval: interval}, path: path}
	if err := seg.addFrom(sum.size); err != nil {
		return nil, err
	}
	// Without the sidecar the next visit makes it again, so an error is no matter.
	_ = writeIndex(dir, seg.idx, &seg.summary)
	return seg.idx, nil
}

// addFrom walks the batches from seg.size to limit, all of which were durable,
// into the index.
func (s *segment) addFrom(limit int64) error {
	in, err := openScanner(s.path, s.size, limit)
	if err != nil {
		return err
	}
	defer in.close()
	for s.size < limit {
		pos := in.pos
		_, h, err := in.next(false)
		if err == nil && h.BaseOffset <= s.last {
			err = in.torn("offset %d is not above %d", h.BaseOffset, s.last)
		}
		if err != nil {
			return s.damage(pos, err)
		}
		s.add(&h)
	}
	return nil
}

// damage turns a torn batch below the durable point into what it is.
func (s *segment) damage(pos int64, err error) error {
	torn, ok := err.(*errTorn)
	if !ok {
		return err
	}
	return &DamageError{File: s.path, Pos: pos, Offset: s.last + 1, Reason: torn.reason}
}
