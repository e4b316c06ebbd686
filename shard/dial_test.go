package shard

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"umbra/ioring/buf"
)

type dialed struct {
	c   *Conn
	err error
}

func dialOnLoop(t *testing.T, s *Shard, addr string, timeout time.Duration, p Protocol) <-chan dialed {
	t.Helper()
	out := make(chan dialed, 2)
	onLoop(t, s, func() {
		s.Dial(addr, timeout, p, func(c *Conn, err error) {
			if s.turnDepth != 1 {
				t.Errorf("done at turn depth %d", s.turnDepth)
			}
			if c != nil {
				c.Write(buf.Span{Bytes: []byte("hello")})
			}
			out <- dialed{c, err}
		})
	})
	return out
}

func TestDialReachesAnotherShard(t *testing.T) {
	g := startGroup(t, Config{Shards: 2, DialReceiveBuffer: 1 << 20}, func(c *Conn) Protocol { return newEcho(c, 1) })
	for i := range g.Len() {
		s := g.Shard(i)
		got := make(chan string, 1)
		closed := make(chan error, 1)
		text := ""
		p := &spy{t: t, closed: func(err error) { closed <- err }}
		p.received = func(n int) error {
			if text += string(p.buf[:n]); len(text) == 5 {
				got <- text
			}
			return nil
		}
		d := receive(t, "the dial", dialOnLoop(t, s, g.Addr().String(), patience, p))
		if d.err != nil {
			t.Fatal(d.err)
		}
		if d.c.Shard() != s || d.c.Accepted() || d.c.RemoteAddr().String() != g.Addr().String() {
			t.Errorf("connection of shard %d, accepted %v, to %v", d.c.Shard().ID(), d.c.Accepted(), d.c.RemoteAddr())
		}
		if text := receive(t, "the echo", got); text != "hello" {
			t.Errorf("got %q", text)
		}
		onLoop(t, s, func() { checkDialledOptions(t, d.c); d.c.Close(nil) })
		if err := receive(t, "Closed", closed); err != nil {
			t.Errorf("Closed(%v)", err)
		}
	}
}

func checkDialledOptions(t *testing.T, c *Conn) {
	for _, o := range []struct {
		name          string
		level, option int
		least         int
	}{
		{"TCP_NODELAY", unix.IPPROTO_TCP, unix.TCP_NODELAY, 1},
		{"SO_KEEPALIVE", unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
		{"TCP_USER_TIMEOUT", unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, 30_000},
		{"SO_RCVBUF", unix.SOL_SOCKET, unix.SO_RCVBUF, 200 << 10}, // the kernel's own limit may be lower than asked
	} {
		if v, err := unix.GetsockoptInt(c.fd, o.level, o.option); err != nil || v < o.least {
			t.Errorf("%s = %d, %v; want at least %d", o.name, v, err, o.least)
		}
	}
}

func TestAcceptedConnectionsHaveTheirOptions(t *testing.T) {
	opened := make(chan *Conn, 1)
	g := startGroup(t, Config{}, func(c *Conn) Protocol { opened <- c; return &spy{t: t} })
	dialTest(t, g)
	c := receive(t, "the connection", opened)
	onLoop(t, g.Shard(0), func() {
		for _, o := range [][2]int{{unix.IPPROTO_TCP, unix.TCP_NODELAY}, {unix.SOL_SOCKET, unix.SO_KEEPALIVE}} {
			if v, err := unix.GetsockoptInt(c.fd, o[0], o[1]); err != nil || v != 1 {
				t.Errorf("option %v = %d, %v", o, v, err)
			}
		}
	})
}

func TestDialFailures(t *testing.T) {
	g := startGroup(t, Config{}, nil)
	s := g.Shard(0)
	never := &spy{t: t, closed: func(error) { t.Error("Closed of a Protocol that never began") }}

	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := l.Addr().String()
	l.Close()
	if d := receive(t, "a refused dial", dialOnLoop(t, s, gone, patience, never)); !errors.Is(d.err, unix.ECONNREFUSED) || !strings.Contains(d.err.Error(), gone) {
		t.Errorf("dial of a closed port: %v", d.err)
	}
	if d := receive(t, "a wrong address", dialOnLoop(t, s, "no port", patience, never)); d.err == nil {
		t.Error("dial of an address without port succeeded")
	}
	hole := blackHole(t)
	d := receive(t, "a timeout", dialOnLoop(t, s, hole, 50*time.Millisecond, never))
	var ne net.Error
	if !errors.As(d.err, &ne) || !ne.Timeout() {
		t.Errorf("dial of a host that does not answer: %v", d.err)
	}
}

func TestDialsAreBoundedAndEndWithStop(t *testing.T) {
	g := startGroup(t, Config{DialsMax: 2}, nil)
	s := g.Shard(0)
	never := &spy{t: t}
	hole := blackHole(t)
	first, second := dialOnLoop(t, s, hole, time.Hour, never), dialOnLoop(t, s, hole, time.Hour, never)
	if d := receive(t, "a refusal", dialOnLoop(t, s, hole, time.Hour, never)); !errors.Is(d.err, ErrDialsFull) {
		t.Errorf("dial over the bound: %v", d.err)
	}
	stopGroup(t, g)
	for _, c := range []<-chan dialed{first, second} {
		if d := receive(t, "a dial's end", c); !errors.Is(d.err, ErrStopped) {
			t.Errorf("dial when the shard stops: %v", d.err)
		}
	}
}

// blackHole is an address where connecting hangs: a socket whose backlog is full.
func blackHole(t *testing.T) string {
	t.Helper()
	c, err := claimAddr(unix.AF_INET, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}, false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.close)
	if err := unix.Listen(c.fd, 0); err != nil {
		t.Fatal(err)
	}
	addr := c.addr.String()
	for range 8 {
		nc, err := net.DialTimeout("tcp", addr, 200*time.Millisecond)
		if err != nil {
			return addr
		}
		t.Cleanup(func() { nc.Close() })
	}
	t.Skip("this kernel's backlog cannot be filled")
	return ""
}

func TestDialledPeerThatEnds(t *testing.T) {
	g := startGroup(t, Config{}, func(c *Conn) Protocol {
		return &spy{t: t, received: func(int) error { c.Close(nil); return nil }}
	})
	closed := make(chan error, 1)
	d := receive(t, "the dial", dialOnLoop(t, g.Shard(0), g.Addr().String(), patience, &spy{t: t, closed: func(err error) { closed <- err }}))
	if d.err != nil {
		t.Fatal(d.err)
	}
	if err := receive(t, "Closed", closed); err != io.EOF {
		t.Errorf("Closed(%v)", err)
	}
}
