package segment

import "fmt"

// pieceFor gives the piece in which the next n bytes, at file position pos of
// seg (nil: of the segment to come), shall lie.
func (l *Log) pieceFor(seg *segment, pos int64, n int) (*piece, error) {
	if k := len(l.pieces); k > 0 {
		p := l.pieces[k-1]
		if p.seg == seg && p.end == pos && pos+int64(n) <= p.from+int64(len(p.mem)) {
			return p, nil
		}
		if p.seg == nil { // reserved once, never used, too small now
			l.pieces[k-1] = nil
			l.pieces = l.pieces[:k-1]
			l.freeUp(p)
		}
	}
	return l.newPiece(seg, pos, n)
}

// newPiece takes a slab for at least n bytes at position pos of seg and
// carries the partial last block over.
func (l *Log) newPiece(seg *segment, pos int64, n int) (*piece, error) {
	from := pos &^ (blockSize - 1)
	carry := int(pos - from)
	slab, err := l.alloc(l.slabSize(roundUp(carry+n, blockSize)))
	if err != nil {
		return nil, err
	}
	p := l.freePiece
	if p == nil {
		p = new(piece)
	} else {
		l.freePiece = p.hotNext
	}
	*p = piece{log: l, seg: seg, slab: slab, mem: slab.Bytes(), from: from, data: pos, end: pos, sub: pos}
	l.lastCap = len(p.mem)
	switch last := l.lastPiece(); {
	case carry == 0:
		// The piece before keeps what it has not written yet.
	case last != nil && last.seg == seg:
		copy(p.mem, last.mem[from-last.from:][:carry])
		p.sub = max(from, last.sub)
	case len(l.tail) == carry:
		copy(p.mem, l.tail)
	default:
		panic(fmt.Sprintf("BUG: append at byte %d of %s: %d bytes of its last block are known", pos, seg.path, len(l.tail)))
	}
	l.tail = l.tail[:0]
	l.pieces = append(l.pieces, p)
	l.env.Hot.add(p)
	return p, nil
}

func (l *Log) lastPiece() *piece {
	if n := len(l.pieces); n > 0 {
		return l.pieces[n-1]
	}
	return nil
}

// slabSize grows slabs of a log that fills them quickly with small appends, so
// that a busy log carries a tail block rarely and an idle one holds little.
func (l *Log) slabSize(need int) int {
	now := l.env.Now()
	quick := now.Sub(l.lastAt) < slabGrowWithin
	l.lastAt = now
	if quick && l.lastCap < slabGrowMax {
		return max(need, min(4*l.lastCap, slabGrowMax))
	}
	if quick {
		return max(need, min(l.lastCap, slabGrowMax))
	}
	return need
}

func roundUp[T int | int64](n, unit T) T { return (n + unit - 1) / unit * unit }
