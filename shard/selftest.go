package shard

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"
)

const selfTestTimeout = 5 * time.Second

// SelfTest proves on this kernel and this gnet what undergnet.go assumes: the
// loop's poller is found, a paused connection gives no event while its bytes wait in
// the kernel, resuming brings them, a direct read goes on exactly where gnet's own read
// ended, and a task wakes a loop that sleeps in a callback and is run after it. It takes a
// few milliseconds.
func SelfTest() error {
	t := &selfTest{
		looping: make(chan gnet.Engine, 1),
		opened:  make(chan gnet.Conn, 2),
		got:     make(chan []byte, 4),
		slept:   make(chan error, 4),
	}
	ended := make(chan error, 1)
	go func() {
		ended <- gnet.Run(t, "tcp://127.0.0.1:0", gnet.WithNumEventLoop(1), gnet.WithReusePort(true),
			gnet.WithReadBufferCap(readBufferCap), gnet.WithTicker(true),
			gnet.WithLoadBalancing(gnet.LeastConnections), gnet.WithLogger(gnetLog{slog.New(slog.DiscardHandler)}))
	}()
	ctx, cancel := context.WithTimeout(context.Background(), selfTestTimeout)
	defer cancel()
	var eng gnet.Engine
	select {
	case eng = <-t.looping:
	case err := <-ended:
		return fmt.Errorf("self-test of the event loop: start: %w", errors.Join(err, errors.New("the loop ended")))
	}
	err := t.run(ctx, eng)
	stopped, stop := context.WithCancel(ctx)
	stop()
	_ = eng.Stop(stopped)
	select {
	case <-ended:
	case <-ctx.Done():
		err = errors.Join(err, errors.New("the loop did not end"))
	}
	if err != nil {
		return fmt.Errorf("self-test of the event loop: %w", err)
	}
	return nil
}

type selfTest struct {
	gnet.BuiltinEventEngine
	eng     gnet.Engine
	ticked  bool // ticker goroutine only
	looping chan gnet.Engine
	opened  chan gnet.Conn
	got     chan []byte
	slept   chan error
	events  atomic.Int64
}

func (t *selfTest) OnBoot(eng gnet.Engine) gnet.Action { t.eng = eng; return gnet.None }

func (t *selfTest) OnTick() (time.Duration, gnet.Action) {
	if !t.ticked {
		t.ticked = true
		t.looping <- t.eng
	}
	return time.Hour, gnet.None
}

func (t *selfTest) OnOpen(c gnet.Conn) ([]byte, gnet.Action) {
	if c.Context() == nil {
		return nil, gnet.Close // a stranger found the port
	}
	t.opened <- c
	return nil, gnet.None
}

// OnTraffic reads as Conn does: the head from gnet, the rest from the descriptor.
func (t *selfTest) OnTraffic(c gnet.Conn) gnet.Action {
	if c.Context() == nil {
		return gnet.Close
	}
	t.events.Add(1)
	p := make([]byte, 4*readBufferCap)
	n, _ := c.Read(p)
	if n == readBufferCap {
		half := (len(p)-n)/2 + n
		if m, err := readInto(c.Fd(), p[n:half], p[half:]); err == nil {
			n += m
		}
	}
	t.got <- p[:n]
	t.slept <- t.sleep(c)
	return gnet.None
}

// sleep is what a loop does that dozes, until a task comes.
func (t *selfTest) sleep(c gnet.Conn) error {
	p, err := pollerOf(c)
	if err != nil {
		return err
	}
	d := dozer{poller: p}
	for end := time.Now().Add(selfTestTimeout); time.Now().Before(end); {
		if d.sleep(selfTestTimeout) == awake {
			return nil
		}
	}
	return errors.New("a task does not wake a loop that sleeps by itself")
}

func (t *selfTest) run(ctx context.Context, eng gnet.Engine) error {
	near, far, err := socketPair()
	if err != nil {
		return err
	}
	defer unix.Close(far)
	if _, err := eng.Register(gnet.NewNetConnContext(gnet.NewContext(context.Background(), t), near)); err != nil {
		near.Close()
		return err
	}
	var c gnet.Conn
	select {
	case c = <-t.opened:
	case <-ctx.Done():
		return errors.New("enrolling a connection takes for ever")
	}
	p, err := pollerOf(c)
	if err != nil {
		return err
	}
	// An overlong pattern: no part of it equals a neighbouring part.
	sent := make([]byte, 3*readBufferCap)
	for i := range sent {
		sent[i] = byte(i ^ i>>8*37)
	}
	if err := setReading(p.epfd, c.Fd(), false); err != nil {
		return fmt.Errorf("pause: %w", err)
	}
	if n, err := unix.Write(far, sent); err != nil || n != len(sent) {
		return fmt.Errorf("write to the test connection: %d of %d bytes: %w", n, len(sent), errors.Join(err, io.ErrShortWrite))
	}
	// Two rounds through the loop: an event for those bytes would have come.
	for range 2 {
		if err := t.round(ctx, c.EventLoop()); err != nil {
			return err
		}
	}
	if n := t.events.Load(); n != 0 {
		return fmt.Errorf("a paused connection got %d events", n)
	}
	if err := setReading(p.epfd, c.Fd(), true); err != nil {
		return fmt.Errorf("resume: %w", err)
	}
	select {
	case got := <-t.got:
		if !bytes.Equal(got, sent) {
			return fmt.Errorf("a direct read does not go on where gnet's ended: %d bytes of %d, or others", len(got), len(sent))
		}
	case <-ctx.Done():
		return errors.New("a resumed connection got no event")
	}
	time.Sleep(time.Millisecond) // the loop falls asleep
	if err := t.round(ctx, c.EventLoop()); err != nil {
		return fmt.Errorf("a task for a loop that sleeps by itself: %w", err)
	}
	return <-t.slept
}

// round waits until the loop has run a task, which it does after a poll.
func (t *selfTest) round(ctx context.Context, loop gnet.EventLoop) error {
	ran := make(chan struct{})
	if err := loop.Execute(ctx, gnet.RunnableFunc(func(context.Context) error { close(ran); return nil })); err != nil {
		return err
	}
	select {
	case <-ran:
		return nil
	case <-ctx.Done():
		return errors.New("the loop does not answer")
	}
}
