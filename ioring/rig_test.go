package ioring_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"umbra/ioring"
	"umbra/ioring/buf"
)

func TestMain(m *testing.M) {
	if os.Getenv(forbidEnv) != "" {
		forbiddenChild()
	}
	goleak.VerifyTestMain(m)
}

// patience is how long a test waits for what must happen; reaching it fails.
const patience = 30 * time.Second

// rig is a ring with an arena and a bell, as a shard would have them. Its
// cleanup proves that nothing leaked.
type rig struct {
	t     testing.TB
	ring  *ioring.Ring
	arena *buf.Arena
	bell  int // what the owner sleeps on
	dir   string
	fin   int
}

// eachEngine runs the same test over both engines. A kernel that forbids
// io_uring skips that half and says why.
func eachEngine(t *testing.T, test func(t *testing.T, engine string)) {
	for _, e := range []string{ioring.EngineUring, ioring.EnginePwrite} {
		t.Run(e, func(t *testing.T) {
			r, err := ioring.New(ioring.Config{Engine: e, Depth: 1})
			if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) {
				t.Skipf("this kernel forbids the engine: %v", err)
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
			test(t, e)
		})
	}
}

func newRig(t testing.TB, cfg ioring.Config) *rig {
	t.Helper()
	fds := countFds(t)
	bell, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		t.Fatal(err)
	}
	_, poison := t.(*testing.T)
	cfg.Bell, cfg.CheckMemory = bell, poison
	g := &rig{t: t, bell: bell, dir: t.TempDir()}
	if g.ring, err = ioring.New(cfg); err != nil {
		t.Fatal(err)
	}
	g.arena, err = buf.NewArena(buf.Config{
		Budget: 512 << 20,
		Poison: poison,
		OnExtent: func(mem []byte, i int) {
			err := g.ring.Register(mem, i)
			if errors.Is(err, unix.ENOMEM) { // no root, small memlock limit: works unregistered
				t.Log(err)
			} else if err != nil {
				t.Errorf("register: %v", err)
			}
		},
		OnTrim: func(i int) {
			if err := g.ring.Unregister(i); err != nil {
				t.Errorf("unregister: %v", err)
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.ring.Close(); err != nil && !errors.Is(err, ioring.ErrClosed) {
			t.Errorf("close ring: %v", err)
		}
		if s := g.arena.Stats(); s.InUse() != 0 {
			t.Errorf("%d slabs leaked: %+v", s.InUse(), s)
		}
		if err := g.arena.Close(); err != nil {
			t.Error(err)
		}
		_ = unix.Close(bell)
		if now := countFds(t); now != fds {
			t.Errorf("file descriptors: %d before, %d after", fds, now)
		}
	})
	return g
}

func countFds(t testing.TB) int {
	t.Helper()
	d, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(d) - 1 // the directory itself
}

// open opens dir/name read-write and closes it at the end of the test.
func (g *rig) open(name string, direct bool) *ioring.File {
	return g.openAt(filepath.Join(g.dir, name), os.O_RDWR|os.O_CREATE, direct)
}

func (g *rig) openAt(path string, flag int, direct bool) *ioring.File {
	g.t.Helper()
	f, err := g.ring.OpenFile(path, flag, 0o600, direct)
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() {
		if err := f.Close(); err != nil && !errors.Is(err, ioring.ErrClosed) {
			g.t.Errorf("close file: %v", err)
		}
	})
	return f
}

// slab gives n bytes of arena memory, released at the end of the test.
func (g *rig) slab(n int) ([]byte, *buf.Slab) {
	g.t.Helper()
	s, err := g.arena.Alloc(n)
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(s.Release)
	return s.Bytes()[:n], s
}

// push counts op among those do waits for.
func (g *rig) push(op *ioring.Op) {
	g.t.Helper()
	if err := g.tryPush(op); err != nil {
		g.t.Fatal(err)
	}
}

func (g *rig) tryPush(op *ioring.Op) error {
	then := op.Done
	op.Done = func(op *ioring.Op) {
		g.fin++
		if then != nil {
			then(op)
		}
	}
	return g.ring.Push(op)
}

// drain submits and reaps until nothing is in flight.
func (g *rig) drain() {
	g.t.Helper()
	deadline := time.Now().Add(patience)
	for g.ring.InFlight() > 0 {
		if time.Now().After(deadline) {
			g.t.Fatalf("%d operations did not end", g.ring.InFlight())
		}
		if err := g.ring.Submit(); err != nil {
			g.t.Fatal(err)
		}
		g.ring.Wait(10 * time.Millisecond)
		g.ring.Reap()
	}
}

// do runs one operation to its end and gives its outcome.
func (g *rig) do(op *ioring.Op) error {
	g.t.Helper()
	g.push(op)
	g.drain()
	return op.Err
}

func (g *rig) must(op *ioring.Op) {
	g.t.Helper()
	if err := g.do(op); err != nil {
		g.t.Fatal(err)
	}
}

// pattern fills b so that every position and seed differs.
func pattern(b []byte, seed uint64) {
	x := seed*0x9E3779B97F4A7C15 + 1
	for i := range b {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		b[i] = byte(x)
	}
}

// tinyTmpfs mounts a tmpfs of that many bytes; false where that is forbidden.
func tinyTmpfs(t *testing.T, bytes int) (string, bool) {
	t.Helper()
	dir := t.TempDir()
	err := unix.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", bytes))
	if errors.Is(err, syscall.EPERM) {
		return "", false
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil { // a device manager may look at what was a loop device
			t.Errorf("unmount %s: %v", dir, err)
		}
	})
	return dir, true
}
