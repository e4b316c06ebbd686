package segment

import (
	"os"
	"path/filepath"
	"testing"

	"umbra/ioring/buf"
	"umbra/kafkaproto/batch"
)

// A local append gets offset and epoch, is readable once written, and is there
// after a reopen.
func TestAppendReadReopen(t *testing.T) {
	engines(t, func(t *testing.T, engine string) {
		r := newRig(t, engine, Config{})
		r.open()
		var want []made
		for i := range 50 {
			b := makeBatch(batchSpec{size: 100 + i*317, records: 1 + i%3, ts: int64(i)})
			base, err := r.log.Append(b, AppendOptions{LeaderEpoch: int32(i / 20), Now: r.now})
			if err != nil {
				t.Fatal(err)
			}
			v := batch.View(append([]byte(nil), b...))
			v.SetBaseOffset(base)
			v.SetLeaderEpoch(int32(i / 20))
			want = append(want, made{v, base, v.LastOffset()})
			if r.log.EndOffset() != v.LastOffset()+1 {
				t.Fatalf("end is %d behind a batch that ends at %d", r.log.EndOffset(), v.LastOffset())
			}
			if i%7 == 3 {
				r.pump()
			}
		}
		if r.log.WrittenOffset() == r.log.EndOffset() {
			t.Fatal("written before anything was pumped")
		}
		r.pump()
		if r.log.WrittenOffset() != r.log.EndOffset() {
			t.Fatalf("written %d, end %d", r.log.WrittenOffset(), r.log.EndOffset())
		}
		equalBatches(t, "hot", r.read(0, 4000), want)
		if r.log.Stats().HotReads == 0 || r.log.Stats().ColdReads != 0 {
			t.Errorf("tail reads went to disk: %+v", r.log.Stats())
		}
		r.log.dropIdle()
		equalBatches(t, "cold", r.read(0, 4000), want)
		if r.log.Stats().ColdReads == 0 {
			t.Error("reads without slabs did not go to disk")
		}
		end := r.log.EndOffset()
		r.reopen()
		if r.log.EndOffset() != end || r.log.DurableOffset() != end {
			t.Fatalf("reopened end %d durable %d, want %d", r.log.EndOffset(), r.log.DurableOffset(), end)
		}
		equalBatches(t, "reopened", r.read(0, 1<<20), want)
		if e, ok := r.log.LatestEpoch(); !ok || e != 2 {
			t.Errorf("epoch %d %v, want 2", e, ok)
		}
		// Appending goes on inside the last block.
		if _, err := r.log.Append(makeBatch(batchSpec{size: 200}), r.options()); err != nil {
			t.Fatal(err)
		}
		r.pump()
		if got := r.read(0, 1<<20); len(got) != len(want)+1 {
			t.Fatalf("%d batches, want %d", len(got), len(want)+1)
		}
		r.reopen()
		if got := r.read(0, 1<<20); len(got) != len(want)+1 {
			t.Fatalf("%d batches, want %d", len(got), len(want)+1)
		}
	})
}

// Closing leaves files of exact length: what Kafka's tools read.
func TestCloseTrimsFiles(t *testing.T) {
	engines(t, func(t *testing.T, engine string) {
		r := newRig(t, engine, Config{SegmentBytes: 10000})
		r.open()
		for range 20 {
			if _, err := r.log.Append(makeBatch(batchSpec{size: 1500}), r.options()); err != nil {
				t.Fatal(err)
			}
		}
		r.close()
		total := int64(0)
		files, _ := filepath.Glob(filepath.Join(r.dir, "*.log"))
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			split(t, b)
			total += int64(len(b))
		}
		if len(files) < 3 || total != r.log.Size() {
			t.Errorf("%d files with %d bytes, want at least 3 with %d", len(files), total, r.log.Size())
		}
	})
}

func TestMirrorAcceptsWhatASourceHas(t *testing.T) {
	engines(t, func(t *testing.T, engine string) {
		r := newRig(t, engine, Config{})
		r.open()
		r.must(func(done func(error)) { r.log.ResetTo(1005, done) })
		if r.log.StartOffset() != 1005 || r.log.EndOffset() != 1005 {
			t.Fatalf("start %d end %d, want 1005", r.log.StartOffset(), r.log.EndOffset())
		}
		specs := []batchSpec{
			{base: 1000, records: 10, size: 500, epoch: 3},            // begins below the start
			{base: 1010, last: 1050, records: 2, size: 300, epoch: 3}, // hole inside
			{base: 1100, records: 5, size: 700, epoch: 5},             // hole before
			{base: 1105, records: 1, size: 3 << 20, epoch: 5},         // huge
			{base: 1106, records: 1, size: 80, epoch: 5, producer: &batch.Producer{ID: 9, Epoch: 1, Sequence: 0}, txn: true},
		}
		var want []made
		for _, s := range specs {
			b := makeBatch(s)
			v := batch.View(b)
			want = append(want, made{b, v.BaseOffset(), v.LastOffset()})
		}
		marker := batch.View(batch.EndTxnMarker(9, 1, false, 4, 99))
		marker.SetBaseOffset(1107)
		marker.SetLeaderEpoch(5)
		want = append(want, made{marker, 1107, 1107})
		for i, w := range want {
			if i == 5 {
				r.pump()
				if lso := r.log.LastStableOffset(); lso != 1106 {
					t.Errorf("LSO %d with an open transaction, want 1106", lso)
				}
			}
			if err := r.mirror(w.bytes); err != nil {
				t.Fatal(err)
			}
		}
		r.pump()
		check := func(what string) {
			t.Helper()
			equalBatches(t, what, r.read(1005, 1000), want)
			equalBatches(t, what+" inside the hole", r.read(1060, 1000), want[2:])
			if r.log.EndOffset() != 1108 || r.log.LastStableOffset() != 1108 {
				t.Errorf("%s: end %d LSO %d, want 1108", what, r.log.EndOffset(), r.log.LastStableOffset())
			}
			if a := r.log.Aborted(nil, 1000, 2000); len(a) != 1 || a[0] != (AbortedTxn{9, 1106, 1107}) {
				t.Errorf("%s: aborted %v", what, a)
			}
			if e, end := r.log.EpochEnd(4); e != 3 || end != 1100 {
				t.Errorf("%s: epoch 4 ends as %d at %d, want 3 at 1100", what, e, end)
			}
			if r.log.MaxProducerID() != 9 {
				t.Errorf("%s: max producer id %d", what, r.log.MaxProducerID())
			}
		}
		check("hot")
		r.log.dropIdle()
		check("cold")
		r.reopen()
		if r.log.StartOffset() != 1005 {
			t.Errorf("start %d, want 1005", r.log.StartOffset())
		}
		check("reopened")
		if _, err := r.readOnce(ReadRequest{Offset: 1004, UpTo: 2000, MaxBytes: 1}); err == nil {
			t.Error("read below the start succeeded")
		}
	})
}

func TestCommitRefusals(t *testing.T) {
	r := newRig(t, "pwrite", Config{})
	r.open()
	r.log.SetTerm(5)
	b := makeBatch(batchSpec{base: 10, records: 10, size: 400})
	h := batch.View(b).Head(0)
	reserve := func() {
		t.Helper()
		mem, err := r.log.Reserve(len(b))
		if err != nil {
			t.Fatal(err)
		}
		copy(mem, b)
	}
	f := func(want error, term int64, skip int, heads ...batch.Head) {
		t.Helper()
		reserve()
		wantErr(t, r.log.Commit(term, skip, heads), want)
		if r.log.resv.p != nil {
			t.Fatal("a refused commit kept the reservation")
		}
	}
	f(ErrStaleTerm, 4, 0, h)
	f(ErrStaleTerm, 6, 0, h)
	reserve()
	if _, err := r.log.Reserve(10); err == nil {
		t.Error("two reservations at once")
	}
	if err := r.log.Commit(5, 0, []batch.Head{h}); err != nil {
		t.Fatal(err)
	}
	if r.log.EndOffset() != 20 {
		t.Fatalf("end %d, want 20", r.log.EndOffset())
	}
	f(ErrOutOfOrder, 5, 0, h) // overlaps
	shifted := h
	shifted.BaseOffset, shifted.LastOffset = 20, 29
	f(ErrOutOfOrder, 5, 1, shifted) // not where it says
	long := shifted
	long.Size++
	f(ErrOutOfOrder, 5, 0, long)
	second := shifted
	second.Pos = h.Size
	f(ErrOutOfOrder, 5, 0, shifted, second)
	if r.log.EndOffset() != 20 || r.log.Size() != int64(len(b)) {
		t.Errorf("a refused commit changed the log: end %d size %d", r.log.EndOffset(), r.log.Size())
	}
	if _, err := r.log.Append(b, AppendOptions{Term: 4}); err == nil {
		t.Error("append with a stale term")
	}
	wantErr(t, r.mirror(makeBatch(batchSpec{base: 5, records: 1, size: 90})), ErrOutOfOrder)
}

// Commit drops the bytes in front that the log has already.
func TestCommitSkips(t *testing.T) {
	engines(t, func(t *testing.T, engine string) {
		r := newRig(t, engine, Config{})
		r.open()
		a := makeBatch(batchSpec{base: 0, records: 4, size: 700})
		b := makeBatch(batchSpec{base: 4, records: 4, size: 900})
		c := makeBatch(batchSpec{base: 8, records: 4, size: 5000})
		if err := r.mirror(a); err != nil {
			t.Fatal(err)
		}
		all := append(append(append([]byte(nil), a...), b...), c...)
		mem, err := r.log.Reserve(len(all) + 100)
		if err != nil {
			t.Fatal(err)
		}
		copy(mem, all)
		heads := []batch.Head{batch.View(b).Head(len(a)), batch.View(c).Head(len(a) + len(b))}
		if err := r.log.Commit(0, len(a), heads); err != nil {
			t.Fatal(err)
		}
		r.pump()
		want := split(t, all)
		equalBatches(t, "hot", r.read(0, 100), want)
		r.reopen()
		equalBatches(t, "reopened", r.read(0, 100), want)
	})
}

func TestReserveRefusesOverBudget(t *testing.T) {
	r := newRig(t, "pwrite", Config{})
	r.open()
	r.arena = newArena(t, r.ring, 6<<20, true)
	r.log.env.Arena = r.arena
	_, err := r.log.Reserve(8 << 20)
	wantErr(t, err, buf.ErrBudget)
	// The log goes on with what fits, and gives hot slabs up for it.
	for i := range 40 {
		if err := r.mirror(makeBatch(batchSpec{base: int64(i), size: 100 << 10})); err != nil {
			t.Fatalf("append %d: %v", i, err)
		}
		r.pump()
	}
}

// Many small appends while a write is in flight become one write.
func TestSmallAppendsCoalesce(t *testing.T) {
	engines(t, func(t *testing.T, engine string) {
		r := newRig(t, engine, Config{})
		r.open()
		if _, err := r.log.Append(makeBatch(batchSpec{size: 100}), r.options()); err != nil {
			t.Fatal(err)
		}
		for r.log.Stats().Writes == 0 { // until the first write is in flight
			r.turn(false)
		}
		before := r.log.Stats().Writes
		for range 200 {
			if _, err := r.log.Append(makeBatch(batchSpec{size: 100}), r.options()); err != nil {
				t.Fatal(err)
			}
		}
		r.pump()
		if n := r.log.Stats().Writes - before; n > 4 {
			t.Errorf("200 small appends took %d writes", n)
		}
		if r.log.WrittenOffset() != 201 {
			t.Errorf("written %d", r.log.WrittenOffset())
		}
	})
}
