package ioring_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"umbra/ioring"
)

func TestRoundTrip(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		sizes := []int{1, 511, 512, 4095, 4096, 4097, 64 << 10, 272 << 10, 1<<20 + 1, 4 << 20, 5<<20 + 12288}
		g := newRig(t, ioring.Config{Engine: engine})
		for _, direct := range []bool{false, true} {
			for _, size := range sizes {
				f := g.open(fmt.Sprintf("log%v%d", direct, size), direct)
				if size%f.Align() != 0 {
					continue
				}
				for i, off := range []int64{0, 4096, 3 << 20, 1 << 33} {
					in, inSlab := g.slab(size)
					out, outSlab := g.slab(size)
					pattern(in, uint64(size+i))
					w := &ioring.Op{Kind: ioring.Write, File: f, Off: off, Buf: in, Slab: inSlab, Sync: i%2 == 0, Own: i%4 == 0, Cached: i == 3}
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
				Sync: rng.IntN(4) == 0, Own: rng.IntN(2) == 0, Cached: rng.IntN(3) == 0, Done: func(op *ioring.Op) {
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
					Sync: (round+i)%3 == 0, Own: i%2 == 0, Cached: i%5 == 0, Done: func(*ioring.Op) { pending-- }})
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
