package ioring_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"umbra/ioring"
)

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
		mem, slab := g.slab(1 << 20)
		pattern(mem, 9)
		for _, own := range []bool{false, true} {
			f, err := g.ring.OpenFile(filepath.Join(dir, "log"), os.O_RDWR|os.O_CREATE, 0o600, own)
			must(t, err)
			g.must(&ioring.Op{Kind: ioring.Write, File: f, Buf: mem[:512<<10], Slab: slab, Sync: true, Own: own})
			op := &ioring.Op{Kind: ioring.Write, File: f, Off: 512 << 10, Buf: mem, Slab: slab, Sync: true, Own: own}
			if err := g.do(op); !errors.Is(err, syscall.ENOSPC) || op.N >= len(mem) {
				t.Fatalf("own %v, write past the end of the device: %d bytes, %v", own, op.N, err)
			}
			must(t, f.Truncate(0))
			g.must(&ioring.Op{Kind: ioring.Write, File: f, Buf: mem[:768<<10], Slab: slab, Sync: true, Own: own})
			must(t, errors.Join(f.Truncate(0), f.Close()))
		}
	})
}

// Of a write that io_uring makes durable by itself nobody can tell which half failed:
// but for a full disk it counts as a failed fsync, which is final. A write that carries its
// fsync behind it, and the other engine, know.
func TestFailedOwnSync(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		for _, direct := range []bool{false, true} {
			g := newRig(t, ioring.Config{Engine: engine})
			path := filepath.Join(g.dir, "log")
			must(t, os.WriteFile(path, nil, 0o600))
			f := g.openAt(path, os.O_RDONLY, direct)
			mem, slab := g.slab(4096)
			write := func(own bool) {
				t.Helper()
				op := &ioring.Op{Kind: ioring.Write, File: f, Buf: mem, Slab: slab, Sync: true, Own: own}
				if err := g.do(op); !errors.Is(err, syscall.EBADF) {
					t.Fatalf("direct %v, own %v: the write ended with %v", direct, own, err)
				}
			}
			write(false)
			must(t, f.Err())
			write(true)
			if engine == ioring.EngineUring && f.Align() > 1 {
				expectPoisoned(t, g, f)
			} else {
				must(t, f.Err())
			}
		}
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
