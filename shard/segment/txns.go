package segment

import (
	"slices"
	"sort"
)

// Txn is an open transaction.
type Txn struct {
	ProducerID  int64
	Epoch       int16
	FirstOffset int64
}

// AbortedTxn is a transaction that ended in an abort: its batches lie between
// FirstOffset and LastOffset, which is that of the marker.
type AbortedTxn struct {
	ProducerID  int64
	FirstOffset int64
	LastOffset  int64
}

// openTxn is a Txn in the list of open ones, which is in the order of their
// first offsets because that is the order they are opened in.
type openTxn struct {
	Txn
	prev, next *openTxn
}

// endedTxn holds back the last stable offset until its marker is below the
// high watermark.
type endedTxn struct{ first, marker int64 }

type abortedEntry struct {
	AbortedTxn
	// stable is the last stable offset once this one had ended. What ended
	// later begins there at the lowest, so a search may stop here.
	stable int64
}

// Txns is what a log knows of the transactions in it: the open ones, the last
// stable offset that follows, and the aborted ones. Pure data: no I/O, no clock;
// one owner. It goes back in time only as part of State (see there).
//
// Open transactions are bounded by the producers that write; the aborted index
// is bounded by retention, through TruncateFromStart.
type Txns struct {
	byID        map[int64]*openTxn
	first, last *openTxn
	spare       *openTxn // list by next
	ended       []endedTxn
	aborted     []abortedEntry // by LastOffset
	start       int64          // of the log
}

// Observe takes over a transactional data batch at offset. The first one of a
// producer opens its transaction.
func (t *Txns) Observe(id int64, epoch int16, offset int64) {
	if o := t.byID[id]; o != nil {
		o.Epoch = epoch
		return
	}
	t.open(Txn{id, epoch, offset})
}

func (t *Txns) open(txn Txn) {
	o := t.spare
	if o == nil {
		o = new(openTxn)
	} else {
		t.spare = o.next
	}
	*o = openTxn{Txn: txn, prev: t.last}
	if t.last == nil {
		t.first = o
	} else {
		t.last.next = o
	}
	t.last = o
	if t.byID == nil {
		t.byID = make(map[int64]*openTxn)
	}
	t.byID[txn.ProducerID] = o
}

func (t *Txns) remove(o *openTxn) {
	if o.prev == nil {
		t.first = o.next
	} else {
		o.prev.next = o.next
	}
	if o.next == nil {
		t.last = o.prev
	} else {
		o.next.prev = o.prev
	}
	delete(t.byID, o.ProducerID)
	*o = openTxn{next: t.spare}
	t.spare = o
}

// Complete takes over the marker at offset. A marker without an open
// transaction is legal and means nothing here.
func (t *Txns) Complete(id int64, marker int64, commit bool) {
	o := t.byID[id]
	if o == nil {
		return
	}
	begun := o.FirstOffset
	t.remove(o)
	t.ended = append(t.ended, endedTxn{begun, marker})
	if commit {
		return
	}
	stable := marker + 1
	if t.first != nil {
		stable = t.first.FirstOffset
	}
	t.aborted = append(t.aborted, abortedEntry{AbortedTxn{id, begun, marker}, stable})
}

// IsOpen reports whether the producer has a transaction open.
func (t *Txns) IsOpen(id int64) bool { return t.byID[id] != nil }

// Open lists the open transactions by first offset.
func (t *Txns) Open() []Txn {
	out := make([]Txn, 0, len(t.byID))
	for o := t.first; o != nil; o = o.next {
		out = append(out, o.Txn)
	}
	return out
}

// LSO is the last stable offset: everything below it is decided. It is the
// first offset of the earliest transaction that is open or whose marker is not
// below the high watermark yet, else the high watermark; never below the start
// of the log. The high watermark must not go back between two calls, except
// after State.Decode or Reset.
func (t *Txns) LSO(highWatermark int64) int64 {
	t.settle(highWatermark)
	lso := highWatermark
	if t.first != nil {
		lso = min(lso, t.first.FirstOffset)
	}
	for _, e := range t.ended {
		lso = min(lso, e.first)
	}
	return max(lso, min(t.start, highWatermark))
}

// settle drops ended transactions whose markers are below the high watermark.
func (t *Txns) settle(highWatermark int64) {
	n := 0
	for n < len(t.ended) && t.ended[n].marker < highWatermark {
		n++
	}
	if n > 0 {
		t.ended = append(t.ended[:0], t.ended[n:]...)
	}
}

// Aborted appends to dst the aborted transactions of which a batch or the
// marker may lie in [from, to), and no other, in the order they ended.
func (t *Txns) Aborted(dst []AbortedTxn, from, to int64) []AbortedTxn {
	for _, a := range t.aborted[t.firstEndedAt(from):] {
		if a.FirstOffset < to {
			dst = append(dst, a.AbortedTxn)
		}
		if a.stable >= to {
			break
		}
	}
	return dst
}

func (t *Txns) firstEndedAt(offset int64) int {
	return sort.Search(len(t.aborted), func(i int) bool { return t.aborted[i].LastOffset >= offset })
}

// TruncateFromStart makes the log begin at start: aborted transactions below it
// are forgotten, and an open one no longer holds back what is above it.
func (t *Txns) TruncateFromStart(start int64) {
	t.start = max(t.start, start)
	t.aborted = t.aborted[t.firstEndedAt(start):]
	t.settle(start)
}

func (t *Txns) encode(e *stateEncoder) {
	e.varint(t.start)
	e.uvarint(uint64(len(t.byID)))
	for o := t.first; o != nil; o = o.next {
		e.varint(o.ProducerID)
		e.varint(int64(o.Epoch))
		e.varint(o.FirstOffset)
	}
	e.uvarint(uint64(len(t.ended)))
	for _, n := range t.ended {
		e.varint(n.marker)
		e.varint(n.marker - n.first)
	}
	e.uvarint(uint64(len(t.aborted)))
	last := int64(0)
	for _, a := range t.aborted {
		e.varint(a.ProducerID)
		e.varint(a.LastOffset - last)
		e.varint(a.LastOffset - a.FirstOffset)
		e.varint(a.LastOffset + 1 - a.stable)
		last = a.LastOffset
	}
}

func (t *Txns) decode(d *stateDecoder) {
	*t = Txns{start: d.ranged(0, maxInt64)}
	for range d.count(3) {
		txn := Txn{d.ranged(0, maxInt64), int16(d.ranged(-1<<15, 1<<15-1)), d.offset()}
		if t.IsOpen(txn.ProducerID) || (t.last != nil && t.last.FirstOffset >= txn.FirstOffset) {
			d.fail("open transactions do not rise")
		}
		if d.err != nil {
			return
		}
		t.open(txn)
	}
	t.decodeEnded(d)
	t.decodeAborted(d)
}

func (t *Txns) decodeEnded(d *stateDecoder) {
	last := int64(-1)
	for range d.count(2) {
		marker := d.offset()
		first := marker - d.ranged(0, marker)
		if marker <= last {
			d.fail("ended transactions do not rise")
		}
		if d.err != nil {
			return
		}
		t.ended = append(t.ended, endedTxn{first, marker})
		last = marker
	}
}

func (t *Txns) decodeAborted(d *stateDecoder) {
	n := d.count(4)
	t.aborted = slices.Grow(t.aborted, n)
	last := abortedEntry{}
	for i := range n {
		var a abortedEntry
		a.ProducerID = d.ranged(0, maxInt64)
		a.LastOffset = last.LastOffset + d.ranged(0, maxOffset-last.LastOffset)
		a.FirstOffset = a.LastOffset - d.ranged(0, a.LastOffset)
		a.stable = a.LastOffset + 1 - d.ranged(0, a.LastOffset+1)
		if i > 0 && (a.LastOffset <= last.LastOffset || a.stable < last.stable) {
			d.fail("aborted transactions do not rise")
		}
		if d.err != nil {
			return
		}
		t.aborted = append(t.aborted, a)
		last = a
	}
}
