package segment

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"umbra/kafkaproto/batch"
)

// TimeOffset is a record found by time.
type TimeOffset struct {
	Found       bool // false: no record is as new; the other fields are -1
	Offset      int64
	Timestamp   int64 // the record's, milliseconds
	LeaderEpoch int32 // of its batch
}

func nothingFound() TimeOffset { return TimeOffset{Offset: -1, Timestamp: -1, LeaderEpoch: -1} }

// OffsetForTime finds the first record, in offset order, from StartOffset on
// and below WrittenOffset, whose timestamp is at least ts. Transaction markers
// count, as they do in Kafka (FileRecords.searchForTimestamp). The look into the
// batch, which may have to decompress it, is done away from the loop.
func (l *Log) OffsetForTime(ts int64, done func(TimeOffset, error)) {
	l.lookUp(ts, done)
}

// OffsetOfMaxTimestamp finds the first record with the largest timestamp
// (ListOffsets -3).
func (l *Log) OffsetOfMaxTimestamp(done func(TimeOffset, error)) {
	ts, _ := l.MaxTimestamp()
	if ts < 0 {
		done(nothingFound(), nil)
		return
	}
	l.lookUp(ts, done)
}

func (l *Log) lookUp(ts int64, done func(TimeOffset, error)) {
	if l.closed {
		done(nothingFound(), ErrClosed)
		return
	}
	var walks []walk
	for _, s := range l.segs {
		if limit := l.readable(s); s.maxTime >= ts && s.last >= l.start && limit > 0 {
			walks = append(walks, walk{seg: s, sum: s.summary, limit: limit})
		}
	}
	if len(walks) == 0 {
		done(nothingFound(), nil)
		return
	}
	l.cold++
	for i := range walks {
		w := &walks[i]
		w.seg.users++ // keeps files from being changed under us, not from being unlinked
		if w.seg.idx != nil {
			w.pos, _ = w.seg.idx.findTime(ts)
		}
	}
	look := timeLook{ts: ts, start: l.start, upTo: l.written}
	found := nothingFound()
	l.env.Offload(func() (err error) {
		found, err = look.find(l.dir, walks)
		return err
	}, func(err error) {
		l.cold--
		for i := range walks {
			l.leave(walks[i].seg)
		}
		if err != nil {
			err = fmt.Errorf("look up time %d in %s: %w", ts, l.dir, err)
		}
		done(found, err)
		l.settle()
	})
}

// walk is one segment to be looked through, from pos on.
type walk struct {
	seg   *segment // loop only
	sum   summary
	pos   int64
	limit int64
}

type timeLook struct {
	ts, start, upTo int64
	scratch         batch.Scratch
}

// find runs away from the loop.
func (t *timeLook) find(dir string, walks []walk) (TimeOffset, error) {
	defer t.scratch.Codecs.Close()
	for _, w := range walks {
		found, err := t.findIn(dir, w)
		if errors.Is(err, fs.ErrNotExist) {
			continue // retention took it meanwhile
		}
		if err != nil || found.Found {
			return found, err
		}
	}
	return nothingFound(), nil
}

func (t *timeLook) findIn(dir string, w walk) (TimeOffset, error) {
	pos := w.pos
	if pos == 0 {
		pos = sidecarTime(dir, w.sum, t.ts)
	}
	in, err := openScanner(segmentPath(dir, w.sum.base), pos, w.limit)
	if err != nil {
		return nothingFound(), err
	}
	defer in.close()
	for {
		at := in.pos
		_, h, err := in.next(false)
		if _, cut := err.(*errTorn); err == io.EOF || cut && w.limit < w.sum.size {
			return nothingFound(), nil // the written part may end inside a batch
		}
		if err == nil && (h.LastOffset < t.start || h.MaxTimestamp < t.ts) {
			continue
		}
		if err == nil && h.LastOffset >= t.upTo {
			return nothingFound(), nil
		}
		var v batch.View
		if err == nil {
			in.pos = at
			v, h, err = in.next(true)
		}
		if err != nil {
			s := segment{summary: w.sum, path: segmentPath(dir, w.sum.base)}
			return nothingFound(), s.damage(at, err)
		}
		if found, err := t.record(v); err != nil || found.Found {
			return found, err
		}
	}
}

var errFound = errors.New("found")

// record finds the first record of v that is new enough.
func (t *timeLook) record(v batch.View) (TimeOffset, error) {
	found := nothingFound()
	err := batch.Each(v, &t.scratch, func(r batch.Record) error {
		if r.Timestamp >= t.ts && r.Offset >= t.start {
			found = TimeOffset{Found: true, Offset: r.Offset, Timestamp: r.Timestamp, LeaderEpoch: v.LeaderEpoch()}
			return errFound
		}
		return nil
	})
	if err != nil && err != errFound {
		return nothingFound(), err
	}
	return found, nil
}

// sidecarTime asks the index file of a segment whose index is not in memory.
func sidecarTime(dir string, sum summary, ts int64) int64 {
	x, s, err := readIndex(dir, sum.base)
	if err != nil || s != sum {
		return 0
	}
	pos, _ := x.findTime(ts)
	return pos
}
