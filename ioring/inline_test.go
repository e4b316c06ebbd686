package ioring

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// inlineRig is a ring with a clock that goes on by step at every look, and a file
// with two ways to the disk.
func inlineRig(t *testing.T, engine string) (r *Ring, f *File, step *time.Duration) {
	t.Helper()
	r, err := New(Config{Engine: engine, Bell: eventfd(t)})
	if err != nil {
		t.Skipf("this kernel forbids the engine: %v", err)
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
	if f.cached < 0 {
		t.Skip("files have one way to the disk here")
	}
	return r, f, step
}

// write pushes a write and runs it to its end; it says whether it was made in line.
func (r *Ring) write(t *testing.T, op Op) bool {
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
				if got := r.write(t, c.op); got != c.want {
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
	if !r.write(t, op) || r.count.InlineSlow != 1 {
		t.Fatalf("%d slow writes, want 1", r.count.InlineSlow)
	}
	*step = inlineRest / 4
	for i := range 3 {
		if r.write(t, op) {
			t.Errorf("in line after %d quarters of the rest", i+1)
		}
	}
	if !r.write(t, op) {
		t.Error("not in line after the rest")
	}
}

// TestNoWriteInLineBesideAnFsync: the file system may hold it up until the fsync ends.
func TestNoWriteInLineBesideAnFsync(t *testing.T) {
	r, f, _ := inlineRig(t, EngineAuto)
	op := Op{File: f, Buf: mapped(t, 4096), Cached: true}
	synced := false
	if err := r.Push(&Op{Kind: Sync, File: f, Done: func(*Op) { synced = true }}); err != nil {
		t.Fatal(err)
	}
	if r.write(t, op) {
		t.Error("in line beside an fsync")
	}
	for !synced {
		r.Wait(time.Second)
		r.Reap()
	}
	if !r.write(t, op) {
		t.Error("not in line after the fsync")
	}
}

// TestDoneWritesInLine: a Done that writes again is not run for ever in one Reap, and
// the bell brings the owner back.
func TestDoneWritesInLine(t *testing.T) {
	bell := eventfd(t)
	r, f, _ := inlineRig(t, EnginePwrite)
	r.cfg.Bell = bell
	ended := 0
	op := &Op{Kind: Write, File: f, Buf: mapped(t, 4096), Cached: true}
	op.Done = func(op *Op) {
		if ended++; ended < 5 {
			if err := r.Push(op); err != nil {
				t.Error(err)
			}
		}
	}
	if err := r.Push(op); err != nil {
		t.Fatal(err)
	}
	for want := 1; want <= 5; want++ {
		if r.Reap(); ended != want {
			t.Fatalf("%d ended, want %d", ended, want)
		}
		if want < 5 {
			awaitBell(t, bell)
		}
	}
}
