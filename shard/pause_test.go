package shard

import (
	"errors"
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

func TestPauseLeavesBytesInTheKernelAndTheLoopAlone(t *testing.T) {
	var got atomic.Int64
	opened := make(chan *Conn, 1)
	g := startGroup(t, Config{}, func(c *Conn) Protocol {
		opened <- c
		return &spy{t: t, received: func(n int) error {
			if got.Add(int64(n)) == int64(n) {
				c.Pause()
			}
			return nil
		}}
	})
	client := dialTest(t, g)
	client.Write([]byte("x"))
	conn := receive(t, "the connection", opened)
	eventually(t, "the pause", func() bool { return got.Load() == 1 })

	turns := func() (n uint64) {
		onLoop(t, conn.Shard(), func() { n = conn.Shard().Stats().Turns })
		return n
	}
	before := turns()
	sent := fillUntilBlocked(t, client)
	if after := turns(); after-before > 20 {
		t.Errorf("the loop took %d turns while its only connection was paused", after-before)
	}
	if n := got.Load(); n != 1 {
		t.Fatalf("%d bytes were received while paused", n-1)
	}
	onLoop(t, conn.Shard(), conn.Resume)
	eventually(t, "all bytes after the resume", func() bool { return got.Load() == 1+sent })
}

// fillUntilBlocked writes until the peer's window and our buffer are full.
func fillUntilBlocked(t *testing.T, c *net.TCPConn) (sent int64) {
	t.Helper()
	defer c.SetDeadline(time.Now().Add(patience))
	chunk := make([]byte, 64<<10)
	for {
		c.SetWriteDeadline(time.Now().Add(300 * time.Millisecond))
		n, err := c.Write(chunk)
		sent += int64(n)
		if errors.Is(err, syscall.ETIMEDOUT) || err != nil && err.(net.Error).Timeout() {
			return sent
		}
		if err != nil {
			t.Fatal(err)
		}
		if sent > 1<<30 {
			t.Fatal("the peer takes everything")
		}
	}
}

func TestResumeBringsWhatGnetHadRead(t *testing.T) {
	var got []byte
	done := make(chan struct{})
	opened := make(chan *Conn, 1)
	const text = "every byte of this is in the loop's buffer when the pause comes"
	g := startGroup(t, Config{}, func(c *Conn) Protocol {
		p := &spy{t: t}
		p.buffers = func() ([]byte, []byte) { return p.buf[:3], p.buf[3:5] }
		p.received = func(n int) error {
			got = append(got, p.buf[:n]...)
			c.Pause()
			if len(got) == len(text) {
				close(done)
			}
			return nil
		}
		opened <- c
		return p
	})
	client := dialTest(t, g)
	io.WriteString(client, text)
	conn := receive(t, "the connection", opened)
	for {
		select {
		case <-done:
			if string(got) != text {
				t.Errorf("got %q", got)
			}
			return
		default:
			onLoop(t, conn.Shard(), conn.Resume)
		}
	}
}

func TestPauseAndResumeInsideReceivedGoesOn(t *testing.T) {
	var got atomic.Int64
	g := startGroup(t, Config{}, func(c *Conn) Protocol {
		p := &spy{t: t}
		p.buffers = func() ([]byte, []byte) { return p.buf[:7], nil }
		p.received = func(n int) error {
			got.Add(int64(n))
			c.Pause()
			c.Resume()
			return nil
		}
		return p
	})
	client := dialTest(t, g)
	const total = 100_000
	client.Write(make([]byte, total))
	eventually(t, "all bytes", func() bool { return got.Load() == total })
}

func TestPauseWithoutTheKernelClosesOverBudget(t *testing.T) {
	closed := make(chan error, 1)
	g := startGroup(t, Config{noPause: errors.New("forced by the test")}, func(c *Conn) Protocol {
		return &spy{t: t, received: func(int) error { c.Pause(); return nil }, closed: func(err error) { closed <- err }}
	})
	client := dialTest(t, g)
	go func() {
		for {
			if _, err := client.Write(make([]byte, 32<<10)); err != nil {
				return
			}
		}
	}()
	if err := receive(t, "the close over budget", closed); !errors.Is(err, ErrPausedOverBudget) {
		t.Errorf("Closed(%v)", err)
	}
}

func TestResumeWithoutTheKernelBringsHeldBytes(t *testing.T) {
	var got atomic.Int64
	opened := make(chan *Conn, 1)
	g := startGroup(t, Config{noPause: errors.New("forced by the test")}, func(c *Conn) Protocol {
		opened <- c
		c.Pause()
		return &spy{t: t, received: func(n int) error { got.Add(int64(n)); return nil }}
	})
	client := dialTest(t, g)
	const total = 100 << 10
	client.Write(make([]byte, total))
	conn := receive(t, "the connection", opened)
	eventually(t, "bytes held by gnet", func() (ok bool) {
		onLoop(t, conn.Shard(), func() { ok = conn.gc.InboundBuffered() > 0 })
		return ok
	})
	if n := got.Load(); n != 0 {
		t.Errorf("%d bytes were received while paused", n)
	}
	onLoop(t, conn.Shard(), conn.Resume)
	eventually(t, "all bytes", func() bool { return got.Load() == total })
}
