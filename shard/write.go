package shard

import (
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"umbra/ioring/buf"
)

const (
	// spansPerWrite is how many spans one system call takes.
	spansPerWrite = 64
	// turnWriteBytes is how much one connection writes before others get their
	// turn; a fast reader could otherwise keep its writer for ever.
	turnWriteBytes = 4 << 20
)

// iovecs is the shard's one vector for writev, used by one call at a time.
type iovecs [spansPerWrite]unix.Iovec

// output is the queue of one connection: spans in the order they were written.
// It is written directly and without waiting; the rest waits for the watcher to
// say that the socket is writable. There is never a second path beside it, so
// the order on the wire is the order of Write.
type output struct {
	spans   []buf.Span // spans[head:] are to be written, the first from skip on
	head    int
	skip    int
	bytes   int  // to be written
	listed  bool // in shard.toAnswer or toAsk
	waiting bool // for the watcher
	watched bool // known to the watcher's epoll

	moved   int64 // shard nanoseconds when the peer last took bytes
	stall   *Timer
	drained []func()
}

// Write queues spans behind those queued before and takes them: each slab is
// released once, when its bytes are in the kernel or the connection ends. The
// bytes go out at the end of this turn.
func (c *Conn) Write(spans ...buf.Span) {
	if c.closing || c.closed {
		for i := range spans {
			spans[i].Release()
		}
		return
	}
	o := &c.out
	if o.bytes == 0 {
		o.moved = c.shard.turnStart
	}
	for _, sp := range spans {
		if len(sp.Bytes) == 0 {
			sp.Release()
			continue
		}
		o.spans = append(o.spans, sp)
		o.bytes += len(sp.Bytes)
	}
	if o.bytes > c.shard.cfg.WriteQueueBytes {
		c.shard.stats.ClosedOverBounds++
		c.Close(fmt.Errorf("%w: %d bytes, the bound is %d", ErrWriteQueueFull, o.bytes, c.shard.cfg.WriteQueueBytes))
		return
	}
	c.listForWrite()
}

// QueuedBytes is what Write took and the kernel has not. For back-pressure.
func (c *Conn) QueuedBytes() int { return c.out.bytes }

// OnDrained calls f once, when the queue is empty: at this turn's end at the
// earliest. It is not called when the connection ends first.
func (c *Conn) OnDrained(f func()) {
	if c.closing || c.closed {
		return
	}
	c.out.drained = append(c.out.drained, f)
	c.listForWrite()
}

func (c *Conn) listForWrite() {
	if o := &c.out; !o.listed && !o.waiting {
		o.listed = true
		if c.accepted {
			c.shard.toAnswer = append(c.shard.toAnswer, c)
		} else {
			c.shard.toAsk = append(c.shard.toAsk, c)
		}
	}
}

// flush writes what the socket takes now (end of turn).
func (c *Conn) flush() {
	o := &c.out
	o.listed = false
	if c.closing || c.closed || o.waiting {
		return
	}
	if err := o.write(c); err != nil {
		c.Close(fmt.Errorf("write: %w", err))
		return
	}
	if o.bytes > 0 {
		c.awaitWritable()
		return
	}
	for len(o.drained) > 0 && o.bytes == 0 && !c.closing {
		f := o.drained[0]
		o.drained = o.drained[1:]
		f()
	}
}

// write moves bytes until the queue is empty, the socket is full or the turn's
// budget is spent. A full socket is no error.
func (o *output) write(c *Conn) error {
	for budget := turnWriteBytes; o.bytes > 0 && budget > 0; {
		iov, asked := o.vector(&c.shard.iov)
		n, err := writeFrom(c.fd, iov)
		clear(iov)
		c.shard.stats.Writes++
		if err != nil {
			if isAgain(err) {
				return nil
			}
			return err
		}
		c.shard.stats.BytesWritten += uint64(n)
		c.active, o.moved = c.shard.turnStart, c.shard.turnStart
		o.advance(n)
		if n < asked {
			return nil
		}
		budget -= n
	}
	return nil
}

// vector points at the queue's first spans.
func (o *output) vector(into *iovecs) (iov []unix.Iovec, bytes int) {
	skip := o.skip
	for i, sp := range o.spans[o.head:min(o.head+spansPerWrite, len(o.spans))] {
		b := sp.Bytes[skip:]
		skip = 0
		into[i].Base = unsafe.SliceData(b)
		into[i].SetLen(len(b))
		bytes += len(b)
		iov = into[:i+1]
	}
	return iov, bytes
}

// advance drops n written bytes and releases the spans that are done.
func (o *output) advance(n int) {
	o.bytes -= n
	for n > 0 {
		sp := &o.spans[o.head]
		left := len(sp.Bytes) - o.skip
		if n < left {
			o.skip += n
			break
		}
		n -= left
		sp.Release()
		*sp = buf.Span{}
		o.head, o.skip = o.head+1, 0
	}
	switch {
	case o.head == len(o.spans):
		o.spans, o.head = o.spans[:0], 0
	case o.head >= spansPerWrite && o.head*2 >= len(o.spans):
		live := copy(o.spans, o.spans[o.head:])
		clear(o.spans[live:])
		o.spans, o.head = o.spans[:live], 0
	}
}

// awaitWritable lets the watcher tell when to go on.
func (c *Conn) awaitWritable() {
	o := &c.out
	if err := c.shard.group.watcher.await(c); err != nil {
		c.Close(fmt.Errorf("wait for a writable socket: %w", err))
		return
	}
	o.waiting, o.watched = true, true
	c.shard.stats.WriteWaits++
	if o.stall == nil {
		o.stall = c.shard.After(c.shard.cfg.WriteStall, c.checkStall)
	}
}

// writable comes from the watcher, on the loop. It may be late: the connection
// may have ended since.
func (c *Conn) writable() {
	if c.closed || !c.out.waiting {
		return
	}
	c.out.waiting = false
	c.listForWrite()
}

// checkStall is the stall timer of a connection that once had to wait.
func (c *Conn) checkStall() {
	o := &c.out
	o.stall = nil
	if c.closed || o.bytes == 0 {
		return
	}
	left := o.moved + int64(c.shard.cfg.WriteStall) - c.shard.nanos()
	if left <= 0 {
		c.shard.stats.ClosedStalled++
		c.Close(fmt.Errorf("%w: %d bytes are queued", ErrWriteStalled, o.bytes))
		return
	}
	o.stall = c.shard.After(durationOf(left), c.checkStall)
}

// tryLast writes what goes without waiting before an orderly close.
func (o *output) tryLast(c *Conn) {
	if !o.waiting {
		_ = o.write(c)
	}
}

// drop releases everything: the connection ends.
func (o *output) drop(c *Conn) {
	if o.watched {
		c.shard.group.watcher.forget(c)
	}
	o.stall.Stop()
	for i := range o.spans[o.head:] {
		o.spans[o.head+i].Release()
	}
	*o = output{}
}

func durationOf(nanos int64) time.Duration { return time.Duration(nanos) }
