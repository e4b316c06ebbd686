package verify

import (
	"bytes"
	"errors"
	"fmt"

	"umbra/kafkaproto/batch"
)

// comparer walks two streams of batches of one partition in step.
type comparer struct {
	compacted bool
	next      int64 // the offset both streams go on at
	round     int64 // next at the beginning of the present chunks
	batches   int64
	bytes     int64
	skipped   []Range
}

// compare goes as far as both chunks hold whole batches that begin below end.
// It returns the first difference, nil when there is none so far. Each chunk
// must begin with the batch that holds c.next, or be empty where its log has
// none; where a chunk ends says nothing about its log.
func (c *comparer) compare(theirs, ours []byte, end int64) *Difference {
	c.round = c.next
	for c.next < end {
		a, restA, errA := batch.Next(theirs)
		b, restB, errB := batch.Next(ours)
		if d, over := c.ends(errA, errB, len(theirs), len(ours), end); over {
			return d
		}
		switch {
		case a.LastOffset() < c.next:
			theirs = restA
			continue
		case b.LastOffset() < c.next:
			ours = restB
			continue
		}
		if !bytes.Equal(a, b) {
			if d := c.differ(a, b); d != nil {
				return d
			}
			if a.LastOffset() <= b.LastOffset() {
				theirs = restA
			}
			if b.LastOffset() <= a.LastOffset() {
				ours = restB
			}
			c.next = min(a.LastOffset(), b.LastOffset()) + 1
			continue
		}
		c.batches++
		c.bytes += int64(len(a))
		c.next = a.LastOffset() + 1
		theirs, ours = restA, restB
	}
	return nil
}

// ends handles a side that has no further whole batch.
func (c *comparer) ends(errA, errB error, leftA, leftB int, end int64) (d *Difference, over bool) {
	cut := func(err error, left int) bool { return left == 0 || errors.Is(err, batch.ErrCutShort) }
	switch {
	case errA == nil && errB == nil:
		return nil, false
	case errA != nil && !cut(errA, leftA):
		return &Difference{Offset: c.next, What: fmt.Sprintf("the source's bytes: %v", errA)}, true
	case errB != nil && !cut(errB, leftB):
		return &Difference{Offset: c.next, What: fmt.Sprintf("the shadow's bytes: %v", errB)}, true
	case c.next > c.round:
		// One chunk ends before the other: both are read again from here.
	case leftA == 0 && leftB > 0 && c.compacted:
		c.skip(c.next, end, "compacted at the source since")
		c.next = end
	case leftA == 0 && leftB > 0:
		return &Difference{Offset: c.next, What: "the shadow has a batch here, the source has none"}, true
	case leftB == 0 && leftA > 0:
		return &Difference{Offset: c.next, What: "the source has a batch here, the shadow has none"}, true
	case leftA == 0 && leftB == 0:
		c.next = end // both logs have only holes up to the end
	}
	return nil, true
}

// differ describes how two batches differ; nil when compaction explains it.
func (c *comparer) differ(a, b batch.View) *Difference {
	if c.compacted {
		c.skip(c.next, min(a.LastOffset(), b.LastOffset())+1, "compacted at the source since")
		return nil
	}
	at := min(a.BaseOffset(), b.BaseOffset())
	field := func(name string, x, y any) *Difference {
		return &Difference{Offset: at, What: fmt.Sprintf("%s: %v at the source, %v here", name, x, y)}
	}
	switch {
	case a.BaseOffset() != b.BaseOffset():
		return field("base offset", a.BaseOffset(), b.BaseOffset())
	case a.LeaderEpoch() != b.LeaderEpoch():
		return field("leader epoch", a.LeaderEpoch(), b.LeaderEpoch())
	case a.LastOffset() != b.LastOffset():
		return field("last offset", a.LastOffset(), b.LastOffset())
	case a.CRC() != b.CRC():
		return field("CRC", fmt.Sprintf("%08x", a.CRC()), fmt.Sprintf("%08x", b.CRC()))
	}
	return field("bytes", len(a), len(b))
}

// skip notes offsets that were not compared, joined with those before.
func (c *comparer) skip(from, to int64, why string) {
	if n := len(c.skipped); n > 0 && c.skipped[n-1].To == from && c.skipped[n-1].Why == why {
		c.skipped[n-1].To = to
		return
	}
	c.skipped = append(c.skipped, Range{From: from, To: to, Why: why})
}

func (c *comparer) takeSkipped() []Range {
	s := c.skipped
	c.skipped = nil
	return s
}
