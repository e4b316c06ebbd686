package wire_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"umbra/loadtest/wire"
)

// echo is a server that returns what it reads.
func echo(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				io.Copy(c, c)
			}()
		}
	}()
	return l.Addr().String()
}

func dial(t *testing.T) (*wire.Proxy, net.Conn) {
	t.Helper()
	p, err := wire.Listen("127.0.0.1:0", echo(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	c, err := net.Dial("tcp4", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(20 * time.Second))
	return p, c
}

func TestForwards(t *testing.T) {
	_, c := dial(t)
	sent := bytes.Repeat([]byte("0123456789"), 20_000)
	go func() {
		c.Write(sent)
		c.(*net.TCPConn).CloseWrite()
	}()
	got, err := io.ReadAll(c)
	if err != nil || !bytes.Equal(got, sent) {
		t.Fatalf("%d of %d bytes came back, %v", len(got), len(sent), err)
	}
}

// The reset comes after exactly as many bytes as were asked for.
func TestResetAfter(t *testing.T) {
	p, c := dial(t)
	p.ResetAfter(1234)
	if _, err := c.Write(make([]byte, 5000)); err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, c)
	if n > 1234 || !errors.Is(err, syscall.ECONNRESET) || p.Resets() != 1 {
		t.Fatalf("read %d bytes, then %v, %d resets; want at most 1234, then a reset", n, err, p.Resets())
	}
}

func TestFreezeHoldsBytesBack(t *testing.T) {
	p, c := dial(t)
	p.Freeze(true)
	if _, err := c.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	var b [1]byte
	if n, err := c.Read(b[:]); n != 0 || err == nil {
		t.Fatalf("a frozen proxy passed %q, %v", b[:n], err)
	}
	p.Freeze(false)
	c.SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.ReadFull(c, b[:]); err != nil || b[0] != 'x' {
		t.Fatalf("after the thaw: %q, %v", b, err)
	}
}

// roundTrip sends a byte and says whether it came back in time. The time is for the
// way back only: what is sent must be under way, however busy the machine is.
func roundTrip(c net.Conn, within time.Duration) error {
	c.SetWriteDeadline(time.Now().Add(20 * time.Second))
	if _, err := c.Write([]byte{7}); err != nil {
		return err
	}
	c.SetReadDeadline(time.Now().Add(within))
	_, err := io.ReadFull(c, make([]byte, 1))
	return err
}

func TestCutEndsAndRefuses(t *testing.T) {
	p, c := dial(t)
	if err := roundTrip(c, 20*time.Second); err != nil {
		t.Fatal(err)
	}
	p.Cut(true)
	if err := roundTrip(c, 20*time.Second); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("a connection that was cut: %v, want a reset", err)
	}
	refused, err := net.Dial("tcp4", p.Addr())
	if err == nil {
		err = roundTrip(refused, 20*time.Second)
		refused.Close()
	}
	if err == nil {
		t.Error("a new connection was forwarded")
	}
	p.Cut(false)
	again, err := net.Dial("tcp4", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if err := roundTrip(again, 20*time.Second); err != nil {
		t.Errorf("after the cut: %v", err)
	}
}

// What was asked while answers were held back is answered afterwards.
func TestMuteHoldsAnswersBack(t *testing.T) {
	p, c := dial(t)
	if err := roundTrip(c, 20*time.Second); err != nil {
		t.Fatal(err)
	}
	p.Mute(true)
	if err := roundTrip(c, 50*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("while mute: %v, want nothing", err)
	}
	p.Mute(false)
	c.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
		t.Error(err)
	}
}

func TestThrottleSlowsAndEnds(t *testing.T) {
	p, c := dial(t)
	p.Throttle(100_000)
	begin := time.Now()
	if _, err := c.Write(make([]byte, 20_000)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, make([]byte, 20_000)); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begin); took < 150*time.Millisecond { // a lower bound: a slow machine only adds to it
		t.Errorf("20 kB at 100 kB/s took %v", took)
	}
	p.Throttle(0)
	if err := roundTrip(c, 20*time.Second); err != nil {
		t.Error(err)
	}
}
