package segment

import (
	"errors"

	"umbra/ioring/buf"
)

// Hot is the bound on the slabs that the logs of one shard keep after their
// bytes are on disk, to serve readers at the tail without reading. It belongs
// to the shard's loop.
//
// All slabs that logs append to are in one list, oldest first, whether they
// may go yet or not. When the limit is passed, or an arena refuses a slab, the
// oldest one whose bytes are all on disk goes.
type Hot struct {
	limit       int64
	bytes       int64
	unwritten   int64
	first, last *piece
}

// NewHot makes a Hot that keeps at most limit bytes of slabs.
func NewHot(limit int64) *Hot { return &Hot{limit: limit} }

// Bytes is the size of the slabs in the list, unwritten ones included.
func (h *Hot) Bytes() int64 { return h.bytes }

// Unwritten is how many bytes the logs have taken in by Commit that are not on disk
// yet. Append has a bound of its own, each log's, and must not hold back those who
// wait at this one. A log that failed, was closed, or takes back what a full disk
// has no room for owes none: whoever waits for it to write would wait for ever.
func (h *Hot) Unwritten() int64 { return h.unwritten }

// account keeps h's sum right; it follows every change of what l owes.
func (l *Log) account() {
	owes := int64(0)
	if l.failed == nil && !l.closed && !l.space.rollback && !l.local {
		owes = l.vend() - l.vwritten
	}
	if owes != l.owes { // Open runs away from the loop, and owes nothing
		l.env.Hot.unwritten += owes - l.owes
		l.owes = owes
	}
}

// Limit is the bound.
func (h *Hot) Limit() int64 { return h.limit }

// evictLook is how many slabs that cannot go yet are passed over in a search.
const evictLook = 64

// Trim evicts down to the limit, as far as slabs may go.
func (h *Hot) Trim() {
	for h.bytes > h.limit && h.evict() {
	}
}

// evict drops the oldest slab that may go. Per log slabs go in order, so that
// a log's hot range has no hole.
func (h *Hot) evict() bool {
	p := h.first
	for range evictLook {
		if p == nil {
			return false
		}
		if l := p.log; l.pieces[0] == p && l.mayDrop(p) {
			l.dropOldest()
			return true
		}
		p = p.hotNext
	}
	return false
}

func (h *Hot) add(p *piece) {
	p.hotPrev, p.hotNext = h.last, nil
	if h.last == nil {
		h.first = p
	} else {
		h.last.hotNext = p
	}
	h.last = p
	h.bytes += int64(len(p.mem))
}

func (h *Hot) remove(p *piece) {
	if p.hotPrev == nil {
		h.first = p.hotNext
	} else {
		p.hotPrev.hotNext = p.hotNext
	}
	if p.hotNext == nil {
		h.last = p.hotPrev
	} else {
		p.hotNext.hotPrev = p.hotPrev
	}
	p.hotPrev, p.hotNext = nil, nil
	h.bytes -= int64(len(p.mem))
}

// alloc takes a slab, giving up hot ones when the arena is at its budget, and a
// larger one when that does not help.
func (l *Log) alloc(n int) (*buf.Slab, error) {
	for {
		s, err := l.env.Arena.Alloc(n)
		switch {
		case !errors.Is(err, buf.ErrBudget):
			return s, err
		case !l.env.Hot.evict():
			return l.env.Arena.AllocLarger(n)
		}
	}
}

// mayDrop: everything of p is on disk and nobody fills it.
func (l *Log) mayDrop(p *piece) bool {
	if l.resv.p == p {
		return false
	}
	return p.seg == nil || p.seg.vbase+p.end <= l.vwritten
}

// dropOldest gives up the oldest slab. Of the one being appended to, the
// bytes of the last, partial block are kept on the heap: the next slab begins
// with them.
func (l *Log) dropOldest() {
	p := l.pieces[0]
	n := copy(l.pieces, l.pieces[1:])
	l.pieces[n] = nil
	l.pieces = l.pieces[:n]
	l.pushed = max(0, l.pushed-1)
	if n == 0 && p.seg != nil && !p.seg.sealed {
		block := p.end &^ (blockSize - 1)
		l.tail = append(l.tail[:0], p.mem[block-p.from:p.end-p.from]...)
	}
	l.freeUp(p)
}

func (l *Log) freeUp(p *piece) {
	l.env.Hot.remove(p)
	p.slab.Release()
	*p = piece{log: l, hotNext: l.freePiece}
	l.freePiece = p
}

// dropIdle gives up all slabs of a log that nobody appends to.
func (l *Log) dropIdle() {
	for len(l.pieces) > 0 && l.mayDrop(l.pieces[0]) {
		l.dropOldest()
	}
}

// dropPieces gives up all slabs, written or not: the log has failed, was
// closed, or is about to be loaded anew. Nothing may be in flight or reserved.
func (l *Log) dropPieces() {
	if l.resv.p != nil {
		return
	}
	for _, p := range l.pieces {
		l.freeUp(p)
	}
	clear(l.pieces)
	l.pieces, l.pushed = l.pieces[:0], 0
}
