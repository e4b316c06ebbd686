package segment

import (
	"errors"
	"fmt"

	"umbra/ioring"
	"umbra/ioring/buf"
	"umbra/kafkaproto/batch"
)

// coldReadMin is the least that a read of the disk asks for.
const coldReadMin = 64 << 10

// coldRead is a Read that goes to the disk. They are used again.
type coldRead struct {
	log  *Log
	req  ReadRequest
	done func(ReadResult)
	next *coldRead

	seg  *segment
	pos  int64 // file position of the batch to walk from
	from int64 // file position of the slab
	end  int64 // file position behind what is wanted
	op   ioring.Op
	slab *buf.Slab
	span [1]buf.Span
}

func (l *Log) readCold(r ReadRequest, done func(ReadResult)) {
	c := l.freeRead
	if c == nil {
		c = &coldRead{log: l}
		c.op.Done = c.arrived
	} else {
		l.freeRead = c.next
	}
	c.req, c.done, c.next = r, done, nil
	if l.frozen() || l.space.rollback {
		l.parked = append(l.parked, c)
		return
	}
	c.start()
}

// unparkReads tries the reads again that met a full ring or an exclusive operation.
func (l *Log) unparkReads() {
	if len(l.parked) == 0 || (l.frozen() || l.space.rollback) && l.failed == nil && !l.closed {
		return
	}
	parked := l.parked
	l.parked = nil
	for _, c := range parked {
		r, done := c.req, c.done
		c.free()
		l.Read(r, done)
	}
}

func (c *coldRead) free() {
	l := c.log
	c.req, c.done, c.seg, c.slab = ReadRequest{}, nil, nil, nil
	c.op.Buf, c.op.Slab, c.op.File = nil, nil, nil
	c.next, l.freeRead = l.freeRead, c
}

func (c *coldRead) start() {
	l := c.log
	l.stats.ColdReads++
	l.cold++
	seg := l.segmentFor(c.req.Offset)
	if seg == nil {
		c.finish(ReadResult{})
		return
	}
	l.visit(seg, func(err error) {
		if err != nil {
			c.finish(ReadResult{Err: c.error(err)})
			return
		}
		c.seg = seg
		c.fetch(seg.idx.find(c.req.Offset), int64(c.req.MaxBytes)+blockSize)
	})
}

func (c *coldRead) error(err error) error {
	return fmt.Errorf("read %s at offset %d: %w", c.log.dir, c.req.Offset, err)
}

// finish takes the result's slab over from c.
func (c *coldRead) finish(r ReadResult) {
	l := c.log
	seg, done := c.seg, c.done
	l.cold--
	c.free()
	if seg != nil {
		l.leave(seg)
	}
	done(r)
	l.settle()
}

// readable is how many bytes of seg are on disk.
func (l *Log) readable(seg *segment) int64 { return min(seg.size, l.vwritten-seg.vbase) }

// fetch reads want bytes from pos on, within bounds and what is on disk, when it is its
// turn.
func (c *coldRead) fetch(pos, want int64) {
	rest := c.log.readable(c.seg) - pos
	if rest < batch.HeadSize {
		c.finish(ReadResult{})
		return
	}
	c.pos, c.from = pos, pos&^(int64(c.seg.file.Align())-1)
	c.end = pos + min(max(want, coldReadMin), rest)
	c.log.env.Reads.begin(c)
}

// size is how many bytes of the file c reads.
func (c *coldRead) size() int64 { return roundUp(c.end-c.from, int64(c.seg.file.Align())) }

// issue hands c to the ring, by Reads.
func (c *coldRead) issue() {
	l, n := c.log, c.size()
	slab, err := l.alloc(int(n))
	if err != nil {
		c.finish(ReadResult{Err: c.error(err)})
		l.env.Reads.end(n)
		return
	}
	c.slab = slab
	c.op.Kind, c.op.File, c.op.Off = ioring.Read, c.seg.file, c.from
	c.op.Buf, c.op.Slab = slab.Bytes()[:n], slab
	switch err := l.env.push(&c.op); {
	case err == nil:
		l.markDirty()
		return
	case errors.Is(err, ioring.ErrFull):
		slab.Release()
		l.leave(c.seg)
		l.cold--
		c.slab, c.seg = nil, nil
		l.parked = append(l.parked, c)
		l.retryLater()
	default:
		slab.Release()
		c.finish(ReadResult{Err: c.error(err)})
	}
	l.env.Reads.end(n)
}

// arrived takes what came from the disk.
func (c *coldRead) arrived(op *ioring.Op) {
	reads, n := c.log.env.Reads, c.size()
	c.log.markDirty()
	c.take(op)
	reads.end(n)
}

func (c *coldRead) take(op *ioring.Op) {
	if op.Err != nil && !errors.Is(op.Err, ioring.ErrShort) {
		c.slab.Release()
		c.finish(ReadResult{Err: c.error(op.Err)})
		return
	}
	got := c.from + int64(op.N)
	if got < c.end {
		err := c.damage(got, -1, "the file ends here, bytes that were written are missing")
		c.slab.Release()
		c.finish(ReadResult{Err: err})
		return
	}
	c.serve(c.slab.Bytes()[c.pos-c.from : c.end-c.from])
}

// serve walks mem, which begins with the batch at c.pos, to the batch asked
// for, and gives out what fits from there; or reads on, when that batch is not
// whole in mem.
func (c *coldRead) serve(mem []byte) {
	at, prev := 0, c.seg.base-1
	for {
		v, err := c.head(mem, at, prev)
		if err != nil {
			c.slab.Release()
			c.finish(ReadResult{Err: err})
			return
		}
		whole := v != nil && v.Size() <= len(mem)-at
		switch {
		case v == nil:
			c.again(int64(at), coldReadMin)
			return
		case v.LastOffset() < c.req.Offset && whole:
			at, prev = at+v.Size(), v.LastOffset()
			continue
		case v.LastOffset() < c.req.Offset:
			c.again(int64(at+v.Size()), int64(c.req.MaxBytes))
			return
		case !whole && v.LastOffset() < c.req.UpTo && (c.req.MinOneBatch || v.Size() <= c.req.MaxBytes):
			c.again(int64(at), int64(v.Size()))
			return
		}
		break
	}
	n, err := c.collect(mem[at:], prev, c.pos+int64(at))
	if n == 0 {
		c.slab.Release()
		c.finish(ReadResult{Err: err})
		return
	}
	// Damage behind good batches shows when it is asked for.
	c.span[0] = buf.Span{Bytes: mem[at : at+n : at+n], Slab: c.slab}
	c.finish(ReadResult{Spans: c.span[:], Bytes: n})
}

func (c *coldRead) again(skip, want int64) {
	c.slab.Release()
	c.slab = nil
	c.fetch(c.pos+skip, want)
}

// head gives the head of the batch at mem[at:], nil when it is not all there.
func (c *coldRead) head(mem []byte, at int, prev int64) (batch.View, error) {
	if len(mem)-at < batch.HeadSize {
		return nil, nil
	}
	v := batch.View(mem[at:])
	switch {
	case v.Magic() != batch.Magic || v.Size() < batch.HeadSize:
		return nil, c.damage(c.pos+int64(at), prev+1, "there is no record batch")
	case v.BaseOffset() <= prev || v.LastOffset() < v.BaseOffset() || v.LastOffset() > c.seg.last:
		return nil, c.damage(c.pos+int64(at), prev+1,
			fmt.Sprintf("the batch there has offsets %d to %d, which do not belong there", v.BaseOffset(), v.LastOffset()))
	}
	return v, nil
}

// collect counts the bytes of whole, good batches that fit the request; err
// says why there are none although there should be.
func (c *coldRead) collect(mem []byte, prev, pos int64) (n int, err error) {
	for n < len(mem) {
		v, err := c.head(mem, n, prev)
		if err != nil {
			return n, err
		}
		if v == nil || v.Size() > len(mem)-n || v.LastOffset() >= c.req.UpTo {
			return n, nil
		}
		size := v.Size()
		if n+size > c.req.MaxBytes && !(c.req.MinOneBatch && n == 0) {
			return n, nil
		}
		if !c.log.cfg.SkipReadCRC && !v[:size].CheckCRC() {
			return n, c.damage(pos+int64(n), v.BaseOffset(), "the batch's checksum does not match")
		}
		n, prev = n+size, v.LastOffset()
	}
	return n, nil
}

func (c *coldRead) damage(pos, offset int64, reason string) error {
	if offset < 0 {
		offset = c.req.Offset
	}
	return c.error(&DamageError{File: c.seg.path, Pos: pos, Offset: offset, Reason: reason})
}
