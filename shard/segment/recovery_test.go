package segment

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"umbra/kafkaproto/batch"
)

// smallLog leaves a log of a few batches in two segments on disk, not closed:
// nothing of it counts as durable but what a meta file of an empty log says.
func smallLog(t *testing.T, engine string) (r *rig, want []made) {
	r = newRig(t, engine, Config{SegmentBytes: 900, FlushInterval: -1, FlushBytes: -1})
	r.open()
	for base := int64(10); len(want) < 12; base += 3 {
		s := batchSpec{base: base, records: 2, size: 90 + int(base), epoch: int32(base / 20)}
		if len(want) == 6 {
			s.producer, s.txn = &batch.Producer{ID: 5}, true
		}
		b := makeBatch(s)
		want = append(want, made{b, base, base + 1})
		if err := r.mirror(b); err != nil {
			t.Fatal(err)
		}
		r.pump()
	}
	return r, want
}

// abandon drops the log as a killed process does, and gives a copy of its files.
func (r *rig) abandon() string {
	dir := filepath.Join(testDir(r.t), "killed")
	copyDir(r.t, r.dir, dir)
	r.close()
	return dir
}

// wholeBatches is how many batches of want file begins with, intact.
func wholeBatches(want []made, file []byte) (n int) {
	for n < len(want) && bytes.HasPrefix(file, want[n].bytes) {
		file = file[len(want[n].bytes):]
		n++
	}
	return n
}

// Every way to cut the newest segment short, at every byte: cut off, zeros
// from there on, or a torn sector there. What is left is a prefix, as long as
// the bytes allow, and recovering again changes nothing.
func TestRecoverFromEveryCutPoint(t *testing.T) {
	r, want := smallLog(t, "pwrite")
	segs := r.log.Segments()
	if len(segs) < 2 {
		t.Fatalf("%d segments, want two or more", len(segs))
	}
	dir := r.abandon()
	last := segs[len(segs)-1]
	name := filepath.Base(last.File)
	before := 0
	for _, w := range want {
		if w.base < last.BaseOffset {
			before++
		}
	}
	newest := want[before:]
	file, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	file = file[:last.Size]
	damage := map[string]func(cut int64) []byte{
		"cut":   func(cut int64) []byte { return file[:cut] },
		"zeros": func(cut int64) []byte { return append(append([]byte(nil), file[:cut]...), make([]byte, 9000)...) },
		"torn": func(cut int64) []byte {
			b := append([]byte(nil), file...)
			for i := cut; i < min(cut+512, int64(len(b))); i++ {
				b[i] ^= 0x5A
			}
			return b
		},
	}
	for kind, f := range damage {
		for cut := int64(0); cut < last.Size; cut++ {
			if testing.Short() && cut%7 != 0 {
				continue
			}
			r.dir = filepath.Join(testDir(t), "cut")
			copyDir(t, dir, r.dir)
			if err := os.WriteFile(filepath.Join(r.dir, name), f(cut), 0o640); err != nil {
				t.Fatal(err)
			}
			l := r.open()
			keep := before + wholeBatches(newest, f(cut))
			if want := want[keep-1].last + 1; l.EndOffset() != want || l.DurableOffset() != want {
				t.Fatalf("%s at byte %d: end %d, want %d", kind, cut, l.EndOffset(), want)
			}
			if cut%97 == 0 {
				equalBatches(t, kind, r.read(r.log.StartOffset(), 1<<20), want[:keep])
			}
			first := dirContents(t, r.dir)
			closeFiles(l.takeFiles())
			r.open()
			if again := dirContents(t, r.dir); !sameContents(first, again) {
				t.Fatalf("%s at byte %d: recovering again changed the files", kind, cut)
			}
			closeFiles(r.log.takeFiles())
			os.RemoveAll(filepath.Dir(r.dir))
		}
	}
	r.log = nil
}

// Cutting an older segment short ends the log there: what follows does not
// continue it and was not durable.
func TestRecoverDropsWhatDoesNotContinue(t *testing.T) {
	r, want := smallLog(t, "pwrite")
	first := r.log.Segments()[0]
	dir := r.abandon()
	r.dir = dir
	path := filepath.Join(dir, filepath.Base(first.File))
	if err := os.Truncate(path, first.Size-10); err != nil {
		t.Fatal(err)
	}
	// As if the crash had come before the floor was raised to the roll.
	if err := writeMeta(dir, meta{id: r.id, start: want[0].base}); err != nil {
		t.Fatal(err)
	}
	r.open()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	n := wholeBatches(want, b)
	equalBatches(t, "prefix", r.read(want[0].base, 1<<20), want[:n])
	if len(r.log.Segments()) != 1 {
		t.Errorf("segments left: %+v", r.log.Segments())
	}
}

// Below the floor nothing is cut off: Open names the file and leaves it.
func TestDamageBelowTheFloorIsReported(t *testing.T) {
	r, want := smallLog(t, "pwrite")
	r.close() // now all of it is below the floor
	clean := r.dir
	last := r.log.Segments()[len(r.log.Segments())-1]
	f := func(what string, hurt func(dir, name string)) {
		t.Helper()
		r.dir = filepath.Join(testDir(t), "hurt")
		copyDir(t, clean, r.dir)
		hurt(r.dir, filepath.Join(r.dir, filepath.Base(last.File)))
		before := dirContents(t, r.dir)
		_, err := r.tryOpen()
		var d *DamageError
		if !errors.As(err, &d) || !errors.Is(err, ErrCorrupt) {
			t.Fatalf("%s: Open gives %v, want a DamageError", what, err)
		}
		if d.File == "" || d.Reason == "" {
			t.Errorf("%s: the error does not say where: %+v", what, d)
		}
		if !sameContents(before, dirContents(t, r.dir)) {
			t.Errorf("%s: Open changed the files", what)
		}
	}
	f("shorter file", func(_, name string) { os.Truncate(name, last.Size-1) })
	f("file gone", func(_, name string) { os.Remove(name) })
	f("head overwritten, index gone", func(dir, name string) {
		os.Remove(filepath.Join(dir, fileName(last.BaseOffset, indexSuffix)))
		flip(t, name, 16)
	})

	// A flipped bit in a body shows when it is read, for that range only.
	r.dir = filepath.Join(testDir(t), "bitrot")
	copyDir(t, clean, r.dir)
	firstSeg := r.log.Segments()[0]
	pos := int64(len(want[0].bytes)) + 70
	flip(t, filepath.Join(r.dir, filepath.Base(firstSeg.File)), pos)
	r.open()
	_, err := r.readOnce(ReadRequest{Offset: want[1].base, UpTo: 1000, MaxBytes: 1 << 20, MinOneBatch: true})
	var d *DamageError
	if !errors.As(err, &d) || d.Pos != int64(len(want[0].bytes)) || d.Offset != want[1].base {
		t.Errorf("read of a damaged batch gives %v", err)
	}
	got, err := r.readOnce(ReadRequest{Offset: want[0].base, UpTo: 1000, MaxBytes: 1 << 20})
	if err != nil || len(got) != 1 {
		t.Errorf("read in front of the damage gives %d batches, %v", len(got), err)
	}
	equalBatches(t, "behind the damage", r.read(want[2].base, 1<<20), want[2:])
	if r.log.EndOffset() != want[len(want)-1].last+1 {
		t.Error("damage below the floor shortened the log")
	}
}

func flip(t *testing.T, path string, pos int64) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[pos] ^= 0x10
	if err := os.WriteFile(path, b, 0o640); err != nil {
		t.Fatal(err)
	}
}

// Everything but the batches can be lost: index and state are made again, and
// of the meta file only the start offset is missed.
func TestSidecarsAreRebuilt(t *testing.T) {
	r, want := smallLog(t, "pwrite")
	r.close()
	clean := r.dir
	txns, _ := len(r.log.OpenTxns()), 0
	if txns != 1 {
		t.Fatalf("%d open transactions, want 1", txns)
	}
	hurts := map[string]func(path string){
		"removed":   func(path string) { os.Remove(path) },
		"empty":     func(path string) { os.WriteFile(path, nil, 0o640) },
		"bit flip":  func(path string) { flip(t, path, 20) },
		"cut short": func(path string) { st, _ := os.Stat(path); os.Truncate(path, st.Size()-3) },
	}
	for what, hurt := range hurts {
		for _, pattern := range []string{"*" + indexSuffix, "*" + stateSuffix, metaName, "*[.][ismu]*"} {
			r.dir = filepath.Join(testDir(t), "lost")
			copyDir(t, clean, r.dir)
			paths, _ := filepath.Glob(filepath.Join(r.dir, pattern))
			for _, p := range paths {
				hurt(p)
			}
			r.open()
			equalBatches(t, what+" "+pattern, r.read(r.log.StartOffset(), 3000), want)
			if len(r.log.OpenTxns()) != 1 || r.log.MaxProducerID() != 5 {
				t.Errorf("%s %s: open transactions %v", what, pattern, r.log.OpenTxns())
			}
			if e, _ := r.log.LatestEpoch(); e != 2 {
				t.Errorf("%s %s: epoch %d", what, pattern, e)
			}
			r.close()
		}
	}
}

// Opening a log again does not grow or change its files.
func TestReopenIsIdle(t *testing.T) {
	r, _ := smallLog(t, "pwrite")
	r.close()
	before := dirContents(t, r.dir)
	for range 3 {
		r.open()
		closeFiles(r.log.takeFiles())
	}
	r.log = nil
	if !sameContents(before, dirContents(t, r.dir)) {
		t.Error("opening changed the files")
	}
}

func TestIdentityIsChecked(t *testing.T) {
	r := newRig(t, "pwrite", Config{})
	r.open()
	r.close()
	r.log = nil
	r.id.Index++
	_, err := r.tryOpen()
	wantErr(t, err, ErrIdentity)
	r.id.Index--
	r.id.Topic[3] ^= 1
	_, err = r.tryOpen()
	wantErr(t, err, ErrIdentity)
}

// A reset that was decided is finished by the next Open.
func TestCrashInReset(t *testing.T) {
	r, _ := smallLog(t, "pwrite")
	r.close()
	m, _, err := readMeta(r.dir)
	if err != nil {
		t.Fatal(err)
	}
	m.resetting, m.start, m.floor = true, 500, floor{offset: 500, base: 500}
	if err := writeMeta(r.dir, m); err != nil {
		t.Fatal(err)
	}
	os.Remove(filepath.Join(r.dir, fileName(10, logSuffix))) // half done
	r.open()
	if r.log.StartOffset() != 500 || r.log.EndOffset() != 500 || r.log.Size() != 0 {
		t.Errorf("start %d end %d size %d", r.log.StartOffset(), r.log.EndOffset(), r.log.Size())
	}
	r.reopen()
	if r.log.StartOffset() != 500 || r.log.EndOffset() != 500 {
		t.Errorf("start %d end %d", r.log.StartOffset(), r.log.EndOffset())
	}
}

// Garbage with a huge length does not make recovery allocate, and a valid
// batch that belongs elsewhere is not taken.
func TestRecoverRefusesForeignBatches(t *testing.T) {
	r, want := smallLog(t, "pwrite")
	dir := r.abandon()
	last := r.log.Segments()[len(r.log.Segments())-1]
	r.log = nil
	huge := make([]byte, 100)
	binary.BigEndian.PutUint64(huge, 1000)
	binary.BigEndian.PutUint32(huge[8:], 1<<30)
	huge[16] = 2
	for what, tail := range map[string][]byte{
		"huge":       append(huge, make([]byte, 1<<20)...),
		"old batch":  want[0].bytes,
		"old format": append(make([]byte, 16), append([]byte{1}, make([]byte, 200)...)...),
		"negative":   makeBatch(batchSpec{base: -5, records: 1, size: 100}),
	} {
		r.dir = filepath.Join(testDir(t), "foreign")
		copyDir(t, dir, r.dir)
		path := filepath.Join(r.dir, filepath.Base(last.File))
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, append(b[:last.Size], tail...), 0o640); err != nil {
			t.Fatal(err)
		}
		r.open()
		if got := r.log.EndOffset(); got != want[len(want)-1].last+1 {
			t.Errorf("%s: end %d", what, got)
		}
		closeFiles(r.log.takeFiles())
		r.log = nil
	}
}
