package wan

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const ms = time.Millisecond

// A line without a rate delays, and nothing else.
func TestLineDelays(t *testing.T) {
	l := newLine(40*ms, 0)
	for _, now := range []time.Duration{0, 0, 5 * ms} {
		if got := l.arrives(now, 1<<30); got != now+40*ms {
			t.Errorf("a GiB at %v arrives at %v", now, got)
		}
	}
}

// Bytes wait for their turn at the rate; the delay is behind that, so that as much
// is under way as fits.
func TestLineAtARate(t *testing.T) {
	l := newLine(40*ms, 8e6) // a byte in a microsecond
	f := func(now time.Duration, n int, want time.Duration) {
		t.Helper()
		if got := l.arrives(now, n); got != want {
			t.Errorf("%d bytes at %v arrive at %v, want %v", n, now, got, want)
		}
	}
	f(0, 1000, 41*ms)
	f(0, 1000, 42*ms)    // behind the first
	f(1*ms, 3000, 45*ms) // while the second is sent
	f(10*ms, 500, 50*ms+500*time.Microsecond)
	f(10*ms, 0, 50*ms+500*time.Microsecond) // the end does not overtake
}

func TestFlightBytes(t *testing.T) {
	for _, c := range []struct {
		rtt  time.Duration
		want int
	}{{0, 8 << 20}, {20 * ms, 10e6}, {85 * ms, 42.5e6}} {
		if got := (Config{RTT: c.rtt}).flightBytes(); got != c.want {
			t.Errorf("round trip %v: %d bytes in flight, want %d", c.rtt, got, c.want)
		}
	}
}

// A flight that is full makes its sender wait, never loses and never reorders.
func TestFlightIsBounded(t *testing.T) {
	f := newFlight(100)
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range 50 {
			if !f.put(parcel{bytes: bytes.Repeat([]byte{byte(i)}, 30), due: time.Duration(i)}) {
				t.Error("the flight ended")
			}
		}
	})
	for i := 0; i < 50; {
		due, ok := f.next()
		if !ok || due != time.Duration(i) {
			t.Fatalf("parcel %d: due %v, %v", i, due, ok)
		}
		f.mu.Lock()
		if f.bytes > 100 {
			t.Errorf("%d bytes in a flight of 100", f.bytes)
		}
		f.mu.Unlock()
		if got := f.take(due-1, 10, nil); len(got) != 0 {
			t.Errorf("%d parcels came before they were due", len(got))
		}
		for _, p := range f.take(time.Hour, 2, nil) {
			if p.bytes[0] != byte(i) || len(p.bytes) != 30 {
				t.Errorf("parcel %d is %v", i, p.bytes)
			}
			i++
		}
	}
	wg.Wait()
	if !f.put(parcel{bytes: make([]byte, 1000)}) {
		t.Error("a parcel larger than the bound was refused by an empty flight")
	}
	f.end()
	if f.put(parcel{}) {
		t.Error("put into a flight that is over")
	}
	if _, ok := f.next(); ok {
		t.Error("a parcel of a flight that is over")
	}
}

// far is a proxy in front of a server, and a connection through it.
func far(t *testing.T, cfg Config, server func(*net.TCPConn)) *net.TCPConn {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		server(c.(*net.TCPConn))
	})
	p, err := Listen("", cfg)
	if err != nil {
		t.Fatal(err)
	}
	p.Forward(l.Addr().String())
	c, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); p.Close(); l.Close(); wg.Wait() })
	c.SetDeadline(time.Now().Add(time.Minute))
	return c.(*net.TCPConn)
}

// echo sends everything back, and its end too.
func echo(c *net.TCPConn) {
	io.Copy(c, c)
	c.CloseWrite()
}

// What goes there and back is the same bytes, at least a round trip later, the end
// of the stream included.
func TestBytesComeBackALater(t *testing.T) {
	const rtt = 30 * ms
	c := far(t, Config{RTT: rtt}, echo)
	r := rand.New(rand.NewPCG(1, 2))
	sent := make([]byte, 3<<20)
	for i := range sent {
		sent[i] = byte(r.Uint32())
	}
	begin := time.Now()
	var wg sync.WaitGroup
	wg.Go(func() {
		for rest := sent; len(rest) > 0; { // pieces of all sizes
			n := min(len(rest), 1+r.IntN(200_000))
			if _, err := c.Write(rest[:n]); err != nil {
				t.Error(err)
				return
			}
			rest = rest[n:]
		}
		c.CloseWrite()
	})
	got := make([]byte, 1)
	if _, err := io.ReadFull(c, got); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begin); took < rtt {
		t.Errorf("the first byte was back after %v", took)
	}
	rest, err := io.ReadAll(c)
	if err != nil || !bytes.Equal(append(got, rest...), sent) {
		t.Errorf("%d of %d bytes came back, or others: %v", 1+len(rest), len(sent), err)
	}
	wg.Wait()
}

// A line fills: what the target sends at once takes its time at the rate, on top of
// the delay, and arrives whole.
func TestRateIsHeld(t *testing.T) {
	const size, rate = 400_000, 16e6 // 200 ms
	begin := time.Now()              // before the dial: the target writes as soon as it is there
	c := far(t, Config{RTT: 20 * ms, Rate: rate}, func(c *net.TCPConn) {
		c.Write(make([]byte, size))
	})
	n, err := io.Copy(io.Discard, c)
	if took := time.Since(begin); err != nil || n != size || took < 200*ms {
		t.Errorf("%d bytes in %v, %v: want %d in 200 ms or more", n, took, err, size)
	}
}

// A sender is not held up by the delay: it is done with more than socket buffers
// hold while nothing has arrived, and nothing ever does.
func TestSenderIsNotHeldUp(t *testing.T) {
	sent := make(chan error, 1)
	far(t, Config{RTT: time.Hour}, func(c *net.TCPConn) {
		_, err := c.Write(make([]byte, 60<<20))
		sent <- err
	})
	select {
	case err := <-sent:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Error("60 MiB do not fit on the way")
	}
}

// A side that breaks off takes the other with it.
func TestResetGoesThrough(t *testing.T) {
	ended := make(chan error, 1)
	c := far(t, Config{RTT: ms}, func(c *net.TCPConn) {
		_, err := io.Copy(io.Discard, c)
		ended <- err
	})
	if _, err := c.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	c.SetLinger(0)
	c.Close()
	<-ended
}

func TestNobodyIsThere(t *testing.T) {
	p, err := Listen("", Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	p.Forward("127.0.0.1:1")
	c, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Minute))
	if n, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, net.ErrClosed) || n != 0 {
		t.Errorf("read %d bytes of nobody: %v", n, err)
	}
	if _, err := Listen("", Config{RTT: -1}); err == nil {
		t.Error("a round trip into the past")
	}
	if _, err := Listen("127.0.0.1:1x", Config{}); err == nil {
		t.Error("listens nowhere")
	}
}

// Close does not wait for what is under way.
func TestCloseForgets(t *testing.T) {
	p, err := Listen("", Config{RTT: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	p.Forward(l.Addr().String())
	c, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s, err := l.Accept() // the way is open
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	c.Write([]byte("never"))
	p.Close()
	c.SetDeadline(time.Now().Add(time.Minute))
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Error("something came back")
	}
}
