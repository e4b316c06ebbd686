package segment

import (
	"errors"
	"testing"
	"time"
)

// Close flushes, answers everybody once, and afterwards nothing works.
func TestClose(t *testing.T) {
	engines(t, func(t *testing.T, engine string) {
		r := newRig(t, engine, Config{FlushInterval: -1})
		r.open()
		appendSmall(t, r, 10)
		durable := errors.New("not called")
		r.log.Flush(func(err error) { durable = err })
		r.close()
		if durable != nil {
			t.Errorf("waiter was told %v", durable)
		}
		_, err := r.log.Append(makeBatch(batchSpec{size: 100}), AppendOptions{})
		wantErr(t, err, ErrClosed)
		_, err = r.readOnce(ReadRequest{Offset: 0, UpTo: 10, MaxBytes: 100})
		wantErr(t, err, ErrClosed)
		wantErr(t, r.await(r.log.Close), ErrClosed)
		wantErr(t, r.await(func(done func(error)) { r.log.SetStart(3, done) }), ErrClosed)
		wantErr(t, r.await(func(done func(error)) { r.log.ResetTo(3, done) }), ErrClosed)
		wantErr(t, r.await(func(done func(error)) { r.log.Flush(done) }), ErrClosed)
	})
}

// The hot tail of all logs of a shard is bounded, oldest out first, and an
// idle log holds no slab but can be appended to.
func TestHotTailIsBounded(t *testing.T) {
	r := newRig(t, "pwrite", Config{})
	r.hot = NewHot(600 << 10)
	a := r.open()
	for i := range int64(20) {
		if err := r.mirror(makeBatch(batchSpec{base: i, size: 60 << 10})); err != nil {
			t.Fatal(err)
		}
		r.pump()
	}
	if r.hot.Bytes() > r.hot.Limit() {
		t.Errorf("%d hot bytes, limit %d", r.hot.Bytes(), r.hot.Limit())
	}
	reads := a.Stats()
	r.read(19, 1)
	if a.Stats().HotReads == reads.HotReads {
		t.Error("the newest batch is not hot")
	}
	r.read(0, 1)
	if a.Stats().ColdReads == reads.ColdReads {
		t.Error("the oldest batch is hot")
	}
	r.pass(time.Hour)
	r.log.RollIfDue(r.now)
	if r.hot.Bytes() != 0 || r.arena.Stats().InUse() != 0 {
		t.Errorf("an idle log holds %d bytes, %d slabs", r.hot.Bytes(), r.arena.Stats().InUse())
	}
	if err := r.mirror(makeBatch(batchSpec{base: 20, size: 500})); err != nil {
		t.Fatal(err)
	}
	r.pump()
	if got := r.read(0, 1<<20); len(got) != 21 {
		t.Errorf("%d batches", len(got))
	}
}

// Limits of a read: whole batches, MaxBytes, MinOneBatch, UpTo; hot and cold alike.
func TestReadLimits(t *testing.T) {
	engines(t, func(t *testing.T, engine string) {
		r := newRig(t, engine, Config{})
		r.open()
		sizes := []int{300, 2 << 20, 300, 300, 100 << 10}
		var want []made
		for i, size := range sizes {
			b := makeBatch(batchSpec{base: int64(10 * i), records: 10, size: size})
			want = append(want, made{b, int64(10 * i), int64(10*i + 9)})
			if err := r.mirror(b); err != nil {
				t.Fatal(err)
			}
		}
		r.pump()
		f := func(what string, req ReadRequest, from, n int) {
			t.Helper()
			for _, temperature := range []string{"hot", "cold"} {
				got, err := r.readOnce(req)
				if err != nil {
					t.Fatalf("%s %s: %v", temperature, what, err)
				}
				equalBatches(t, temperature+" "+what, got, want[from:from+n])
				r.log.dropIdle()
			}
			appendSmall(t, r, 0)
		}
		f("nothing fits", ReadRequest{Offset: 10, UpTo: 50, MaxBytes: 1000}, 1, 0)
		f("one whatever its size", ReadRequest{Offset: 15, UpTo: 50, MaxBytes: 1000, MinOneBatch: true}, 1, 1)
		f("up to", ReadRequest{Offset: 20, UpTo: 40, MaxBytes: 1 << 20}, 2, 2)
		f("up to inside a batch", ReadRequest{Offset: 20, UpTo: 39, MaxBytes: 1 << 20}, 2, 1)
		f("up to the offset", ReadRequest{Offset: 20, UpTo: 20, MaxBytes: 1 << 20}, 2, 0)
		f("what fits", ReadRequest{Offset: 25, UpTo: 50, MaxBytes: len(want[2].bytes) + len(want[3].bytes)}, 2, 2)
		f("end", ReadRequest{Offset: 50, UpTo: 50, MaxBytes: 1000, MinOneBatch: true}, 0, 0)
		_, err := r.readOnce(ReadRequest{Offset: 51, UpTo: 60, MaxBytes: 1000})
		wantErr(t, err, ErrOutOfRange)
	})
}
