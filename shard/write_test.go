package shard

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"umbra/ioring/buf"
)

// spanOf makes a span of n bytes in a slab of the connection's shard.
func spanOf(c *Conn, n int) buf.Span {
	s, err := c.Shard().Arena().Alloc(n)
	if err != nil {
		panic(err)
	}
	return buf.Span{Bytes: s.Bytes()[:n], Slab: s}
}

func TestSlowReaderGetsEverythingInOrder(t *testing.T) {
	const spans, size = 400, 50_000
	want := make([]byte, spans*size)
	io.ReadFull(newPattern(1), want)
	drained := make(chan int, 10)
	g := startGroup(t, Config{}, func(c *Conn) Protocol {
		p := &spy{t: t}
		p.received = func(int) error {
			for i := range spans {
				part := want[i*size : (i+1)*size]
				switch i % 3 {
				case 0: // plain memory
					c.Write(buf.Span{Bytes: part})
				case 1:
					sp := spanOf(c, size)
					copy(sp.Bytes, part)
					c.Write(sp)
				case 2: // several spans of one slab, and empty ones
					sp := spanOf(c, size)
					copy(sp.Bytes, part)
					sp.Slab.Retain()
					sp.Slab.Retain()
					c.Write(buf.Span{Bytes: sp.Bytes[:7], Slab: sp.Slab}, buf.Span{Slab: sp.Slab}, buf.Span{Bytes: sp.Bytes[7:], Slab: sp.Slab})
				}
			}
			if n := c.QueuedBytes(); n != len(want) {
				t.Errorf("%d bytes are queued, want %d", n, len(want))
			}
			c.OnDrained(func() { drained <- c.QueuedBytes() })
			return nil
		}
		return p
	})
	client := dialTest(t, g)
	client.SetReadBuffer(64 << 10)
	io.WriteString(client, "go")
	var got bytes.Buffer
	piece := make([]byte, 30_000)
	for got.Len() < len(want) {
		n, err := client.Read(piece)
		if err != nil {
			t.Fatal(err)
		}
		got.Write(piece[:n])
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Error("other bytes, or in another order")
	}
	if n := receive(t, "OnDrained", drained); n != 0 {
		t.Errorf("OnDrained with %d bytes queued", n)
	}
	stopGroup(t, g)
	if len(drained) != 0 {
		t.Error("OnDrained came twice")
	}
}

func TestBackPressureKeepsTheQueueShort(t *testing.T) {
	const response, responses = 1 << 20, 60
	most := 0
	g := startGroup(t, Config{ArenaBytes: 16 << 20}, func(c *Conn) Protocol {
		left := responses
		var next func()
		next = func() {
			if left--; left >= 0 {
				c.Write(spanOf(c, response))
				most = max(most, c.QueuedBytes())
				c.OnDrained(next)
			}
		}
		return &spy{t: t, received: func(int) error { next(); return nil }}
	})
	client := dialTest(t, g)
	io.WriteString(client, "go")
	if n, err := io.Copy(io.Discard, io.LimitReader(client, response*responses)); n != response*responses {
		t.Fatalf("got %d bytes: %v", n, err)
	}
	stopGroup(t, g)
	if most > response {
		t.Errorf("%d bytes were queued at once", most)
	}
}

func TestWriteQueueBoundClosesAndReleases(t *testing.T) {
	closed := make(chan error, 1)
	g := startGroup(t, Config{WriteQueueBytes: 1 << 20}, func(c *Conn) Protocol {
		return &spy{t: t, closed: func(err error) { closed <- err }, received: func(int) error {
			for range 20 {
				c.Write(spanOf(c, 100<<10))
			}
			return nil
		}}
	})
	client := dialTest(t, g)
	io.WriteString(client, "go")
	if err := receive(t, "Closed", closed); !errors.Is(err, ErrWriteQueueFull) {
		t.Errorf("Closed(%v)", err)
	}
	eventually(t, "all slabs to be released", func() bool { return g.Shard(0).arena.Stats().InUse() == 0 })
}

func TestPeerThatNeverReadsIsCut(t *testing.T) {
	closed := make(chan error, 1)
	g := startGroup(t, Config{WriteStall: 100 * time.Millisecond}, func(c *Conn) Protocol {
		return &spy{t: t, closed: func(err error) { closed <- err }, received: func(int) error {
			for range 16 {
				c.Write(spanOf(c, 1<<20))
			}
			return nil
		}}
	})
	client := dialTest(t, g)
	io.WriteString(client, "go")
	if err := receive(t, "Closed", closed); !errors.Is(err, ErrWriteStalled) {
		t.Errorf("Closed(%v)", err)
	}
	eventually(t, "all slabs to be released", func() bool { return g.Shard(0).arena.Stats().InUse() == 0 })
}

func TestCloseSendsWhatFitsFirst(t *testing.T) {
	g := startGroup(t, Config{}, func(c *Conn) Protocol {
		return &spy{t: t, received: func(int) error {
			c.Write(buf.Span{Bytes: []byte("good")}, buf.Span{Bytes: []byte("bye")})
			c.Close(nil)
			c.Write(spanOf(c, 10)) // released, not sent
			return nil
		}}
	})
	client := dialTest(t, g)
	io.WriteString(client, "go")
	got, err := io.ReadAll(client)
	if string(got) != "goodbye" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestPeerGoneWhileWriting(t *testing.T) {
	closed := make(chan error, 1)
	g := startGroup(t, Config{}, func(c *Conn) Protocol {
		var again func()
		again = func() { c.Write(spanOf(c, 1<<20)); c.OnDrained(again) }
		return &spy{t: t, closed: func(err error) { closed <- err }, received: func(int) error { again(); return nil }}
	})
	client := dialTest(t, g)
	io.WriteString(client, "go")
	if _, err := io.ReadFull(client, make([]byte, 3<<20)); err != nil {
		t.Fatal(err)
	}
	client.SetLinger(0)
	client.Close()
	if err := receive(t, "Closed", closed); err == nil {
		t.Error("Closed(nil)")
	}
	eventually(t, "all slabs to be released", func() bool { return g.Shard(0).arena.Stats().InUse() == 0 })
}

func TestStopWithPeersThatHang(t *testing.T) {
	g := startGroup(t, Config{Shards: 2}, func(c *Conn) Protocol {
		return &spy{t: t, received: func(int) error {
			for range 8 {
				c.Write(spanOf(c, 1<<20))
			}
			c.Pause()
			return nil
		}}
	})
	var clients []net.Conn
	for range 4 {
		client := dialTest(t, g)
		io.WriteString(client, "go")
		clients = append(clients, client)
	}
	eventually(t, "full sockets", func() bool {
		n := uint64(0)
		for i := range g.Len() {
			onLoop(t, g.Shard(i), func() { n += g.Shard(i).stats.WriteWaits })
		}
		return n >= uint64(len(clients))
	})
	stopGroup(t, g)
}

// TestAnswersGoBeforeQuestions: what a turn has for clients is written before what it
// asks of others, also where a later round of the turn comes by it.
func TestAnswersGoBeforeQuestions(t *testing.T) {
	accepted := make(chan *Conn, 1)
	g := startGroup(t, Config{Shards: 1}, func(c *Conn) Protocol { accepted <- c; return &spy{t: t} })
	s := g.Shard(0)
	d := receive(t, "the dial", dialOnLoop(t, s, g.Addr().String(), patience, &spy{t: t}))
	if d.err != nil {
		t.Fatal(d.err)
	}
	client := receive(t, "the client", accepted)
	written := make(chan string, 2)
	say := func(c *Conn, what string) {
		c.Write(buf.Span{Bytes: []byte(what)})
		c.OnDrained(func() { written <- what })
	}
	onLoop(t, s, func() {
		say(d.c, "question")
		s.After(0, func() { say(client, "answer") })
	})
	if first, then := receive(t, "the first", written), receive(t, "the second", written); first != "answer" || then != "question" {
		t.Errorf("%s, then %s", first, then)
	}
}

// TestCloseDoesNotWaitForTheTurn: what comes behind a close, a later round of the same
// turn included, finds the connection gone. Stopping relies on it: connections, then logs.
func TestCloseDoesNotWaitForTheTurn(t *testing.T) {
	accepted, closed := make(chan *Conn, 1), false
	g := startGroup(t, Config{Shards: 1}, func(c *Conn) Protocol {
		accepted <- c
		return &spy{t: t, closed: func(error) { closed = true }}
	})
	dialTest(t, g)
	c := receive(t, "the client", accepted)
	before := make(chan bool, 1)
	onLoop(t, g.Shard(0), func() {
		c.Close(nil)
		g.Shard(0).deliver(func() { before <- closed })
	})
	if !receive(t, "the next round", before) {
		t.Error("the connection was still there")
	}
}
