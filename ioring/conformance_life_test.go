package ioring_test

import (
	"bytes"
	"errors"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"umbra/ioring"
)

func TestBounds(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		g := newRig(t, ioring.Config{Engine: engine, Depth: 5})
		f := g.open("log", false)
		mem, slab := g.slab(4096)
		ops := make([]ioring.Op, 6)
		for i := range ops {
			ops[i] = ioring.Op{Kind: ioring.Write, File: f, Off: int64(i) * 4096, Buf: mem, Slab: slab, Sync: true}
			err := g.tryPush(&ops[i])
			if i < 5 && err != nil || i == 5 && !errors.Is(err, ioring.ErrFull) {
				t.Fatalf("push %d of depth 5: %v", i, err)
			}
		}
		if err := f.Close(); !errors.Is(err, ioring.ErrBusy) {
			t.Errorf("close with operations in flight: %v", err)
		}
		g.drain()
		g.must(&ops[5])
		if g.ring.Stats().Full != 1 {
			t.Errorf("full counted %d times", g.ring.Stats().Full)
		}
		must(t, f.Close())
		if err := f.Close(); !errors.Is(err, ioring.ErrClosed) {
			t.Errorf("second close: %v", err)
		}
		if err := g.tryPush(&ops[0]); !errors.Is(err, ioring.ErrClosed) {
			t.Errorf("push to a closed file: %v", err)
		}
		if err := f.Truncate(0); !errors.Is(err, ioring.ErrClosed) {
			t.Errorf("truncate a closed file: %v", err)
		}
	})
}

// The ring holds the slab: a caller that lets go early loses nothing.
func TestSlabIsHeldUntilDone(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		g := newRig(t, ioring.Config{Engine: engine})
		f := g.open("log", true)
		const n = 64
		for i := range n {
			s, err := g.arena.Alloc(64 << 10)
			must(t, err)
			mem := s.Bytes()[:64<<10]
			pattern(mem, uint64(i))
			g.push(&ioring.Op{Kind: ioring.Write, File: f, Off: int64(i) << 16, Buf: mem, Slab: s})
			s.Release() // the arena poisons what is really free
		}
		g.drain()
		got, err := os.ReadFile(f.Name())
		must(t, err)
		want := make([]byte, 64<<10)
		for i := range n {
			pattern(want, uint64(i))
			if !bytes.Equal(got[i<<16:(i+1)<<16], want) {
				t.Fatalf("block %d differs", i)
			}
		}
	})
}

// Close finishes what was accepted, submitted or not.
func TestCloseWithOperationsInFlight(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		g := newRig(t, ioring.Config{Engine: engine, Workers: 2})
		f := g.open("log", true)
		mem, slab := g.slab(64 << 10)
		pattern(mem, 5)
		const n = 100
		ok := 0
		for i := range n {
			g.push(&ioring.Op{Kind: ioring.Write, File: f, Off: int64(i) << 16, Buf: mem, Slab: slab, Sync: i%10 == 0,
				Done: func(op *ioring.Op) {
					if op.Err == nil {
						ok++
					}
				}})
			if i == n/2 {
				must(t, g.ring.Submit())
			}
		}
		must(t, g.ring.Close())
		if ok != n || g.ring.InFlight() != 0 {
			t.Fatalf("%d of %d writes succeeded, %d in flight", ok, n, g.ring.InFlight())
		}
		got, err := os.ReadFile(f.Name())
		if err != nil || !bytes.Equal(got, bytes.Repeat(mem, n)) {
			t.Fatalf("the file differs (%v)", err)
		}
		for _, err := range []error{g.ring.Push(&ioring.Op{Kind: ioring.Sync, File: f, Done: func(*ioring.Op) {}}), g.ring.Submit(), g.ring.Close()} {
			if !errors.Is(err, ioring.ErrClosed) {
				t.Errorf("a closed ring answered %v", err)
			}
		}
		if g.ring.Reap() != 0 {
			t.Error("a closed ring reaped")
		}
	})
}

// File.Sync on other goroutines and syncs of the ring take turns; nobody
// starves and the ring hears when its turn has come.
func TestBlockingSyncBesideTheRing(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		g := newRig(t, ioring.Config{Engine: engine})
		f := g.open("log", false)
		mem, slab := g.slab(4096)
		stop := make(chan struct{})
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
						if err := f.Sync(); err != nil {
							t.Error(err)
							return
						}
					}
				}
			})
		}
		for i := range 300 {
			g.push(&ioring.Op{Kind: ioring.Write, File: f, Off: int64(i%16) * 4096, Buf: mem, Slab: slab, Sync: i%2 == 0})
			g.push(&ioring.Op{Kind: ioring.Sync, File: f, Done: func(op *ioring.Op) {
				if op.Err != nil {
					t.Error(op.Err)
				}
			}})
			must(t, g.ring.Submit())
			for g.ring.Reap(); g.ring.InFlight() > i%8; g.ring.Reap() {
				g.sleep(t) // proves the kick: nothing else would wake us
			}
		}
		close(stop)
		ended := make(chan struct{})
		go func() { wg.Wait(); close(ended) }()
		for {
			g.drain()
			select {
			case <-ended:
				return
			default:
				runtime.Gosched()
			}
		}
	})
}

func TestNoAllocationPerOperation(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	eachEngine(t, func(t *testing.T, engine string) {
		g := newRig(t, ioring.Config{Engine: engine})
		f := g.open("log", true)
		mem, slab := g.slab(64 << 10)
		ops := make([]ioring.Op, 16)
		for i := range ops {
			ops[i] = ioring.Op{Kind: ioring.Write, File: f, Off: int64(i) << 16, Buf: mem, Slab: slab, Sync: i%4 == 0, Done: func(*ioring.Op) {}}
		}
		n := testing.AllocsPerRun(200, func() {
			for i := range ops {
				must(t, g.ring.Push(&ops[i]))
			}
			must(t, g.ring.Submit())
			for g.ring.Reap(); g.ring.InFlight() > 0; g.ring.Reap() {
				g.sleep(t)
			}
		})
		if n >= 1 {
			t.Errorf("a round of %d operations allocates %v times", len(ops), n)
		}
	})
}

// Rings leave nothing behind: the rig compares descriptors, goleak goroutines,
// and this the mappings of the process.
func TestRingsLeaveNothing(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		g := newRig(t, ioring.Config{Engine: engine})
		cycle := func() {
			bell, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
			must(t, err)
			r, err := ioring.New(ioring.Config{Engine: engine, Depth: 64, Bell: bell})
			must(t, err)
			f, err := r.OpenFile(g.dir+"/log", os.O_RDWR|os.O_CREATE, 0o600, true)
			must(t, err)
			mem, slab := g.slab(4096)
			must(t, r.Push(&ioring.Op{Kind: ioring.Write, File: f, Buf: mem, Slab: slab, Sync: true, Done: func(*ioring.Op) {}}))
			must(t, r.Submit())
			must(t, r.Close())
			must(t, f.Close())
			must(t, unix.Close(bell))
		}
		cycle()
		before := countMappings(t)
		for range 100 {
			cycle()
		}
		if after := countMappings(t); after > before+20 { // the Go heap may have grown
			t.Errorf("%d mappings before, %d after 100 rings", before, after)
		}
	})
}

func countMappings(t *testing.T) int {
	t.Helper()
	b, err := os.ReadFile("/proc/self/maps")
	must(t, err)
	return bytes.Count(b, []byte("\n"))
}

func TestConfigIsChecked(t *testing.T) {
	for _, c := range []ioring.Config{{Engine: "aio"}, {Depth: -1}, {Depth: 1 << 20}, {Workers: 1000}, {CloseTimeout: -time.Second}, {Bell: 1 << 20}, {Bell: 2}} {
		if r, err := ioring.New(c); err == nil {
			t.Errorf("%+v was accepted", c)
			_ = r.Close()
		}
	}
}

// Memory that was trimmed and mapped anew is registered anew: its index may
// mean other pages now.
func TestTrimmedExtentsAreForgotten(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		g := newRig(t, ioring.Config{Engine: engine})
		f := g.open("log", true)
		for i := range 20 {
			in, err := g.arena.Alloc(1 << 20)
			must(t, err)
			out, err := g.arena.Alloc(64 << 10 << (i % 5))
			must(t, err)
			n := min(len(in.Bytes()), len(out.Bytes())) &^ 4095
			pattern(in.Bytes()[:n], uint64(i))
			g.must(&ioring.Op{Kind: ioring.Write, File: f, Buf: in.Bytes()[:n], Slab: in})
			g.must(&ioring.Op{Kind: ioring.Read, File: f, Buf: out.Bytes()[:n], Slab: out})
			if !bytes.Equal(in.Bytes()[:n], out.Bytes()[:n]) {
				t.Fatalf("round %d: %d bytes differ", i, n)
			}
			in.Release()
			out.Release()
			g.arena.Trim()
		}
		if s := g.ring.Stats(); engine == ioring.EngineUring && s.Fixed == 0 && os.Getuid() == 0 {
			t.Error("no transfer used registered memory")
		}
	})
}
