package segment

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// A crash at any step of a truncation leaves a log that ends at or above the
// cut, at a batch boundary, with the batches it had, and no damage.
func TestCrashInTruncate(t *testing.T) {
	r, want := smallLog(t, "pwrite")
	r.close()
	clean, segs := r.dir, r.log.Segments()
	offset := want[2].base + 1
	steps := 0
	for stop := 0; ; stop++ {
		r.dir = filepath.Join(testDir(t), "crashed")
		copyDir(t, clean, r.dir)
		m, found, err := readMeta(r.dir)
		if err != nil || !found {
			t.Fatal(err)
		}
		tr := &truncation{dir: r.dir, offset: offset, meta: m}
		for _, s := range segs {
			tr.segs = append(tr.segs, segmentFile{filepath.Join(r.dir, filepath.Base(s.File)), s.BaseOffset, s.LastOffset, s.Size})
		}
		if done := truncateUpTo(t, tr, stop); done {
			break
		}
		steps++
		r.open()
		end := r.log.EndOffset()
		n := 0
		for n < len(want) && want[n].last < end {
			n++
		}
		if end < want[1].last+1 || n == 0 || want[n-1].last+1 != end {
			t.Fatalf("stopped after %d steps: end %d", stop, end)
		}
		equalBatches(t, "left", r.read(r.log.StartOffset(), 1<<20), want[:n])
		r.reopen()
		if r.log.EndOffset() != end {
			t.Fatalf("stopped after %d steps: end %d, then %d", stop, end, r.log.EndOffset())
		}
		r.close()
	}
	if steps < 4 {
		t.Errorf("only %d steps", steps)
	}
	r.log = nil
}

// The start may lie in a hole above the last batch, and is the end then. Cutting below it
// finds no batch to cut.
func TestTruncateBelowAStartInAHole(t *testing.T) {
	engines(t, func(t *testing.T, engine string) {
		r := newRig(t, engine, Config{})
		r.open()
		if err := r.mirror(makeBatch(batchSpec{}), makeBatch(batchSpec{base: 5})); err != nil {
			t.Fatal(err)
		}
		r.pump()
		r.must(func(done func(error)) { r.log.SetStart(3, done) })
		for _, step := range []struct{ at, from, to int64 }{{5, 3, 6}, {2, 2, 3}} { // the first leaves the batch at 0
			var cut Cut
			r.must(func(done func(error)) {
				r.log.TruncateTo(step.at, r.dir+"-kept", func(c Cut, err error) { cut = c; done(err) })
			})
			if cut.From != step.from || cut.To != step.to || (cut.File != "") != (cut.Bytes > 0) {
				t.Errorf("cut %+v, want %+v", cut, step)
			}
			for range 2 {
				if r.log.StartOffset() != step.from || r.log.EndOffset() != step.from {
					t.Errorf("the log is %d to %d, want both at %d", r.log.StartOffset(), r.log.EndOffset(), step.from)
				}
				r.reopen()
			}
		}
	})
}

// truncateUpTo does the first steps of a truncation, as run does them; true
// when it has no more.
func truncateUpTo(t *testing.T, tr *truncation, stop int) bool {
	t.Helper()
	all := append([]segmentFile(nil), tr.segs...)
	c := cutPoint{}
	steps := []func() error{
		func() (err error) {
			c.base = all[0].base
			c.pos, tr.cut.From, err = tr.position(all[0], all[0].base)
			tr.meta.floor = floor{offset: tr.cut.From, base: c.base, pos: c.pos}
			return errors.Join(err, writeMeta(tr.dir, tr.meta))
		},
	}
	for i := len(all) - 1; i > 0; i-- {
		base := all[i].base
		// A segment and its sidecar go one after the other.
		steps = append(steps,
			func() error { return os.Remove(filepath.Join(tr.dir, fileName(base, logSuffix))) },
			func() error { return removeSegmentFiles(tr.dir, base) })
	}
	steps = append(steps, func() error { return cutFile(tr.dir, c.base, c.pos) })
	for i, step := range steps {
		if i == stop {
			return false
		}
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	return stop > len(steps)
}

// When the shard stops, work is refused: the log fails, everybody is told, and
// it can still be closed.
func TestRefusedWorkFailsTheLog(t *testing.T) {
	engines(t, func(t *testing.T, engine string) {
		r := newRig(t, engine, Config{})
		r.open()
		stopped := errors.New("the shard is stopping")
		r.refuse = func() error { return stopped }
		appendSmall(t, r, 3)
		wantErr(t, r.await(func(done func(error)) { r.log.Flush(done) }), ErrFailed)
		if !errors.Is(r.failed, stopped) {
			t.Errorf("failed with %v", r.failed)
		}
		wantErr(t, r.await(func(done func(error)) {
			r.log.TruncateTo(0, "", func(_ Cut, err error) { done(err) })
		}), ErrFailed)
		wantErr(t, r.await(r.log.Close), stopped)
		r.refuse = nil
		r.open()
		if r.log.EndOffset() != 0 {
			t.Errorf("end %d", r.log.EndOffset())
		}
	})
}
