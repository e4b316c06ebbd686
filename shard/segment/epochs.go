package segment

import "slices"

// EpochStart says at which offset a leader epoch begins.
type EpochStart struct {
	Epoch  int32
	Offset int64
}

// EpochCache knows which leader epoch wrote which part of a log. It is what
// OffsetForLeaderEpoch and the divergence check answer from, with the rules of
// Kafka's brokers. Epochs and offsets both rise strictly along the list. Pure
// data: no I/O, no clock; one owner.
type EpochCache struct{ starts []EpochStart }

// Assign records that the batch at offset carries epoch. Entries which that
// contradicts, because they begin at or behind it or have a higher epoch, go.
// Negative epochs (batches converted from old formats) say nothing.
func (c *EpochCache) Assign(epoch int32, offset int64) {
	if epoch < 0 {
		return
	}
	if n := len(c.starts); n > 0 && c.starts[n-1].Epoch == epoch && c.starts[n-1].Offset <= offset {
		return
	}
	n := len(c.starts)
	for n > 0 && (c.starts[n-1].Epoch >= epoch || c.starts[n-1].Offset >= offset) {
		n--
	}
	c.starts = append(c.starts[:n], EpochStart{epoch, offset})
}

// Latest is the highest epoch in the log; ok is false when there is none.
func (c *EpochCache) Latest() (epoch int32, ok bool) {
	if len(c.starts) == 0 {
		return -1, false
	}
	return c.starts[len(c.starts)-1].Epoch, true
}

// EndOffset answers OffsetForLeaderEpoch: the largest epoch <= the requested
// one and the offset where it ends, which is where the next one begins, or
// logEnd for the latest. An epoch newer than the latest, and -1, are unknown
// and give -1, -1. One older than all gives itself and the first known start.
func (c *EpochCache) EndOffset(epoch int32, logEnd int64) (int32, int64) {
	latest, ok := c.Latest()
	switch {
	case epoch < 0 || !ok || epoch > latest:
		return -1, -1
	case epoch == latest:
		return epoch, logEnd
	}
	next := c.above(func(s EpochStart) bool { return s.Epoch > epoch })
	if next == 0 {
		return epoch, c.starts[0].Offset
	}
	return c.starts[next-1].Epoch, c.starts[next].Offset
}

// EpochAt is the epoch of the batch that holds offset; ok is false for offsets
// below the first known epoch.
func (c *EpochCache) EpochAt(offset int64) (epoch int32, ok bool) {
	next := c.above(func(s EpochStart) bool { return s.Offset > offset })
	if next == 0 {
		return -1, false
	}
	return c.starts[next-1].Epoch, true
}

// above is the index of the first entry that is above something; is must turn
// from false to true along the list.
func (c *EpochCache) above(is func(EpochStart) bool) int {
	i, _ := slices.BinarySearchFunc(c.starts, is, func(s EpochStart, is func(EpochStart) bool) int {
		if is(s) {
			return 1
		}
		return -1
	})
	return i
}

// TruncateFromEnd forgets every epoch that begins at offset or behind it: the
// log now ends there.
func (c *EpochCache) TruncateFromEnd(offset int64) {
	n := len(c.starts)
	for n > 0 && c.starts[n-1].Offset >= offset {
		n--
	}
	c.starts = c.starts[:n]
}

// TruncateFromStart makes the log begin at offset: the epoch in force there
// begins there now, older ones go.
func (c *EpochCache) TruncateFromStart(offset int64) {
	next := c.above(func(s EpochStart) bool { return s.Offset > offset })
	if next == 0 {
		return
	}
	c.starts = slices.Delete(c.starts, 0, next-1)
	c.starts[0].Offset = offset
}

// Starts is the whole list, oldest first; borrowed until the next change.
func (c *EpochCache) Starts() []EpochStart { return c.starts }

func (c *EpochCache) encode(e *stateEncoder) {
	e.uvarint(uint64(len(c.starts)))
	for _, s := range c.starts {
		e.varint(int64(s.Epoch))
		e.varint(s.Offset)
	}
}

func (c *EpochCache) decode(d *stateDecoder) {
	c.starts = c.starts[:0]
	for range d.count(2) {
		s := EpochStart{int32(d.ranged(0, maxInt32)), d.offset()}
		if n := len(c.starts); n > 0 && (s.Epoch <= c.starts[n-1].Epoch || s.Offset <= c.starts[n-1].Offset) {
			d.fail("leader epochs do not rise")
		}
		if d.err != nil {
			return
		}
		c.starts = append(c.starts, s)
	}
}
