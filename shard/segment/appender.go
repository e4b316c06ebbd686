package segment

import (
	"fmt"
	"math"
	"slices"
	"time"

	"umbra/ioring/buf"
	"umbra/kafkaproto/batch"
)

const (
	// blockSize is the unit slabs are laid out in: slab memory is congruent
	// to the file position modulo it, whatever the file's own Align is.
	blockSize = 4096
	// pendingMax bounds the bytes of one log that are appended and not yet on
	// disk. A slow disk ends in ErrBudget here, not in memory.
	pendingMax = 64 << 20
	// slabGrowMax is how large slabs grow for a log of small, frequent appends.
	slabGrowMax = 272 << 10
	// slabGrowWithin: a log that filled its slab in less time takes a larger one.
	slabGrowWithin = time.Second
)

// piece is a slab with a run of the log's newest bytes.
//
//	mem:   | carried tail block |  batches that lie whole in this slab  |  free  |
//	file:  from                 data                                    end
//
// The carried tail (< 4 KiB, the partial last block of the piece before) is
// there so that a write can begin on a block; its batches belong to the piece
// before. A batch never lies across two pieces.
type piece struct {
	log  *Log
	seg  *segment // nil: reserved for a segment that begins with the next append
	slab *buf.Slab
	mem  []byte
	from int64 // file position of mem[0], a multiple of blockSize
	data int64
	end  int64
	sub  int64 // file position below which bytes were handed to the ring, by this piece or the one before

	first, next int64 // base offset of its first batch, offset behind its last

	hotPrev, hotNext *piece
}

// reservation is memory that is being filled from outside.
type reservation struct {
	p   *piece
	pos int64 // file position
	n   int
}

// mark is a batch boundary that is not on disk yet.
type mark struct {
	v    int64
	next int64 // offset behind the batch
}

// AppendOptions go with a local append.
type AppendOptions struct {
	Term        int64 // must be the log's (S8)
	LeaderEpoch int32 // stamped into the batch; not below the log's latest
	Now         time.Time
	// CoordinatorEpoch goes into the marker that AppendMarker writes.
	CoordinatorEpoch int32
}

// Reserve gives the caller memory for n record bytes that are about to arrive;
// they lie where the disk write wants them, so they are never copied. One
// reservation at a time, ended by Commit or Release; the memory is borrowed
// until then. buf.ErrBudget (wrapped) when there is no memory or too much is
// unwritten: discard the bytes and fetch them again. Also ErrNoSpace, ErrBusy,
// ErrFailed, ErrClosed.
//
// The log accepts gaps, so it cannot tell a hole of the source from bytes that
// were fetched for another offset: the caller compares the offset it fetched
// with EndOffset when it reserves.
func (l *Log) Reserve(n int) ([]byte, error) {
	if l.resv.p != nil {
		return nil, l.appendError(fmt.Errorf("%w: a reservation is outstanding", ErrBusy))
	}
	return l.reserve(n)
}

// reserve makes the reservation, in place of one that is outstanding.
func (l *Log) reserve(n int) ([]byte, error) {
	if err := l.Err(); err != nil {
		return nil, l.appendError(err)
	}
	if n <= 0 || n > maxSegmentBytes-blockSize {
		return nil, l.appendError(fmt.Errorf("%d bytes are outside 1..%d", n, maxSegmentBytes-blockSize))
	}
	if pending := l.vend() - l.vwritten; pending > 0 && pending+int64(n) > pendingMax {
		l.stats.PendingRefusals++
		return nil, l.appendError(fmt.Errorf("%w: %d bytes are unwritten, at most %d", buf.ErrBudget, pending, pendingMax))
	}
	if l.rollWanted(int64(n)) {
		l.seal()
	}
	seg, pos := l.active(), int64(0)
	if seg != nil {
		pos = seg.size
	}
	p, err := l.pieceFor(seg, pos, n)
	if err != nil {
		return nil, l.appendError(err)
	}
	l.resv = reservation{p, pos, n}
	return p.mem[pos-p.from:][:n:n], nil
}

// SetBehind says whether the source had more than what was committed. A copy that catches
// up is written for throughput, one that keeps up for a short delay.
func (l *Log) SetBehind(yes bool) { l.behind = yes }

// Release gives a reservation back unused.
func (l *Log) Release() {
	if l.resv.p == nil {
		return
	}
	l.resv = reservation{}
	l.markDirty()
}

// Commit appends the batches that heads describe and that lie in the
// reservation behind its first skip bytes, one after the other, exactly as they
// were received. The caller has verified them. It ends the reservation in
// every case. Gaps are allowed; a base offset below EndOffset is allowed only
// for the first batch of an empty log, if it ends at or above EndOffset.
//
// ErrStaleTerm, ErrOutOfOrder, ErrNoSpace, ErrBusy: nothing was appended. Only
// if offsets span more than 2^31 within heads, so that they need two segments,
// and the second gets no memory, buf.ErrBudget may leave a part appended;
// EndOffset tells.
func (l *Log) Commit(term int64, skip int, heads []batch.Head) error {
	l.local = false
	return l.commitLast(term, skip, heads)
}

func (l *Log) commitLast(term int64, skip int, heads []batch.Head) error {
	defer l.Release()
	return l.commit(term, skip, heads)
}

// commit leaves the reservation, so that its memory stays where it is meanwhile.
func (l *Log) commit(term int64, skip int, heads []batch.Head) error {
	r := l.resv
	if err := l.Err(); err != nil {
		return l.appendError(err)
	}
	if r.p == nil {
		panic("BUG: commit without a reservation")
	}
	if err := l.checkTerm(term); err != nil {
		return l.appendError(err)
	}
	if len(heads) == 0 {
		return nil
	}
	total, err := l.checkHeads(r.n, skip, heads)
	if err != nil {
		return l.appendError(err)
	}
	mem := r.p.mem[r.pos-r.p.from:]
	if skip > 0 {
		copy(mem, mem[skip:skip+total])
	}
	err = l.place(r.p, mem[:total], heads)
	l.account()
	if err != nil {
		return l.appendError(err)
	}
	return nil
}

// CommitMore is Commit, and Reserve(n) for what follows: the keep bytes that lie
// behind the batches begin the new reservation. heads may be empty, then the
// reservation is only exchanged for one of another size. After an error there is
// no reservation; what Commit would have appended may be.
func (l *Log) CommitMore(term int64, skip int, heads []batch.Head, keep, n int) ([]byte, error) {
	l.local = false
	r := l.resv
	if r.p == nil {
		panic("BUG: commit without a reservation")
	}
	at := r.pos - r.p.from + int64(skip)
	for i := range heads {
		at += int64(heads[i].Size)
	}
	kept := r.p.mem[at:][:keep]
	if r.p.seg == nil { // the next reservation may take this memory back
		kept = slices.Clone(kept)
	}
	err := l.commit(term, skip, heads)
	var mem []byte
	if err == nil {
		mem, err = l.reserve(n)
	}
	if err != nil {
		l.Release()
		return nil, err
	}
	l.markDirty()
	copy(mem, kept)
	return mem, nil
}

// Append appends one batch of a local producer (borrowed): it is copied, and
// the copy gets the next offset and o.LeaderEpoch. It returns the base offset,
// also for a *DuplicateError, which is the original's. Refusals: ErrStaleTerm,
// ErrOutOfOrderSequence, ErrInvalidProducerEpoch, ErrInvalidTxnState,
// buf.ErrBudget, ErrNoSpace, ErrBusy, ErrFailed, ErrClosed.
func (l *Log) Append(b batch.View, o AppendOptions) (int64, error) {
	h := b.Head(0)
	if err := l.checkLocal(o); err != nil {
		return -1, l.appendError(err)
	}
	if err := l.state.Check(&h); err != nil {
		if dup, ok := err.(*DuplicateError); ok {
			return dup.Offset, dup
		}
		return -1, l.appendError(err)
	}
	return l.appendLocal(b, o)
}

// AppendMarker appends the control batch that ends a producer's transaction.
func (l *Log) AppendMarker(pid int64, epoch int16, commit bool, o AppendOptions) (int64, error) {
	if err := l.checkLocal(o); err != nil {
		return -1, l.appendError(err)
	}
	if err := l.state.Producers.CheckMarker(pid, epoch); err != nil {
		return -1, l.appendError(err)
	}
	return l.appendLocal(batch.EndTxnMarker(pid, epoch, commit, o.CoordinatorEpoch, o.Now.UnixMilli()), o)
}

func (l *Log) checkLocal(o AppendOptions) error {
	if err := l.Err(); err != nil {
		return err
	}
	if err := l.checkTerm(o.Term); err != nil {
		return err
	}
	if latest, ok := l.state.Epochs.Latest(); ok && o.LeaderEpoch < latest {
		return fmt.Errorf("%w: leader epoch %d is below the log's latest, %d", ErrStaleTerm, o.LeaderEpoch, latest)
	}
	return nil
}

func (l *Log) checkTerm(term int64) error {
	if term != l.term {
		return fmt.Errorf("%w: append has %d, log has %d", ErrStaleTerm, term, l.term)
	}
	return nil
}

func (l *Log) appendLocal(b batch.View, o AppendOptions) (int64, error) {
	mem, err := l.Reserve(len(b))
	if err != nil {
		return -1, err
	}
	copy(mem, b)
	v, base := batch.View(mem), l.end
	v.SetBaseOffset(base)
	v.SetLeaderEpoch(o.LeaderEpoch)
	if l.cfg.LogAppendTime && !v.IsControl() {
		v.SetLogAppendTime(o.Now.UnixMilli())
	}
	l.one[0] = v.Head(0)
	l.local = true
	if err := l.commitLast(o.Term, 0, l.one[:]); err != nil {
		return -1, err
	}
	return base, nil
}

func (l *Log) appendError(err error) error {
	return fmt.Errorf("append to %s at offset %d: %w", l.dir, l.end, err)
}

// checkHeads gives the bytes of the batches, or why they do not follow.
func (l *Log) checkHeads(n, skip int, heads []batch.Head) (total int, err error) {
	next, pos := l.end, skip
	if len(l.segs) == 0 && heads[0].LastOffset >= l.end {
		next = min(next, heads[0].BaseOffset)
	}
	for i := range heads {
		h := &heads[i]
		if h.BaseOffset < next || h.LastOffset < h.BaseOffset || h.LastOffset-h.BaseOffset > math.MaxInt32 {
			return 0, fmt.Errorf("%w: batch %d has offsets %d to %d, want %d or above", ErrOutOfOrder, i, h.BaseOffset, h.LastOffset, next)
		}
		if h.Pos != pos || h.Size < batch.HeadSize || h.Size > n-pos {
			return 0, fmt.Errorf("%w: batch %d of %d bytes lies at %d of %d reserved bytes, want it at %d", ErrOutOfOrder, i, h.Size, h.Pos, n, pos)
		}
		next, pos = h.LastOffset+1, pos+h.Size
	}
	return pos - skip, nil
}

// place makes the batches in mem, which begins at p.end, part of the log.
func (l *Log) place(p *piece, mem []byte, heads []batch.Head) error {
	for {
		if p.seg == nil {
			p.seg = l.addSegment(heads[0].BaseOffset)
		}
		for len(heads) > 0 && heads[0].LastOffset-p.seg.base <= math.MaxInt32 {
			size := heads[0].Size
			l.land(p, &heads[0], mem[:size])
			mem, heads = mem[size:], heads[1:]
		}
		l.ensureSpace(p.seg)
		if len(heads) == 0 {
			return nil
		}
		// Offsets relative to the segment's base must fit 31 bits. The rest
		// moves to a segment of its own.
		l.seal()
		next, err := l.newPiece(nil, 0, len(mem))
		if err != nil {
			return err
		}
		copy(next.mem, mem)
		p, mem = next, next.mem[:len(mem)]
	}
}

func (l *Log) land(p *piece, h *batch.Head, v batch.View) {
	if p.end == p.data {
		p.first = h.BaseOffset
	}
	p.end += int64(h.Size)
	p.next = h.LastOffset + 1
	p.seg.add(h)
	l.state.Apply(h, v)
	l.end = h.LastOffset + 1
	l.marks.push(mark{p.seg.vend(), l.end})
	l.stats.Appends++
	l.stats.AppendedBytes += int64(h.Size)
}
