package ioring_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"umbra/ioring"
)

func TestRoundTrip(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		sizes := []int{1, 511, 512, 4095, 4096, 4097, 64 << 10, 272 << 10, 1<<20 + 1, 4 << 20, 5<<20 + 12288}
		for _, direct := range []bool{false, true} {
			for _, size := range sizes {
				g := newRig(t, ioring.Config{Engine: engine})
				f := g.open(fmt.Sprintf("log%v%d", direct, size), direct)
				if size%f.Align() != 0 {
					continue
				}
				for i, off := range []int64{0, 4096, 3 << 20, 1 << 33} {
					in, inSlab := g.slab(size)
					out, outSlab := g.slab(size)
					pattern(in, uint64(size+i))
					w := &ioring.Op{Kind: ioring.Write, File: f, Off: off, Buf: in, Slab: inSlab, Sync: i%2 == 0}
					g.must(w)
					r := &ioring.Op{Kind: ioring.Read, File: f, Off: off, Buf: out, Slab: outSlab}
					g.must(r)
					if w.N != size || r.N != size || !bytes.Equal(in, out) {
						t.Fatalf("%d bytes at %d, align %d: wrote %d, read %d, equal %v",
							size, off, f.Align(), w.N, r.N, bytes.Equal(in, out))
					}
				}
			}
		}
	})
}

func TestOddOffsetsBuffered(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		g := newRig(t, ioring.Config{Engine: engine})
		f := g.open("log", false)
		want := make([]byte, 100_000)
		mem, slab := g.slab(len(want))
		rng := rand.New(rand.NewPCG(1, 2))
		for i := range 200 {
			off, n := rng.IntN(len(want)-1), 0
			n = 1 + rng.IntN(min(5000, len(want)-off))
			pattern(mem[:n], uint64(i))
			copy(want[off:], mem[:n])
			g.must(&ioring.Op{Kind: ioring.Write, File: f, Off: int64(off), Buf: mem[:n], Slab: slab})
		}
		got, err := os.ReadFile(f.Name())
		if err != nil || !bytes.Equal(got, want[:len(got)]) {
			t.Fatalf("%d bytes differ from what was written (%v)", len(got), err)
		}
	})
}

// Many files, random order, operations of all kinds in flight together.
func TestManyFilesAtOnce(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		const files, blocks, size = 40, 16, 8192
		g := newRig(t, ioring.Config{Engine: engine, Depth: 128})
		rng := rand.New(rand.NewPCG(3, 4))
		fs := make([]*ioring.File, files)
		for i := range fs {
			fs[i] = g.open(fmt.Sprintf("log%d", i), i%2 == 0)
		}
		for _, at := range rng.Perm(files * blocks) {
			mem, slab := g.slab(size)
			pattern(mem, uint64(at))
			op := &ioring.Op{Kind: ioring.Write, File: fs[at/blocks], Off: int64(at%blocks) * size, Buf: mem, Slab: slab,
				Sync: rng.IntN(4) == 0, Done: func(op *ioring.Op) {
					if op.Err != nil {
						t.Error(op.Err)
					}
				}}
			for g.tryPush(op) != nil {
				must(t, g.ring.Submit())
				g.ring.Wait(patience)
				g.ring.Reap()
			}
			if rng.IntN(8) == 0 {
				must(t, g.ring.Submit())
				g.ring.Reap()
			}
		}
		g.drain()
		want := make([]byte, size)
		for i, f := range fs {
			got, err := os.ReadFile(f.Name())
			must(t, err)
			for b := range blocks {
				pattern(want, uint64(i*blocks+b))
				if !bytes.Equal(got[b*size:(b+1)*size], want) {
					t.Fatalf("file %d block %d differs", i, b)
				}
			}
		}
	})
}

// A Sync waits for every write pushed before it, and for none pushed after.
func TestSyncCoversEarlierWrites(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		g := newRig(t, ioring.Config{Engine: engine})
		f := g.open("log", true)
		mem, slab := g.slab(256 << 10)
		for round := range 50 {
			var pending int
			for i := range 8 {
				pending++
				g.push(&ioring.Op{Kind: ioring.Write, File: f, Off: int64(i) << 18, Buf: mem, Slab: slab,
					Sync: (round+i)%3 == 0, Done: func(*ioring.Op) { pending-- }})
			}
			synced := false
			g.push(&ioring.Op{Kind: ioring.Sync, File: f, Done: func(op *ioring.Op) {
				synced = true
				if pending != 0 || op.Err != nil {
					t.Errorf("round %d: sync ended with %d earlier writes in flight, error %v", round, pending, op.Err)
				}
			}})
			g.drain()
			if !synced {
				t.Fatal("the sync did not end")
			}
		}
	})
}

// Syncs of one file that pile up share an fsync; each is answered once.
func TestGroupCommit(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		g := newRig(t, ioring.Config{Engine: engine, Workers: 1})
		f := g.open("log", false)
		mem, slab := g.slab(4096)
		const n = 200
		for i := range n {
			g.push(&ioring.Op{Kind: ioring.Write, File: f, Off: int64(i) * 4096, Buf: mem, Slab: slab, Sync: true})
		}
		g.drain()
		s := g.ring.Stats()
		if s.Fsyncs+s.FsyncsShared != n || g.fin != n {
			t.Fatalf("%d fsyncs and %d shared for %d writes, %d ended", s.Fsyncs, s.FsyncsShared, n, g.fin)
		}
		if s.Fsyncs > n/4 {
			t.Errorf("%d writes pushed together cost %d fsyncs", n, s.Fsyncs)
		}
	})
}

func TestReadAtEndOfFile(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		for _, direct := range []bool{false, true} {
			g := newRig(t, ioring.Config{Engine: engine})
			path := filepath.Join(g.dir, "log")
			must(t, os.WriteFile(path, bytes.Repeat([]byte("x"), 10_000), 0o600))
			f := g.openAt(path, os.O_RDONLY, direct)
			mem, slab := g.slab(16384)
			ask := func(off int64, n int) {
				op := &ioring.Op{Kind: ioring.Read, File: f, Off: off, Buf: mem, Slab: slab}
				if err := g.do(op); !errors.Is(err, ioring.ErrShort) || op.N != n {
					t.Errorf("direct %v, read at %d: %d bytes, %v; want %d and ErrShort", direct, off, op.N, err, n)
				}
			}
			ask(0, 10_000)
			ask(4096, 10_000-4096)
			ask(8192, 10_000-8192)
			ask(12288, 0)
			ask(1<<30, 0)
		}
	})
}

func TestNoSpace(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		g := newRig(t, ioring.Config{Engine: engine})
		mem, slab := g.slab(64 << 10)
		full := g.openAt("/dev/full", os.O_RDWR, false)
		for _, sync := range []bool{false, true} {
			op := &ioring.Op{Kind: ioring.Write, File: full, Buf: mem, Slab: slab, Sync: sync}
			if err := g.do(op); !errors.Is(err, syscall.ENOSPC) || op.N != 0 {
				t.Errorf("write to a full device, sync %v: %d bytes, %v", sync, op.N, err)
			}
		}
		if err := full.Err(); err != nil {
			t.Errorf("a failed write poisoned the file: %v", err)
		}
	})
}

// A file system that fills up in mid-write: the short part is continued, the
// rest is refused, its chained fsync is no success, and freed space heals it.
func TestNoSpaceInMidWrite(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		g := newRig(t, ioring.Config{Engine: engine})
		dir, ok := tinyTmpfs(t, 1<<20)
		if !ok {
			t.Skip("mounting a tmpfs needs root; TestNoSpace covers the refusal")
		}
		f, err := g.ring.OpenFile(filepath.Join(dir, "log"), os.O_RDWR|os.O_CREATE, 0o600, false)
		must(t, err)
		defer func() { must(t, f.Close()) }()
		mem, slab := g.slab(1 << 20)
		pattern(mem, 9)
		g.must(&ioring.Op{Kind: ioring.Write, File: f, Buf: mem[:512<<10], Slab: slab, Sync: true})
		op := &ioring.Op{Kind: ioring.Write, File: f, Off: 512 << 10, Buf: mem, Slab: slab, Sync: true}
		if err := g.do(op); !errors.Is(err, syscall.ENOSPC) || op.N >= len(mem) {
			t.Fatalf("write past the end of the device: %d bytes, %v", op.N, err)
		}
		must(t, f.Truncate(0))
		g.must(&ioring.Op{Kind: ioring.Write, File: f, Buf: mem[:768<<10], Slab: slab, Sync: true})
	})
}

// A failed fsync is final for its file (D5): everybody in the group fails, and
// so does everything later, whichever way it comes. An fsync of a FIFO fails
// on every machine; it takes the same path as a dying disk.
func TestFailedFsyncPoisons(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		g := newRig(t, ioring.Config{Engine: engine})
		path := filepath.Join(g.dir, "fifo")
		must(t, unix.Mkfifo(path, 0o600))
		f := g.openAt(path, os.O_RDWR, false)
		errs := 0
		for range 5 {
			g.push(&ioring.Op{Kind: ioring.Sync, File: f, Done: func(op *ioring.Op) {
				if errors.Is(op.Err, ioring.ErrPoisoned) && errors.Is(op.Err, syscall.EINVAL) {
					errs++
				}
			}})
		}
		g.drain()
		if errs != 5 {
			t.Fatalf("%d of 5 syncs failed with ErrPoisoned", errs)
		}
		expectPoisoned(t, g, f)
	})
}

func TestFailedBlockingSyncPoisons(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		g := newRig(t, ioring.Config{Engine: engine})
		path := filepath.Join(g.dir, "fifo")
		must(t, unix.Mkfifo(path, 0o600))
		f := g.openAt(path, os.O_RDWR, false)
		if err := f.Sync(); !errors.Is(err, ioring.ErrPoisoned) {
			t.Fatalf("sync of a FIFO: %v", err)
		}
		expectPoisoned(t, g, f)
	})
}

func expectPoisoned(t *testing.T, g *rig, f *ioring.File) {
	t.Helper()
	mem, slab := g.slab(4096)
	for _, k := range []ioring.Kind{ioring.Write, ioring.Read, ioring.Sync} {
		if err := g.tryPush(&ioring.Op{Kind: k, File: f, Buf: mem, Slab: slab}); !errors.Is(err, ioring.ErrPoisoned) {
			t.Errorf("push %v to a poisoned file: %v", k, err)
		}
	}
	_, sizeErr := f.Size()
	for _, err := range []error{f.Err(), f.Sync(), f.Truncate(0), f.Allocate(1), sizeErr} {
		if !errors.Is(err, ioring.ErrPoisoned) {
			t.Errorf("a poisoned file answered %v", err)
		}
	}
}

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

func TestMisalignedDirectIsRefused(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		g := newRig(t, ioring.Config{Engine: engine})
		f := g.open("log", true)
		mem, slab := g.slab(8192)
		for _, op := range []*ioring.Op{
			{Kind: ioring.Write, File: f, Off: 512, Buf: mem, Slab: slab},
			{Kind: ioring.Write, File: f, Buf: mem[:100], Slab: slab},
			{Kind: ioring.Read, File: f, Buf: mem[512:4608], Slab: slab},
		} {
			err := g.tryPush(op)
			if f.Align() > 1 != errors.Is(err, ioring.ErrAlign) {
				t.Errorf("align %d: push of %d bytes at %d: %v", f.Align(), len(op.Buf), op.Off, err)
			}
		}
		g.drain()
	})
}

// A file system that refuses O_DIRECT is used buffered.
func TestDirectFallsBack(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		g := newRig(t, ioring.Config{Engine: engine})
		f := g.openAt("/proc/version", os.O_RDONLY, true)
		if f.Align() != 1 {
			t.Fatalf("procfs has align %d", f.Align())
		}
		want, err := os.ReadFile("/proc/version")
		must(t, err)
		mem, slab := g.slab(len(want))
		g.must(&ioring.Op{Kind: ioring.Read, File: f, Buf: mem, Slab: slab})
		if !bytes.Equal(mem, want) {
			t.Fatalf("read %q, want %q", mem, want)
		}
		if _, err := g.ring.OpenFile(g.dir+"/log", os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600, true); err == nil {
			t.Error("O_APPEND was accepted")
		}
		if _, err := g.ring.OpenFile(g.dir+"/none", os.O_RDWR, 0o600, true); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("open of a missing file: %v", err)
		}
	})
}

func TestBlockingFileCalls(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		g := newRig(t, ioring.Config{Engine: engine})
		f := g.open("log", true)
		size := func(want int64) {
			t.Helper()
			if n, err := f.Size(); n != want || err != nil {
				t.Errorf("size %d, %v; want %d", n, err, want)
			}
		}
		must(t, f.Allocate(1<<20))
		size(1 << 20)
		must(t, f.Allocate(4096))
		size(1 << 20)
		var st unix.Stat_t
		must(t, unix.Stat(f.Name(), &st))
		if st.Blocks*512 < 1<<20 {
			t.Errorf("%d bytes are reserved of %d", st.Blocks*512, 1<<20)
		}
		must(t, f.Truncate(5000))
		size(5000)
		must(t, f.Sync())
		must(t, ioring.SyncDir(g.dir))
	})
}

// Done may push, and chains of that neither recurse nor get lost.
func TestPushInsideDone(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		g := newRig(t, ioring.Config{Engine: engine, Depth: 2})
		f := g.open("log", false)
		mem, slab := g.slab(512)
		left := 2000
		op := &ioring.Op{Kind: ioring.Write, File: f, Buf: mem, Slab: slab}
		op.Done = func(op *ioring.Op) {
			if op.Err != nil || g.ring.Reap() != 0 {
				t.Errorf("error %v, or Reap inside Done did something", op.Err)
			}
			if left--; left > 0 {
				op.Off += 512
				must(t, g.ring.Push(op))
			}
		}
		must(t, g.ring.Push(op))
		g.drain()
		if n, err := f.Size(); left != 0 || n != 2000*512 || err != nil {
			t.Fatalf("%d pushes left, size %d, %v", left, n, err)
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
			pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
			must(t, err)
			r, err := ioring.New(ioring.Config{Engine: engine, Depth: 64, Bell: pair[1]})
			must(t, err)
			f, err := r.OpenFile(g.dir+"/log", os.O_RDWR|os.O_CREATE, 0o600, true)
			must(t, err)
			mem, slab := g.slab(4096)
			must(t, r.Push(&ioring.Op{Kind: ioring.Write, File: f, Buf: mem, Slab: slab, Sync: true, Done: func(*ioring.Op) {}}))
			must(t, r.Submit())
			must(t, r.Close())
			must(t, f.Close())
			must(t, errors.Join(unix.Close(pair[0]), unix.Close(pair[1])))
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
	for _, c := range []ioring.Config{{Engine: "aio"}, {Depth: -1}, {Depth: 1 << 20}, {Workers: 1000}, {CloseTimeout: -time.Second}, {Bell: 1 << 20}} {
		if r, err := ioring.New(c); err == nil {
			t.Errorf("%+v was accepted", c)
			_ = r.Close()
		}
	}
}
