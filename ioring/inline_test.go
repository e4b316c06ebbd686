package ioring

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// inlineRig is a ring with a clock that goes on by step at every look, and a file
// with two ways to the disk.
func inlineRig(t *testing.T, engine string) (r *Ring, f *File, step *time.Duration) {
	t.Helper()
	r, err := New(Config{Engine: engine})
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) {
		t.Skipf("this kernel forbids the engine: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	step = new(time.Duration)
	now := time.Unix(0, 0)
	r.inline.now = func() time.Time { now = now.Add(*step); return now }
	f, err = r.OpenFile(filepath.Join(t.TempDir(), "log"), os.O_RDWR|os.O_CREATE, 0o600, true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	if f.cached < 0 { // no direct files here: the one way serves for both
		if f.cached, err = unix.Dup(f.fd); err != nil {
			t.Fatal(err)
		}
	}
	return r, f, step
}

// inLine runs a write to its end and says whether it was made in line.
func inLine(t *testing.T, r *Ring, op Op) bool {
	t.Helper()
	before, ended := r.count.Inline, false
	op.Kind, op.Done = Write, func(op *Op) {
		if ended = true; op.Err != nil || op.N != len(op.Buf) {
			t.Errorf("%d of %d bytes: %v", op.N, len(op.Buf), op.Err)
		}
	}
	if err := r.Push(&op); err != nil {
		t.Fatal(err)
	}
	if ended {
		t.Error("Done ran inside Push")
	}
	for !ended {
		if err := r.Submit(); err != nil {
			t.Fatal(err)
		}
		r.Wait(time.Second)
		r.Reap()
	}
	return r.count.Inline > before
}

// TestWritesInLine: which ones, and that their bytes are there.
func TestWritesInLine(t *testing.T) {
	for _, engine := range []string{EngineUring, EnginePwrite} {
		t.Run(engine, func(t *testing.T) {
			r, f, _ := inlineRig(t, engine)
			mem := mapped(t, 2*inlineMax)
			for i := range mem {
				mem[i] = byte(i>>8) ^ byte(i)
			}
			for _, c := range []struct {
				name string
				op   Op
				want bool
			}{
				{"small", Op{Buf: mem[:4096], Cached: true}, true},
				{"the largest", Op{Buf: mem[:inlineMax], Cached: true}, true},
				{"larger", Op{Buf: mem, Cached: true}, false},
				{"direct", Op{Buf: mem[:4096]}, false},
				{"with an fsync", Op{Buf: mem[:4096], Cached: true, Sync: true}, false},
			} {
				c.op.File = f
				if got := inLine(t, r, c.op); got != c.want {
					t.Errorf("%s: in line %v", c.name, got)
				}
				if got, err := os.ReadFile(f.Name()); err != nil || !bytes.Equal(got[:len(c.op.Buf)], c.op.Buf) {
					t.Errorf("%s: the file holds something else, or %v", c.name, err)
				}
			}
		})
	}
}

// TestSlowWriteInLine: after it workers write, for a while.
func TestSlowWriteInLine(t *testing.T) {
	r, f, step := inlineRig(t, EngineAuto)
	op := Op{File: f, Buf: mapped(t, 4096), Cached: true}
	*step = inlineSlow + 1
	if !inLine(t, r, op) || r.count.InlineSlow != 1 {
		t.Fatalf("%d slow writes, want 1", r.count.InlineSlow)
	}
	*step = inlineRest / 4
	for i := range 3 {
		if inLine(t, r, op) {
			t.Errorf("in line after %d quarters of the rest", i+1)
		}
	}
	if !inLine(t, r, op) {
		t.Error("not in line after the rest")
	}
}

// TestNotInLine: what else has the file, or a disk that seems to hang.
func TestNotInLine(t *testing.T) {
	r, f, step := inlineRig(t, EngineAuto)
	op := Op{File: f, Buf: mapped(t, 4096), Cached: true}
	for _, other := range []Op{{Kind: Sync}, {Kind: Read, Buf: mapped(t, 4096)}} {
		over := false
		other.File, other.Done = f, func(*Op) { over = true }
		if err := r.Push(&other); err != nil {
			t.Fatal(err)
		}
		if inLine(t, r, op) {
			t.Errorf("in line beside another %s of the file", other.Kind)
		}
		for !over {
			r.Wait(time.Second)
			r.Reap()
		}
		if !inLine(t, r, op) {
			t.Errorf("not in line after the %s", other.Kind)
		}
	}
	if err := f.blocking("test", func(int) error {
		if inLine(t, r, op) {
			t.Error("in line beside a blocking call")
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}

	r.inline.syncBegins() // of another file
	if !inLine(t, r, op) {
		t.Error("not in line beside another file's fsync")
	}
	*step = inlineHang
	if inLine(t, r, op) {
		t.Error("in line though no fsync ends")
	}
	r.inline.syncBegins()
	r.inline.syncEnds()
	*step = 0
	if !inLine(t, r, op) {
		t.Error("not in line when one has ended")
	}
	r.inline.syncEnds()
}

// TestInLineIsBounded: so many bytes between two Reaps, the rest by workers.
func TestInLineIsBounded(t *testing.T) {
	r, f, _ := inlineRig(t, EngineAuto)
	mem, ended := mapped(t, inlineMax), 0
	const n = inlineBatch/inlineMax + 2
	for range 2 {
		before := r.count.Inline
		for i := range n {
			op := &Op{Kind: Write, File: f, Off: int64(i) * inlineMax, Buf: mem, Cached: true, Done: func(op *Op) {
				if ended++; op.Err != nil {
					t.Error(op.Err)
				}
			}}
			if err := r.Push(op); err != nil {
				t.Fatal(err)
			}
		}
		if got := r.count.Inline - before; got != n-2 {
			t.Errorf("%d of %d in line", got, n)
		}
		for r.InFlight() > 0 {
			if err := r.Submit(); err != nil {
				t.Fatal(err)
			}
			r.Wait(time.Second)
			r.Reap()
		}
	}
	if ended != 2*n {
		t.Errorf("%d ended", ended)
	}
}

// TestDoneWritesInLine: a Done that writes again is not run for ever in one Reap, and
// the bell brings the owner back, whether it was itself in line or not.
func TestDoneWritesInLine(t *testing.T) {
	for _, engine := range []string{EngineUring, EnginePwrite} {
		t.Run(engine, func(t *testing.T) {
			r, f, _ := inlineRig(t, engine)
			ended := 0
			op := &Op{Kind: Write, File: f, Buf: mapped(t, 4096)} // by the engine
			op.Done = func(op *Op) {
				if ended++; ended < 5 {
					op.Cached = true
					if err := r.Push(op); err != nil {
						t.Error(err)
					}
				}
			}
			if err := errors.Join(r.Push(op), r.Submit()); err != nil {
				t.Fatal(err)
			}
			r.Wait(30 * time.Second)
			bell := eventfd(t)
			r.cfg.Bell = bell // from here on: rung by Reap alone
			for want := 1; want <= 5; want++ {
				if r.Reap(); ended != want {
					t.Fatalf("%d ended, want %d", ended, want)
				}
				if want < 5 {
					awaitBell(t, bell)
				}
			}
			r.cfg.Bell = -1
		})
	}
}
