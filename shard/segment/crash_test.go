package segment

import (
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"umbra/ioring"
)

// recorder stands between a log and its ring and remembers, per file, the
// writes that no fsync covers yet, with the bytes they replaced. From that it
// makes images of what a loss of power may leave: any subset of the sectors of
// those writes, in any order. It also checks that no two writes in flight
// overlap.
type recorder struct {
	r      *rig
	writes []*recorded // not fsynced, in order of their push
	wraps  map[*ioring.Op]func(*ioring.Op)
}

type recorded struct {
	file   *ioring.File
	name   string
	off    int64
	before []byte // what the range held; shorter where the file ended
	len    int
	done   bool
}

func newRecorder(r *rig) *recorder {
	c := &recorder{r: r, wraps: map[*ioring.Op]func(*ioring.Op){}}
	r.push = c.push
	return c
}

func (c *recorder) push(op *ioring.Op) error {
	if op.Kind == ioring.Read {
		return c.r.ring.Push(op)
	}
	var w *recorded
	covered := c.finished(op.File)
	if op.Kind == ioring.Write {
		w = c.record(op)
	}
	if op.Own {
		covered = within(covered, w)
	}
	done := op.Done
	op.Done = func(op *ioring.Op) {
		op.Done = done
		if w != nil {
			w.done = true
		}
		if op.Err == nil && (op.Kind == ioring.Sync || op.Sync) {
			for _, o := range covered {
				c.forget(o)
			}
			c.forget(w)
		}
		done(op)
	}
	if err := c.r.ring.Push(op); err != nil {
		op.Done = done
		c.forget(w)
		return err
	}
	return nil
}

// finished gives the writes of f an fsync pushed now is sure to cover.
func (c *recorder) finished(f *ioring.File) (out []*recorded) {
	for _, w := range c.writes {
		if w.file == f && w.done {
			out = append(out, w)
		}
	}
	return out
}

// within gives those of the writes that lie in w, which is fsynced by itself.
func within(writes []*recorded, w *recorded) (out []*recorded) {
	for _, o := range writes {
		if w.off <= o.off && o.off+int64(o.len) <= w.off+int64(w.len) {
			out = append(out, o)
		}
	}
	return out
}

func (c *recorder) record(op *ioring.Op) *recorded {
	w := &recorded{file: op.File, name: op.File.Name(), off: op.Off, len: len(op.Buf)}
	for _, o := range c.writes {
		if o.file == w.file && !o.done && o.off < w.off+int64(w.len) && w.off < o.off+int64(o.len) {
			c.r.t.Errorf("two writes in flight overlap: %d+%d and %d+%d of %s", o.off, o.len, w.off, w.len, w.name)
		}
	}
	w.before = readRange(c.r.t, w.name, w.off, w.len)
	c.writes = append(c.writes, w)
	return w
}

func (c *recorder) forget(w *recorded) {
	for i, o := range c.writes {
		if o == w {
			c.writes = append(c.writes[:i], c.writes[i+1:]...)
			return
		}
	}
}

// forgetGone drops writes of files that were closed: the log fsynced or cut
// them before.
func (c *recorder) reset() { c.writes = nil }

func readRange(t testing.TB, path string, off int64, n int) []byte {
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := make([]byte, n)
	k, err := f.ReadAt(b, off)
	if err != nil && err != io.EOF {
		t.Fatal(err)
	}
	return b[:k]
}

// image makes a copy of the log's directory in which each 512-byte sector of
// every write without fsync is kept or lost as rnd says. keep is the chance in
// percent.
func (c *recorder) image(rnd *rand.Rand, keep int) string {
	dir := filepath.Join(testDir(c.r.t), "image")
	copyDir(c.r.t, c.r.dir, dir)
	for i := len(c.writes) - 1; i >= 0; i-- {
		w := c.writes[i]
		path := filepath.Join(dir, filepath.Base(w.name))
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			c.r.t.Fatal(err)
		}
		undo(c.r.t, f, w, rnd, keep)
		f.Close()
	}
	return dir
}

func undo(t testing.TB, f *os.File, w *recorded, rnd *rand.Rand, keep int) {
	st, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at < w.len; {
		// Sectors are the disk's, so they end where the file's offset says.
		n := min(512-int(w.off+int64(at))%512, w.len-at)
		if rnd.IntN(100) >= keep {
			sector := make([]byte, n)
			if at < len(w.before) {
				copy(sector, w.before[at:])
			}
			pos := w.off + int64(at)
			if rest := st.Size() - pos; rest > 0 {
				if _, err := f.WriteAt(sector[:min(int64(n), rest)], pos); err != nil {
					t.Fatal(err)
				}
			}
		}
		at += n
	}
}

func copyDir(t testing.TB, from, to string) {
	if err := os.MkdirAll(to, 0o750); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() {
			continue
		}
		b, err := os.ReadFile(filepath.Join(from, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, e.Name()), b, 0o640); err != nil {
			t.Fatal(err)
		}
	}
}

// dirContents is everything a directory holds, to compare two recoveries.
func dirContents(t testing.TB, dir string) map[string]string {
	out := map[string]string{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		out[e.Name()] = string(b)
	}
	return out
}
