package segment

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"umbra/ioring"
	"umbra/kafkaproto/batch"
)

const (
	logSuffix   = ".log"   // Kafka's own: record batches and nothing else
	indexSuffix = ".idx"   // ours: sparse index, rebuildable
	stateSuffix = ".state" // ours: epochs, producers and transactions at an offset, rebuildable
)

// fileName is Kafka's: the offset in 20 digits.
func fileName(offset int64, suffix string) string { return fmt.Sprintf("%020d%s", offset, suffix) }

func segmentPath(dir string, base int64) string { return filepath.Join(dir, fileName(base, logSuffix)) }

func parseName(name, suffix string) (int64, bool) {
	digits, ok := strings.CutSuffix(name, suffix)
	if !ok || len(digits) != 20 {
		return 0, false
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	return n, err == nil && n >= 0
}

// segment is one file of the log. The last one may be active; the others are
// sealed. Loop only.
//
// The log counts bytes across its files: a batch at byte p of a segment is at
// vbase+p of the log. "v" in a name means such a position.
type segment struct {
	summary
	path   string
	vbase  int64
	sealed bool
	born   time.Time // of the active segment: when it was made or opened

	file      *ioring.File // nil: being made, or sealed and not opened for reading
	idx       *index       // nil: sealed and not loaded
	allocated int64        // bytes of the file that surely have room on disk
	growing   bool         // a job is making it or raising allocated
	trimmed   bool         // its seal job was queued: it is whole, fsynced, about to be cut to size

	users   int  // reads, loads and jobs that use file, idx or the path
	dropped bool // no longer part of the log; its file is closed when users is 0
}

func newSegment(dir string, base int64, interval int, now time.Time) *segment {
	return &segment{summary: emptySummary(base), path: segmentPath(dir, base),
		idx: &index{base: base, interval: interval}, born: now}
}

func (s *segment) vend() int64 { return s.vbase + s.size }

func (s *segment) add(h *batch.Head) {
	pos := s.size
	s.summary.add(h)
	s.idx.add(pos, h, s.maxTime)
}

// SegmentInfo describes one segment file.
type SegmentInfo struct {
	BaseOffset   int64
	LastOffset   int64 // BaseOffset-1 when empty
	Size         int64 // bytes of batches
	MaxTimestamp int64 // milliseconds, -1 when it has none
	Active       bool
	File         string
}

// Segments lists the segments, oldest first.
func (l *Log) Segments() []SegmentInfo {
	out := make([]SegmentInfo, 0, len(l.segs))
	for _, s := range l.segs {
		out = append(out, SegmentInfo{BaseOffset: s.base, LastOffset: s.last, Size: s.size,
			MaxTimestamp: s.maxTime, Active: !s.sealed, File: s.path})
	}
	return out
}

// Size is the bytes of batches in all segments, those below StartOffset in
// the first one included.
func (l *Log) Size() int64 {
	if len(l.segs) == 0 {
		return 0
	}
	return l.segs[len(l.segs)-1].vend() - l.segs[0].vbase
}

func (l *Log) active() *segment {
	if n := len(l.segs); n > 0 && !l.segs[n-1].sealed {
		return l.segs[n-1]
	}
	return nil
}

// segmentFor gives the first segment whose last offset is at least offset.
func (l *Log) segmentFor(offset int64) *segment {
	lo, hi := 0, len(l.segs)
	for lo < hi {
		if mid := (lo + hi) / 2; l.segs[mid].last < offset {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo == len(l.segs) {
		return nil
	}
	return l.segs[lo]
}
