package segment

import (
	"fmt"

	"umbra/ioring/buf"
	"umbra/kafkaproto/batch"
)

// ReadRequest asks for whole batches from Offset on.
type ReadRequest struct {
	Offset   int64
	UpTo     int64 // batches that end below it; clamped to WrittenOffset
	MaxBytes int   // no more than this, except as MinOneBatch says
	// MinOneBatch: the first batch comes whole even if it is larger than
	// MaxBytes, so that a reader always moves on.
	MinOneBatch bool
}

// ReadResult is whole batches, one after the other as in the log. The first
// may begin below the offset asked for. Spans is borrowed until done returns;
// the references in it are the receiver's, who releases each once.
type ReadResult struct {
	Spans []buf.Span
	Bytes int
	// Err: ErrOutOfRange, buf.ErrBudget (try again), *DamageError (this range
	// cannot be served, others can), ErrFailed, ErrClosed. Without batches and
	// Err there is nothing to read yet.
	Err error
}

// Read calls done with batches: at once when they are in memory or there are
// none, later when they come from disk. One read of the disk is under way per
// call. A failed log still serves what it has.
func (l *Log) Read(r ReadRequest, done func(ReadResult)) {
	r.UpTo = min(r.UpTo, l.written)
	r.MaxBytes = min(r.MaxBytes, maxSegmentBytes)
	switch {
	case l.closed:
		done(ReadResult{Err: ErrClosed})
	case r.Offset < l.start || r.Offset > l.end:
		done(ReadResult{Err: fmt.Errorf("read %s at offset %d: %w %d to %d", l.dir, r.Offset, ErrOutOfRange, l.start, l.end)})
	case r.Offset >= r.UpTo || r.MaxBytes <= 0 && !r.MinOneBatch:
		done(ReadResult{})
	case len(l.pieces) > 0 && l.pieces[0].end > l.pieces[0].data && r.Offset >= l.pieces[0].first:
		l.stats.HotReads++
		done(l.readHot(r))
	default:
		l.readCold(r, done)
	}
}

// readHot collects batches from slabs, by reference.
func (l *Log) readHot(r ReadRequest) ReadResult {
	out := ReadResult{Spans: l.spans[:0]}
	first := true
	for _, p := range l.pieces {
		if p.next <= r.Offset || p.end == p.data {
			continue
		}
		mem := p.mem[p.data-p.from : p.end-p.from]
		if first {
			mem = mem[l.skipTo(p, r.Offset):]
		}
		n, more := take(mem, r, out.Bytes)
		if n > 0 {
			p.slab.Retain()
			out.Spans = append(out.Spans, buf.Span{Bytes: mem[:n:n], Slab: p.slab})
			out.Bytes += n
		}
		first = false
		if !more {
			break
		}
	}
	l.spans = out.Spans[:0]
	return out
}

// skipTo gives how far into p's own batches the one lies that holds offset.
func (l *Log) skipTo(p *piece, offset int64) int64 {
	at := p.data
	if p.seg.idx != nil {
		at = max(at, p.seg.idx.find(offset))
	}
	for at < p.end {
		v := batch.View(p.mem[at-p.from:])
		if v.LastOffset() >= offset {
			break
		}
		at += int64(v.Size())
	}
	return at - p.data
}

// take walks the whole batches that mem begins with, and says how many bytes
// of them fit the request when have bytes were taken before, and whether
// batches behind mem may fit, too.
func take(mem []byte, r ReadRequest, have int) (n int, more bool) {
	for n < len(mem) {
		v := batch.View(mem[n:])
		size := v.Size()
		if v.LastOffset() >= r.UpTo {
			return n, false
		}
		if have+n+size > r.MaxBytes && !(r.MinOneBatch && have+n == 0) {
			return n, false
		}
		n += size
	}
	return n, true
}
