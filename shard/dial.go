package shard

import (
	"context"
	"fmt"
	"net"
	"syscall"
	"time"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"
)

// dialling is one dial from Dial to its done. Loop only.
type dialling struct {
	shard *Shard
	proto Protocol
	done  func(*Conn, error)
}

// Dial connects to addr (HOST:PORT), puts the connection on this loop and calls
// done there once: with the connection, on which p has begun, or with an error,
// and then p is never called. The name look-up and the connecting happen on a
// goroutine of the group and take at most timeout.
func (s *Shard) Dial(addr string, timeout time.Duration, p Protocol, done func(*Conn, error)) {
	d := &dialling{shard: s, proto: p, done: done}
	if len(s.dials) >= s.cfg.DialsMax {
		s.stats.DialsRefused++
		s.AtTurnEnd(func() {
			done(nil, fmt.Errorf("dial %s: %w (%d)", addr, ErrDialsFull, s.cfg.DialsMax))
		})
		return
	}
	s.dials[d] = struct{}{}
	started := !s.closing && s.group.dialers.start(func(ctx context.Context) {
		if err := s.dial(ctx, d, addr, timeout); err != nil {
			s.deliver(func() { d.settle(nil, fmt.Errorf("dial %s: %w", addr, err)) })
		}
	})
	if !started {
		s.AtTurnEnd(func() { d.settle(nil, fmt.Errorf("dial %s: %w", addr, ErrStopped)) })
	}
}

// settle ends the dial, the first time it is called (loop only).
func (d *dialling) settle(c *Conn, err error) {
	if _, open := d.shard.dials[d]; !open {
		return
	}
	delete(d.shard.dials, d)
	if err != nil {
		d.shard.stats.DialsFailed++
	}
	d.done(c, err)
}

// dial runs on a goroutine. When it returns nil the connection opened on the
// loop, which settled the dial (see opened).
func (s *Shard) dial(ctx context.Context, d *dialling, addr string, timeout time.Duration) error {
	dialer := net.Dialer{
		Timeout: timeout,
		Control: s.tuneDialled,
		KeepAliveConfig: net.KeepAliveConfig{
			Enable: true, Idle: s.cfg.KeepAlive, Interval: s.cfg.KeepAlive / 5, Count: 5,
		},
	}
	nc, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		if ctx.Err() != nil {
			return ErrStopped
		}
		return err
	}
	// From here gnet owns nc: it duplicates the descriptor and closes ours.
	result, err := s.loop.Enroll(gnet.NewContext(context.Background(), d), nc)
	if err != nil {
		nc.Close()
		return fmt.Errorf("enrol the connection: %w", err)
	}
	select {
	case r := <-result:
		if r.Err != nil {
			return fmt.Errorf("enrol the connection: %w", r.Err)
		}
		// gnet reports success even when polling refused the descriptor. If it
		// opened, it has settled by now and this is not heard.
		s.deliver(func() { d.settle(nil, fmt.Errorf("dial %s: the loop refused the connection", addr)) })
		return nil
	case <-ctx.Done():
		return ErrStopped
	}
}

// tuneDialled sets what must be set before connecting: the receive buffer
// decides the window scale that is offered.
func (s *Shard) tuneDialled(_, _ string, rc syscall.RawConn) error {
	var err error
	ctlErr := rc.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(s.cfg.UserTimeout.Milliseconds()))
		if err == nil && s.cfg.DialReceiveBuffer > 0 {
			err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, s.cfg.DialReceiveBuffer)
		}
	})
	if err == nil {
		err = ctlErr
	}
	return err
}
