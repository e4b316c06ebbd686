package shard

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/panjf2000/gnet/v2"
)

// Protocol consumes one connection's bytes on its loop.
//
// The shard asks Buffers where the next bytes go, puts them there, says how many
// in Received, and asks again. Closed is the last call and comes exactly once
// for every Protocol the shard was given, whoever closes. Calls never nest.
type Protocol interface {
	// Buffers says where the next bytes go: first is filled, then the second.
	// They must not both be empty. Borrowed until the next Received or Closed
	// returns: nothing else may touch them in between.
	Buffers() (first, then []byte)
	// Received says that n bytes (at least 1) were placed. An error closes the
	// connection with it. It may Write, Pause, Close.
	Received(n int) error
	// Closed ends the connection; err is io.EOF when the peer ended it in good
	// order, nil after Close(nil).
	Closed(err error)
}

// Conn is one TCP connection of a shard, accepted or dialled. Loop only.
type Conn struct {
	// Set once.
	id            uint64
	shard         *Shard
	gc            gnet.Conn // nil once closed
	fd            int
	proto         Protocol
	local, remote net.Addr
	accepted      bool

	// State.
	paused    bool
	closing   bool // Close was called; closeNow comes at the end of this round of the turn
	closed    bool
	closeErr  error
	inRead    bool // Received is running, or about to
	resumed   bool // is in shard.toRead
	active    int64
	idle      *Timer
	expecting int // bytes of an announced frame still to come
	lowWater  int // SO_RCVLOWAT in force

	out output
}

// ID is unique among all connections of the group's life (any goroutine).
func (c *Conn) ID() uint64 { return c.id }

// Shard is the owner (any goroutine).
func (c *Conn) Shard() *Shard { return c.shard }

// RemoteAddr is the peer's address, valid after the close too (any goroutine).
func (c *Conn) RemoteAddr() net.Addr { return c.remote }

// LocalAddr is our address (any goroutine).
func (c *Conn) LocalAddr() net.Addr { return c.local }

// Accepted reports whether a client connected to us; false: we dialled.
func (c *Conn) Accepted() bool { return c.accepted }

// Paused reports whether reading is stopped.
func (c *Conn) Paused() bool { return c.paused }

func newConn(s *Shard, gc gnet.Conn, accepted bool) *Conn {
	c := &Conn{
		id: s.group.connID.Add(1), shard: s, gc: gc, fd: gc.Fd(), accepted: accepted,
		local: cloneAddr(gc.LocalAddr()), remote: cloneAddr(gc.RemoteAddr()),
		active: s.turnStart, lowWater: 1,
	}
	s.conns[c.id] = c
	if accepted {
		c.idle = s.After(s.cfg.IdleTimeout, c.checkIdle)
	}
	return c
}

// cloneAddr copies an address: gnet gives the zone's memory back to a pool.
func cloneAddr(a net.Addr) net.Addr {
	if t, ok := a.(*net.TCPAddr); ok {
		return &net.TCPAddr{IP: append(net.IP(nil), t.IP...), Port: t.Port, Zone: strings.Clone(t.Zone)}
	}
	return a
}

// Pause stops reading: bytes stay in the kernel and the peer's window closes.
// Bytes gnet has read already wait too. Received is not called until Resume.
func (c *Conn) Pause() {
	if c.paused || c.closing || c.closed {
		return
	}
	c.paused = true
	c.shard.stats.Pauses++
	if c.shard.PausesInKernel() {
		if err := setReading(c.shard.epfd, c.fd, false); err != nil {
			c.Close(fmt.Errorf("pause reading: %w", err))
		}
	}
}

// PausesInKernel reports whether Pause reaches the kernel. Where it does not, a
// paused connection that goes on receiving is closed.
func (s *Shard) PausesInKernel() bool { return s.epfd >= 0 }

// Resume goes on reading; what arrived in between is noticed.
func (c *Conn) Resume() {
	if !c.paused || c.closing || c.closed {
		return
	}
	c.paused = false
	if c.shard.PausesInKernel() {
		if err := setReading(c.shard.epfd, c.fd, true); err != nil {
			c.Close(fmt.Errorf("resume reading: %w", err))
			return
		}
	}
	if !c.resumed && !c.inRead && c.gc.InboundBuffered() > 0 {
		c.resumed = true
		c.shard.toRead = append(c.shard.toRead, c)
	}
}

// Close ends the connection in this turn, at the end of its round: no bytes are read after
// it, what can be written without waiting still is when err is nil, then
// Protocol.Closed(err) is called and the descriptor closes.
func (c *Conn) Close(err error) {
	if c.closing || c.closed {
		return
	}
	c.closing, c.closeErr = true, err
	c.shard.toClose = append(c.shard.toClose, c)
}

// closeNow is the end of a round of the turn in which Close was called.
func (c *Conn) closeNow() {
	if c.closed {
		return
	}
	if c.closeErr == nil {
		c.out.tryLast(c)
	}
	_ = c.shard.loop.Close(c.gc) // comes back to us as finish, by OnClose
	c.finish(c.closeErr)         // and if gnet had lost it: the promise stands all the same
}

// finish is the one end of every connection, whoever closed it.
func (c *Conn) finish(err error) {
	if c.closed {
		return
	}
	if c.closing {
		err = c.closeErr
	}
	c.closed = true
	s := c.shard
	c.idle.Stop()
	c.out.drop(c)
	delete(s.conns, c.id)
	c.gc = nil
	s.stats.ConnsClosed++
	if c.accepted {
		s.group.limits.leave(c.remote)
	}
	if c.proto != nil {
		c.proto.Closed(tidy(err))
	}
}

// tidy gives a peer's orderly end its plain name.
func tidy(err error) error {
	if errors.Is(err, io.EOF) {
		return io.EOF
	}
	return err
}

func (c *Conn) readable() bool { return !c.paused && !c.closing && !c.closed }

// onTraffic is one read event: gnet's head, then straight from the descriptor.
func (c *Conn) onTraffic() {
	if c.paused {
		// Only where pausing falls back (or an event was on its way already).
		if c.gc.InboundBuffered() > pausedBudget {
			c.shard.stats.ClosedOverBounds++
			c.Close(ErrPausedOverBudget)
		}
		return
	}
	full := c.gc.InboundBuffered() >= readBufferCap
	c.inRead = true
	c.readHead()
	if full && c.readable() {
		c.readDirect()
	}
	c.inRead = false
	c.setLowWater()
}

// readResumed gives the Protocol what gnet held back while it was paused. What
// is in the kernel comes as an event.
func (c *Conn) readResumed() {
	c.resumed = false
	if !c.readable() {
		return
	}
	c.inRead = true
	c.readHead()
	c.inRead = false
}

// readHead moves what gnet has read. It stops when the Protocol pauses or
// closes; the rest waits in gnet's buffer, at most readBufferCap.
func (c *Conn) readHead() {
	for c.readable() && c.gc.InboundBuffered() > 0 {
		first, then := c.buffers()
		n := 0
		if len(first) > 0 {
			n, _ = c.gc.Read(first)
		}
		if n == len(first) && len(then) > 0 && c.gc.InboundBuffered() > 0 {
			m, _ := c.gc.Read(then)
			n += m
		}
		c.received(n)
	}
}

// readDirect reads until the socket is empty or the turn's budget is spent;
// polling is level-triggered, so what is left is signalled again.
func (c *Conn) readDirect() {
	for budget := c.shard.cfg.TurnReadBytes; budget > 0 && c.readable(); {
		first, then := c.buffers()
		n, err := readInto(c.fd, first, then)
		c.shard.stats.Reads++
		switch {
		case err == nil && n == 0:
			c.Close(io.EOF)
			return
		case err != nil:
			if !isAgain(err) {
				c.Close(fmt.Errorf("read: %w", err))
			}
			return
		}
		c.received(n)
		if n < len(first)+len(then) {
			return // the socket is empty, or nearly: no system call to learn it
		}
		budget -= n
	}
}

func (c *Conn) buffers() (first, then []byte) {
	first, then = c.proto.Buffers()
	if len(first)+len(then) == 0 {
		panic(fmt.Sprintf("BUG: Protocol %T of connection %d from %s gave no buffer", c.proto, c.id, c.remote))
	}
	return first, then
}

func (c *Conn) received(n int) {
	c.active = c.shard.turnStart
	c.shard.stats.BytesRead += uint64(n)
	c.expecting = max(c.expecting-n, 0)
	if err := c.proto.Received(n); err != nil {
		c.Close(err)
	}
}

const (
	lowWaterFrom = 1 << 20   // a frame with this much to come is worth fewer wake-ups
	lowWaterMark = 512 << 10 // and these are the bytes that wake us then
)

// Expect says that n bytes of a frame are still to come after those received.
// For large frames the shard then asks the kernel for fewer, larger wake-ups,
// and takes that back well before the frame ends, where it would stall the tail.
func (c *Conn) Expect(n int) { c.expecting = n }

func (c *Conn) setLowWater() {
	want := 1
	if c.expecting >= lowWaterFrom {
		want = lowWaterMark
	}
	if want == c.lowWater || c.closing || c.closed {
		return
	}
	if setReceiveLowWater(c.fd, want) == nil {
		c.lowWater = want
	}
}

// checkIdle is the idle timer: traffic moved the deadline, not the timer.
func (c *Conn) checkIdle() {
	left := c.active + int64(c.shard.cfg.IdleTimeout) - c.shard.nanos()
	if left <= 0 {
		c.shard.stats.ClosedIdle++
		c.Close(ErrIdle)
		return
	}
	c.idle = c.shard.After(durationOf(left), c.checkIdle)
}
