package shard

import (
	"context"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"umbra/ioring/buf"
)

func TestMain(m *testing.M) {
	if addr := os.Getenv(senderEnv); addr != "" {
		sendForEver(addr)
		return
	}
	goleak.VerifyTestMain(m,
		// gnet's worker pool belongs to the process: it is made when the package
		// is loaded and keeps idle workers for ten seconds.
		goleak.IgnoreAnyFunction("github.com/panjf2000/ants/v2.(*poolCommon).purgeStaleWorkers"),
		goleak.IgnoreAnyFunction("github.com/panjf2000/ants/v2.(*poolCommon).ticktock"),
		goleak.IgnoreAnyFunction("github.com/panjf2000/ants/v2.(*goWorker).run.func1"),
	)
}

const patience = 30 * time.Second

// eventually polls a condition; the deadline is for a hang, not a measurement.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for: %s", what)
		}
	}
}

func receive[T any](t testing.TB, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("waited in vain for: %s", what)
		panic("unreachable")
	}
}

// startGroup starts a group that stops at the test's end, and then no slab may
// be in use.
func startGroup(t testing.TB, cfg Config, accept func(*Conn) Protocol) *Group {
	t.Helper()
	if cfg.Listen == "" {
		cfg.Listen = "127.0.0.1:0"
	}
	if cfg.Shards == 0 {
		cfg.Shards = 1
	}
	if cfg.ArenaBytes == 0 {
		cfg.ArenaBytes = 64 << 20
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.NewTextHandler(testLog{t}, &slog.HandlerOptions{Level: slog.LevelWarn}))
	}
	_, timing := t.(*testing.B)
	cfg.PoisonSlabs = !timing
	if accept == nil {
		accept = func(*Conn) Protocol { return nil }
	}
	g, err := Start(cfg, accept)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stopGroup(t, g) })
	return g
}

func stopGroup(t testing.TB, g *Group) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := g.Stop(ctx); err != nil {
		t.Errorf("stop: %v", err)
	}
	for i := range g.Len() {
		if n := g.Shard(i).arena.Stats().InUse(); n != 0 {
			t.Errorf("shard %d: %d slabs are still in use", i, n)
		}
	}
}

type testLog struct{ t testing.TB }

func (l testLog) Write(b []byte) (int, error) {
	l.t.Logf("%s", b)
	return len(b), nil
}

func onLoop(t testing.TB, s *Shard, f func()) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := s.Call(ctx, f); err != nil {
		t.Fatal(err)
	}
}

func dialTest(t testing.TB, g *Group) *net.TCPConn {
	t.Helper()
	c, err := net.DialTimeout("tcp", g.Addr().String(), patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	return c.(*net.TCPConn)
}

// spy is a Protocol made of functions; it checks the calling rules itself.
type spy struct {
	t        testing.TB
	buffers  func() (first, then []byte)
	received func(n int) error
	closed   func(err error)

	buf    [4096]byte
	inside bool
	ends   int
}

func (p *spy) Buffers() (first, then []byte) {
	p.check("Buffers")
	if p.buffers != nil {
		return p.buffers()
	}
	return p.buf[:], nil
}

func (p *spy) Received(n int) error {
	p.check("Received")
	if n <= 0 {
		p.t.Errorf("Received(%d)", n)
	}
	if p.received == nil {
		return nil
	}
	p.inside = true
	defer func() { p.inside = false }()
	return p.received(n)
}

func (p *spy) Closed(err error) {
	p.check("Closed")
	p.ends++
	if p.closed != nil {
		p.closed(err)
	}
}

func (p *spy) check(call string) {
	if p.inside {
		p.t.Errorf("%s inside Received", call)
	}
	if p.ends > 0 {
		p.t.Errorf("%s after Closed", call)
	}
}

// echo writes back what it gets, from the very slabs it was received into, in
// buffers of random sizes.
type echo struct {
	conn  *Conn
	rng   *rand.Rand
	a, b  *buf.Slab
	first []byte
	then  []byte
	ended func(error)
}

func newEcho(c *Conn, seed uint64) *echo {
	return &echo{conn: c, rng: rand.New(rand.NewPCG(seed, c.ID()))}
}

func (e *echo) Buffers() (first, then []byte) {
	e.a, e.b = e.piece(&e.first), e.piece(&e.then)
	if e.rng.IntN(4) == 0 {
		e.then = nil
	}
	return e.first, e.then
}

func (e *echo) piece(out *[]byte) *buf.Slab {
	n := 1 + e.rng.IntN(1<<(1+e.rng.IntN(17)))
	s, err := e.conn.Shard().Arena().Alloc(n)
	if err != nil {
		panic(err)
	}
	*out = s.Bytes()[:n]
	return s
}

func (e *echo) Received(n int) error {
	a, b := e.a, e.b
	e.a, e.b = nil, nil
	k := min(n, len(e.first))
	e.conn.Write(buf.Span{Bytes: e.first[:k], Slab: a}, buf.Span{Bytes: e.then[:n-k], Slab: b})
	return nil
}

func (e *echo) Closed(err error) {
	for _, s := range []*buf.Slab{e.a, e.b} {
		if s != nil {
			s.Release()
		}
	}
	if e.ended != nil {
		e.ended(err)
	}
}

// pattern is a stream of bytes in which every position tells itself.
type pattern struct{ rng *rand.ChaCha8 }

func newPattern(seed byte) io.Reader { return pattern{rand.NewChaCha8([32]byte{seed})} }

func (p pattern) Read(b []byte) (int, error) { return p.rng.Read(b) }

// once records the end of a connection.
type ends struct {
	mu sync.Mutex
	m  map[uint64][]error
}

func (e *ends) add(id uint64, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.m == nil {
		e.m = map[uint64][]error{}
	}
	e.m[id] = append(e.m[id], err)
}
