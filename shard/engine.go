package shard

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/panjf2000/gnet/v2"
)

// engine is one shard's gnet engine: one loop, one listening socket. It is the
// event handler, too, and turns gnet's events into the shard's turns.
type engine struct {
	gnet.BuiltinEventEngine

	shard   *Shard
	eng     gnet.Engine   // set in OnBoot
	looping chan struct{} // closed when the loop is registered and may be talked to
	booted  chan error    // the bell has rung on the loop, or why not
	ended   chan struct{} // closed when gnet.Run has returned err
	err     error

	ticked bool // ticker goroutine only
	rung   bool // loop only: the bell has
}

func newEngine(s *Shard) *engine {
	return &engine{
		shard:   s,
		looping: make(chan struct{}),
		booted:  make(chan error, 1),
		ended:   make(chan struct{}),
	}
}

// start runs the engine and returns when its loop works for the shard.
func (e *engine) start(ctx context.Context, addr string) error {
	go func() {
		defer close(e.ended)
		e.err = gnet.Run(e, "tcp://"+addr,
			gnet.WithNumEventLoop(1),
			gnet.WithReusePort(true),
			gnet.WithReuseAddr(true),
			gnet.WithReadBufferCap(readBufferCap),
			gnet.WithLockOSThread(e.shard.group.pins.lock),
			gnet.WithTicker(true),
			gnet.WithLoadBalancing(gnet.LeastConnections), // round robin's counter is a data race with Register
			gnet.WithLogger(gnetLog{e.shard.log}),
		)
	}()
	if err := e.wait(ctx, e.looping); err != nil {
		return err
	}
	reg := gnet.NewNetConnContext(gnet.NewContext(context.Background(), e.shard.bell), e.shard.bell.near)
	if _, err := e.eng.Register(reg); err != nil {
		return fmt.Errorf("enrol the bell: %w", err)
	}
	select {
	case err := <-e.booted:
		return err
	case <-e.ended:
		return e.why()
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (e *engine) wait(ctx context.Context, c <-chan struct{}) error {
	select {
	case <-c:
		return nil
	case <-e.ended:
		return e.why()
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (e *engine) why() error {
	if e.err != nil {
		return e.err
	}
	return errors.New("the event loop has ended by itself")
}

// stop asks the loop to end. gnet would poll for the end every 500 ms; we wait
// for Run itself.
func (e *engine) stop() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = e.eng.Stop(ctx)
}

func (e *engine) OnBoot(eng gnet.Engine) gnet.Action {
	e.eng = eng
	return gnet.None
}

// OnTick runs on a goroutine of its own. Its first call is the only sign gnet
// gives that its loop exists; the later ones probe the loop.
func (e *engine) OnTick() (time.Duration, gnet.Action) {
	if !e.ticked {
		e.ticked = true
		close(e.looping)
	} else {
		e.shard.sendProbe()
	}
	return probeInterval, gnet.None
}

func (e *engine) OnOpen(gc gnet.Conn) ([]byte, gnet.Action) {
	s := e.shard
	if _, ok := gc.Context().(*bell); ok {
		if err := s.boot(gc); err != nil {
			e.booted <- err
			return nil, gnet.Shutdown // nothing can wake this loop
		}
		return nil, gnet.None
	}
	s.enter()
	defer s.leave()
	if d, ok := gc.Context().(*dialling); ok {
		return nil, s.openDialled(gc, d)
	}
	return nil, s.openAccepted(gc)
}

func (e *engine) OnTraffic(gc gnet.Conn) gnet.Action {
	s := e.shard
	s.enter()
	c, ok := gc.Context().(*Conn)
	if ok {
		c.onTraffic()
	} else {
		e.discard(gc)
	}
	s.leave()
	if ok && c.closed {
		return gnet.Close // spares gnet work on a connection that is gone
	}
	s.doze()
	return gnet.None
}

// discard takes what came from the bell, or from a connection that was refused in
// this very turn.
func (e *engine) discard(gc gnet.Conn) {
	_, _ = gc.Discard(-1)
	if _, ok := gc.Context().(*bell); ok && !e.rung {
		e.rung = true
		e.booted <- nil
	}
}

func (e *engine) OnClose(gc gnet.Conn, err error) gnet.Action {
	if c, ok := gc.Context().(*Conn); ok {
		e.shard.enter()
		c.finish(err)
		e.shard.leave()
	}
	return gnet.None
}

// openAccepted takes or refuses a client.
func (s *Shard) openAccepted(gc gnet.Conn) gnet.Action {
	g := s.group
	if !g.serving.Load() || s.closing {
		s.stats.RefusedNotServing++
		return gnet.Close
	}
	if gc.Fd() >= g.fdLimit {
		s.stats.RefusedFiles++
		return gnet.Close
	}
	if err := g.limits.enter(gc.RemoteAddr()); err != nil {
		if errors.Is(err, errTooManyConns) {
			s.stats.RefusedTotal++
		} else {
			s.stats.RefusedPerIP++
		}
		return gnet.Close
	}
	s.stats.ConnsAccepted++
	c := newConn(s, gc, true)
	gc.SetContext(c)
	_ = gc.SetKeepAlive(true, s.cfg.KeepAlive, max(s.cfg.KeepAlive/5, time.Second), 5)
	if c.proto = g.accept(c); c.proto == nil {
		c.Close(nil)
	}
	return gnet.None
}

// openDialled ends a dial with its connection.
func (s *Shard) openDialled(gc gnet.Conn, d *dialling) gnet.Action {
	if _, open := s.dials[d]; !open || s.closing {
		gc.SetContext(nil)
		return gnet.Close // the dial was given up while the connection was on its way
	}
	s.stats.ConnsDialled++
	c := newConn(s, gc, false)
	gc.SetContext(c)
	c.proto = d.proto
	d.settle(c, nil)
	return gnet.None
}

// gnetLog sends gnet's own lines to slog. What gnet calls information and
// warnings is about its inside; an operator gets its errors.
type gnetLog struct{ log *slog.Logger }

func (l gnetLog) Debugf(format string, args ...any) { l.say(slog.LevelDebug, format, args) }
func (l gnetLog) Infof(format string, args ...any)  { l.say(slog.LevelDebug, format, args) }
func (l gnetLog) Warnf(format string, args ...any)  { l.say(slog.LevelDebug, format, args) }
func (l gnetLog) Errorf(format string, args ...any) { l.say(slog.LevelError, format, args) }
func (l gnetLog) Fatalf(format string, args ...any) { l.say(slog.LevelError, format, args) }

func (l gnetLog) say(level slog.Level, format string, args []any) {
	if l.log.Enabled(context.Background(), level) {
		l.log.Log(context.Background(), level, "event loop: "+fmt.Sprintf(format, args...))
	}
}
