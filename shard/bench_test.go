package shard

import (
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
	"time"

	"umbra/ioring/buf"
)

// What does a message to a loop cost its sender, bell included?
func BenchmarkPost(b *testing.B) {
	g := startGroup(b, Config{}, nil)
	s := g.Shard(0)
	f := func() {}
	b.ReportAllocs()
	for b.Loop() {
		for s.Post(f) != nil {
			runtime.Gosched()
		}
	}
}

// What does a wake-up and an answer cost?
func BenchmarkCall(b *testing.B) {
	g := startGroup(b, Config{}, nil)
	b.ReportAllocs()
	for b.Loop() {
		onLoop(b, g.Shard(0), func() {})
	}
}

// How long is one small request and its answer on the way, beside a plain
// goroutine per connection?
func BenchmarkEchoRTT(b *testing.B) {
	b.Run("shard", func(b *testing.B) {
		g := startGroup(b, Config{}, func(c *Conn) Protocol { return &smallEcho{conn: c} })
		roundTrips(b, g.Addr().String())
	})
	b.Run("net", func(b *testing.B) {
		l := listenTest(b)
		go func() {
			if c, err := l.Accept(); err == nil {
				io.Copy(struct{ io.Writer }{c}, struct{ io.Reader }{c})
				c.Close()
			}
		}()
		roundTrips(b, l.Addr().String())
	})
}

func listenTest(b *testing.B) net.Listener {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	return l
}

type smallEcho struct {
	conn *Conn
	in   [512]byte
}

func (e *smallEcho) Buffers() (first, then []byte) { return e.in[:], nil }
func (e *smallEcho) Closed(error)                  {}
func (e *smallEcho) Received(n int) error {
	e.conn.Write(buf.Span{Bytes: e.in[:n]}) // the peer asks one thing at a time
	return nil
}

func roundTrips(b *testing.B, addr string) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	msg := make([]byte, 100)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Write(msg); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(c, msg); err != nil {
			b.Fatal(err)
		}
	}
}

const (
	frameBytes = 1 << 20
	senderEnv  = "UMBRA_SHARD_TEST_SENDER" // address: this process is the sender of a benchmark
)

// sendForEver is another process, so that its cost is not the receiver's.
func sendForEver(addr string) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		os.Exit(1)
	}
	hot := make([]byte, 4*frameBytes)
	for {
		if _, err := c.Write(hot); err != nil {
			return
		}
	}
}

func startSender(b *testing.B, addr string) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), senderEnv+"="+addr)
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
}

// What does receiving 1 MiB frames cost, beside a plain connection that throws
// the same bytes away? Read the ratio of the CPU-s/GiB, in one run.
func BenchmarkReceive(b *testing.B) {
	b.Run("net-discard", func(b *testing.B) {
		l := listenTest(b)
		startSender(b, l.Addr().String())
		c, err := l.Accept()
		if err != nil {
			b.Fatal(err)
		}
		defer c.Close()
		into := make([]byte, frameBytes)
		c.Read(into) // the sender is up
		measureReceive(b, func(frames int) {
			for range frames {
				if _, err := io.ReadFull(c, into); err != nil {
					b.Fatal(err)
				}
			}
		})
	})
	for _, expect := range []bool{false, true} {
		name := map[bool]string{false: "shard", true: "shard-expect"}[expect]
		b.Run(name, func(b *testing.B) {
			frames := make(chan int, 1)
			done := make(chan struct{}, 1)
			opened := make(chan *Conn, 1)
			g := startGroup(b, Config{}, func(c *Conn) Protocol {
				opened <- c
				c.Pause()
				return &frameSink{conn: c, expect: expect, want: frames, done: done}
			})
			startSender(b, g.Addr().String())
			c := receive(b, "the sender", opened)
			measureReceive(b, func(n int) {
				frames <- n
				c.Shard().Post(c.Resume)
				<-done
			})
		})
	}
}

func measureReceive(b *testing.B, run func(frames int)) {
	b.SetBytes(frameBytes)
	b.ReportAllocs()
	before := cpuTime()
	b.ResetTimer()
	run(b.N)
	b.StopTimer()
	b.ReportMetric((cpuTime()-before).Seconds()/(float64(b.N)*frameBytes/(1<<30)), "cpu-s/GiB")
}

func cpuTime() time.Duration {
	var ru syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &ru)
	return time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
}

// frameSink takes frames into slabs of their own, then pauses.
type frameSink struct {
	conn   *Conn
	expect bool
	want   chan int
	done   chan struct{}
	left   int
	slab   *buf.Slab
	filled int
}

func (f *frameSink) Buffers() (first, then []byte) {
	if f.left == 0 {
		f.left = <-f.want // sent before the resume
	}
	if f.slab == nil {
		var err error
		if f.slab, err = f.conn.Shard().Arena().Alloc(frameBytes); err != nil {
			panic(err)
		}
	}
	return f.slab.Bytes()[f.filled:frameBytes], nil
}

func (f *frameSink) Received(n int) error {
	if f.expect && f.filled == 0 {
		f.conn.Expect(frameBytes - n)
	}
	if f.filled += n; f.filled < frameBytes {
		return nil
	}
	f.slab.Release()
	f.slab, f.filled = nil, 0
	if f.left--; f.left == 0 {
		f.conn.Pause()
		f.done <- struct{}{}
	}
	return nil
}

func (f *frameSink) Closed(error) {
	if f.slab != nil {
		f.slab.Release()
	}
}
