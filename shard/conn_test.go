package shard

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestEchoKeepsBytesAndOrder(t *testing.T) {
	g := startGroup(t, Config{Shards: 2, TurnReadBytes: 64 << 10}, func(c *Conn) Protocol { return newEcho(c, 1) })
	var wg sync.WaitGroup
	for i := range 48 {
		wg.Go(func() {
			if err := echoOnce(g.Addr().String(), byte(i), 1<<20+i*4099); err != nil {
				t.Errorf("connection %d: %v", i, err)
			}
		})
	}
	wg.Wait()
}

// echoOnce sends total bytes in random pieces while reading in random pieces.
func echoOnce(addr string, seed byte, total int) error {
	c, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		return err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	wrote := make(chan error, 1)
	go func() {
		rng := rand.New(rand.NewPCG(uint64(seed), 7))
		src := io.LimitReader(newPattern(seed), int64(total))
		piece := make([]byte, 256<<10)
		for {
			n, err := io.ReadFull(src, piece[:1+rng.IntN(1<<(1+rng.IntN(18)))])
			if n > 0 {
				if _, err := c.Write(piece[:n]); err != nil {
					wrote <- err
					return
				}
			}
			if err != nil {
				wrote <- nil
				return
			}
		}
	}()
	rng := rand.New(rand.NewPCG(uint64(seed), 9))
	want, got, expect := newPattern(seed), make([]byte, 128<<10), make([]byte, 128<<10)
	for left := total; left > 0; {
		n, err := c.Read(got[:1+rng.IntN(len(got))])
		if err != nil {
			return fmt.Errorf("%d bytes missing: %w", left, err)
		}
		io.ReadFull(want, expect[:n])
		if !bytes.Equal(got[:n], expect[:n]) {
			return fmt.Errorf("other bytes came back, %d before the end", left)
		}
		left -= n
	}
	return <-wrote
}

func TestEveryWayToEndCallsClosedOnce(t *testing.T) {
	boom, paused := errors.New("boom"), make(chan struct{})
	cases := []struct {
		name     string
		received func(c *Conn) error
		client   func(c *net.TCPConn)
		want     func(err error) bool
	}{
		{"peer closes", nil, func(c *net.TCPConn) { c.Close() }, func(err error) bool { return err == io.EOF }},
		{"peer half-closes", nil, func(c *net.TCPConn) { c.CloseWrite() }, func(err error) bool { return err == io.EOF }},
		{"peer resets", nil, func(c *net.TCPConn) { c.SetLinger(0); c.Close() }, func(err error) bool { return err != nil && err != io.EOF }},
		{"peer resets while paused", func(c *Conn) error { c.Pause(); close(paused); return nil },
			func(c *net.TCPConn) { <-paused; c.SetLinger(0); c.Close() }, func(err error) bool { return err != nil }},
		{"Received fails", func(c *Conn) error { return boom }, nil, func(err error) bool { return errors.Is(err, boom) }},
		{"Close in Received", func(c *Conn) error { c.Close(nil); return nil }, nil, func(err error) bool { return err == nil }},
		{"Close twice in Received", func(c *Conn) error { c.Close(boom); c.Close(nil); return io.EOF }, nil, func(err error) bool { return errors.Is(err, boom) }},
		{"Close while paused", func(c *Conn) error { c.Pause(); c.Close(boom); c.Resume(); return nil }, nil, func(err error) bool { return errors.Is(err, boom) }},
		{"Close from a timer", func(c *Conn) error { c.Shard().After(0, func() { c.Close(boom) }); return nil }, nil, func(err error) bool { return errors.Is(err, boom) }},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			closed := make(chan error, 2)
			g := startGroup(t, Config{}, func(c *Conn) Protocol {
				p := &spy{t: t, closed: func(err error) { closed <- err }}
				p.buffers = func() ([]byte, []byte) { return p.buf[:1], nil }
				if tc.received != nil {
					p.received = func(int) error { return tc.received(c) }
				}
				return p
			})
			client := dialTest(t, g)
			io.WriteString(client, "some bytes")
			if tc.client != nil {
				tc.client(client)
			}
			if err := receive(t, "Closed", closed); !tc.want(err) {
				t.Errorf("Closed(%v)", err)
			}
			stopGroup(t, g)
			if len(closed) != 0 {
				t.Errorf("Closed came twice, then with %v", <-closed)
			}
			if n := g.Connections(); n != 0 {
				t.Errorf("%d connections are still counted", n)
			}
		})
	}
}

func TestHalfCloseComesAfterAllBytes(t *testing.T) {
	var got atomic.Int64
	closed := make(chan error, 1)
	g := startGroup(t, Config{TurnReadBytes: readBufferCap}, func(c *Conn) Protocol {
		p := &spy{t: t, closed: func(err error) { closed <- err }}
		p.received = func(n int) error { got.Add(int64(n)); return nil }
		return p
	})
	client := dialTest(t, g)
	const total = 3 << 20
	if _, err := client.Write(make([]byte, total)); err != nil {
		t.Fatal(err)
	}
	client.CloseWrite()
	if err := receive(t, "Closed", closed); err != io.EOF {
		t.Errorf("Closed(%v)", err)
	}
	if n := got.Load(); n != total {
		t.Errorf("%d of %d bytes came before the end", n, total)
	}
}

func TestExpectLetsTheTailOfAFrameThrough(t *testing.T) {
	const frame = 3<<20 + 17
	done := make(chan struct{})
	g := startGroup(t, Config{}, func(c *Conn) Protocol {
		left := 0
		big := make([]byte, frame)
		p := &spy{t: t}
		p.buffers = func() ([]byte, []byte) { return big, nil }
		frames := 0
		p.received = func(n int) error {
			if left == 0 {
				left = frame
				c.Expect(frame - n)
			}
			if left -= n; left == 0 {
				c.Expect(0)
				if frames++; frames == 3 {
					close(done)
				}
			}
			if left < 0 {
				left += frame
				c.Expect(left)
				frames++
			}
			return nil
		}
		return p
	})
	client := dialTest(t, g)
	for range 3 {
		if _, err := client.Write(make([]byte, frame)); err != nil {
			t.Fatal(err)
		}
	}
	receive(t, "the last byte of the last frame", done)
}

func TestIdleClientsAreClosedInGoodOrder(t *testing.T) {
	closed := make(chan error, 1)
	g := startGroup(t, Config{IdleTimeout: 100 * time.Millisecond}, func(c *Conn) Protocol {
		return &spy{t: t, closed: func(err error) { closed <- err }}
	})
	client := dialTest(t, g)
	io.WriteString(client, "traffic")
	if n, err := client.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("the client read %d bytes, %v; want a plain end", n, err)
	}
	if err := receive(t, "Closed", closed); !errors.Is(err, ErrIdle) {
		t.Errorf("Closed(%v)", err)
	}
}

func TestDescriptorsUsedAgainKeepConnectionsApart(t *testing.T) {
	var e ends
	var opened atomic.Int64
	g := startGroup(t, Config{Shards: 2}, func(c *Conn) Protocol {
		opened.Add(1)
		rng := rand.New(rand.NewPCG(c.ID(), 3))
		var mark byte
		p := &spy{t: t, closed: func(err error) { e.add(c.ID(), err) }}
		p.received = func(n int) error {
			for _, b := range p.buf[:n] {
				if mark == 0 {
					mark = b
				}
				if b != mark {
					t.Errorf("connection %d got byte %d among %d", c.ID(), b, mark)
				}
			}
			switch rng.IntN(6) {
			case 0:
				c.Close(nil)
			case 1:
				c.Pause()
				c.Shard().After(time.Duration(rng.IntN(1000))*time.Microsecond, c.Resume)
			case 2:
				c.Write(spanOf(c, rng.IntN(60_000)))
			}
			return nil
		}
		return p
	})
	var wg sync.WaitGroup
	for w := range 16 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(w), 5))
			for i := range 60 {
				c, err := net.DialTimeout("tcp", g.Addr().String(), patience)
				if err != nil {
					t.Error(err)
					return
				}
				c.SetDeadline(time.Now().Add(patience))
				c.Write(bytes.Repeat([]byte{byte(1 + (w*60+i)%255)}, 1+rng.IntN(40_000)))
				if rng.IntN(2) == 0 {
					c.(*net.TCPConn).SetLinger(0)
				}
				c.Close()
			}
		})
	}
	wg.Wait()
	eventually(t, "all connections to end", func() bool { return g.Connections() == 0 })
	stopGroup(t, g)
	if n := opened.Load(); n == 0 || int(n) != len(e.m) {
		t.Errorf("%d connections opened, %d ended", n, len(e.m))
	}
	for id, errs := range e.m {
		if len(errs) != 1 {
			t.Errorf("connection %d ended %d times: %v", id, len(errs), errs)
		}
	}
}
