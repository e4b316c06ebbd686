package broker

import (
	"bytes"
	"time"

	"umbra/kafkaproto"
)

// Buffers gives the frame under way what it still wants and the loop's scratch
// behind it: a large request is received where it stays, and small ones are
// read many at a time and answered from the scratch.
func (c *conn) Buffers() (first, then []byte) {
	switch {
	case c.frame == nil && c.loop.tight():
		return c.loop.scratch[:scratchTight], nil // what has to be kept of it is little
	case c.frame == nil:
		return c.loop.scratch, nil
	case len(c.frame.mem) < c.frame.size || c.loop.tight():
		return c.frame.room(), nil // it grows before it takes more
	}
	return c.frame.room(), c.loop.scratch
}

// tight says that requests hold as much memory as they may.
func (l *loop) tight() bool { return l.frameBytes >= l.frameMax }

// scratchTight is how much is read at a time while memory is tight.
const scratchTight = 4 << 10

// Received takes n bytes that lie as Buffers said.
func (c *conn) Received(n int) error {
	if c.closed || c.broken != nil {
		return nil
	}
	in := c.loop.scratch
	if c.frame != nil {
		got := min(n, len(c.frame.room()))
		c.frame.have += got
		n -= got
	}
	if err := c.consume(in[:n]); err != nil {
		c.closeWith(err)
	}
	return nil
}

// consume goes on with the frame under way and then with what in (borrowed)
// holds. What cannot be taken now is kept in left, and reading stops.
func (c *conn) consume(in []byte) error {
	for !c.closed && c.broken == nil {
		switch {
		case c.full():
			c.keep(in)
			return nil
		case c.waiting.len() > 0 && c.loop.tight():
			c.starve(in)
			return nil
		case c.frame != nil:
			in = c.frame.add(in)
			if c.frame.whole() {
				f := c.frame
				c.frame = nil
				if err := c.arrived(f.mem, f); err != nil {
					return err
				}
				continue
			}
			if len(c.frame.room()) > 0 {
				return nil // in is used up
			}
			if err := c.frame.grow(c.loop, min(c.frame.size, c.frame.have*frameGrowth)); err != nil {
				c.starve(in)
				return nil
			}
		default:
			rest, more, err := c.next(in)
			if err != nil || !more {
				return err
			}
			in = rest
		}
	}
	return nil
}

// next finds the frame that in begins with: one that lies whole in it arrives
// there, another one gets memory of its own. more is false when in is used up or
// kept.
func (c *conn) next(in []byte) (rest []byte, more bool, err error) {
	n := copy(c.prefix[c.prefixN:], in)
	c.prefixN, in = c.prefixN+n, in[n:]
	total, ok, err := kafkaproto.FrameSize(c.prefix[:c.prefixN], c.broker.settings.RequestBytesMax)
	if err != nil || !ok {
		return nil, false, err
	}
	size := total - kafkaproto.FramePrefix
	if size <= len(in) {
		c.prefixN = 0
		return in[size:], true, c.arrived(in[:size:size], nil)
	}
	f, err := newFrame(c.loop, size)
	if err != nil {
		c.starve(in)
		return nil, false, nil
	}
	c.prefixN, c.frame = 0, f
	c.sc.Expect(size - len(in))
	return in, true, nil
}

// arrived takes a whole request: it begins now, or waits. f owns b, or is nil
// and b is borrowed.
func (c *conn) arrived(b []byte, f *frame) error {
	if c.waiting.len() == 0 && !c.blocked(apiKeyOf(b)) {
		return c.begin(b, f)
	}
	if f == nil {
		f = &frame{size: len(b), have: len(b), mem: bytes.Clone(b), cost: int64(len(b))}
		c.loop.frameBytes += f.cost
	}
	c.waiting.push(f)
	c.waitingBytes += f.size
	return nil
}

// full says that so much waits that nothing more is read.
func (c *conn) full() bool {
	return c.waitingBytes >= waitingBytesMax || c.waiting.len() >= c.broker.cfg.RequestsMax
}

// keep stops reading with in (borrowed) still to be taken.
func (c *conn) keep(in []byte) {
	c.left = bytes.Clone(in)
	c.sc.Pause()
}

// starve is keep for want of memory: the loop tries again.
func (c *conn) starve(in []byte) {
	c.keep(in)
	c.starving = true
	c.loop.stats.Starved++
	c.loop.starve(c)
}

// readOn takes what was kept and reads again, if nothing is against it.
func (c *conn) readOn() {
	if c.closed || c.broken != nil || c.starving || c.full() || !c.sc.Paused() {
		return
	}
	in := c.left
	c.left = nil
	if err := c.consume(in); err != nil {
		c.closeWith(err)
		return
	}
	if !c.closed && c.broken == nil && !c.starving && !c.full() {
		c.sc.Resume()
	}
}

// starveRetry is how long connections wait that found no memory.
const starveRetry = 2 * time.Millisecond

// starve has c read again in a while.
func (l *loop) starve(c *conn) {
	l.starved = append(l.starved, c)
	if len(l.starved) == 1 {
		l.shard.After(starveRetry, l.feedStarved)
	}
}

func (l *loop) feedStarved() {
	list := l.starved
	l.starved = nil
	for _, c := range list {
		c.starving = false
		c.readOn()
	}
}
