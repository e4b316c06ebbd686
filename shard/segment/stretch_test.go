package segment

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"umbra/kafkaproto/batch"
)

// stretches puts bytes into the log as a link does: a reservation of so many bytes
// after the other, the cut batch carried over.
func (r *rig) stretches(all []byte, stretch int) {
	r.t.Helper()
	var v batch.Verifier
	v.Reset(r.log.EndOffset())
	mem, err := r.log.Reserve(min(stretch, len(all)))
	if err != nil {
		r.t.Fatal(err)
	}
	filled := 0
	for {
		n := copy(mem[filled:], all)
		filled, all = filled+n, all[n:]
		if err := v.Feed(mem[:filled]); err != nil {
			r.t.Fatal(err)
		}
		if len(all) == 0 {
			break
		}
		keep := filled - v.Valid()
		want := min(keep+len(all), max(stretch, v.Pending()))
		if mem, err = r.log.CommitMore(r.log.Term(), 0, v.Batches(), keep, want); err != nil {
			r.t.Fatal(err)
		}
		filled = keep
		v.Reset(r.log.EndOffset())
		if err := v.Feed(mem[:keep]); err != nil {
			r.t.Fatalf("the %d bytes kept are others now: %v", keep, err)
		}
	}
	if err := r.log.Commit(r.log.Term(), 0, v.Batches()); err != nil {
		r.t.Fatal(err)
	}
}

// Whatever the stretches are, smaller than a batch, over the end of a segment, the
// log holds the same bytes; the poisoned arena finds memory that was used after it
// was given back.
func TestCommitMore(t *testing.T) {
	for _, stretch := range []int{100, 3000, 5000, 9000, 70_000} {
		for _, segment := range []int64{16 << 10, 1 << 30} {
			engines(t, func(t *testing.T, engine string) {
				r := newRig(t, engine, Config{SegmentBytes: segment})
				r.open()
				var all []byte
				for i := range 40 {
					all = append(all, makeBatch(batchSpec{base: int64(3 * i), records: 3, size: 200 + 450*(i%7)})...)
				}
				half := 0
				for range 20 {
					half += batch.View(all[half:]).Size()
				}
				r.stretches(all[:half], stretch)
				r.pump()
				r.stretches(all[half:], stretch)
				r.pump()
				if got := r.hot.Unwritten(); got != 0 {
					t.Errorf("%d bytes count as unwritten when all is written", got)
				}
				want := split(t, all)
				equalBatches(t, "hot", r.read(0, len(all)), want)
				r.reopen()
				equalBatches(t, "reopened", r.read(0, len(all)), want)
			})
		}
	}
}

// What was committed and not written is known; what was appended by a local producer
// does not count, and a log that fails owes nothing.
func TestUnwritten(t *testing.T) {
	r := newRig(t, "pwrite", Config{})
	r.open()
	b := makeBatch(batchSpec{records: 3, size: 500})
	if err := r.mirror(b); err != nil {
		t.Fatal(err)
	}
	if got := r.hot.Unwritten(); got != int64(len(b)) {
		t.Errorf("%d bytes are unwritten, want %d", got, len(b))
	}
	r.pump()
	if got := r.hot.Unwritten(); got != 0 {
		t.Errorf("written, and %d bytes are not", got)
	}
	if err := r.mirror(makeBatch(batchSpec{base: 3, records: 3, size: 500})); err != nil {
		t.Fatal(err)
	}
	if _, err := r.log.Append(makeBatch(batchSpec{base: 6, records: 3, size: 500}), r.options()); err != nil {
		t.Fatal(err)
	}
	if got := r.hot.Unwritten(); got != 0 {
		t.Errorf("a local producer holds back others with %d bytes", got)
	}
	if err := r.mirror(makeBatch(batchSpec{base: 9, records: 3, size: 500})); err != nil {
		t.Fatal(err)
	}
	r.log.fail(os.ErrInvalid)
	if got := r.hot.Unwritten(); got != 0 {
		t.Errorf("the log failed and still owes %d bytes", got)
	}
}

// A discarded log is closed without a checkpoint and without its exact length.
func TestDiscard(t *testing.T) {
	r := newRig(t, "pwrite", Config{})
	r.open()
	if err := r.mirror(makeBatch(batchSpec{records: 3, size: 500})); err != nil {
		t.Fatal(err)
	}
	syncs := r.log.stats.Syncs
	r.must(r.log.Discard)
	if r.log.stats.Syncs != syncs {
		t.Errorf("%d fsyncs of a log that is deleted", r.log.stats.Syncs-syncs)
	}
	if states, err := listOffsets(r.dir, stateSuffix); err != nil || len(states) != 0 {
		t.Errorf("it left state files %v, %v", states, err)
	}
	wantErr(t, r.await(r.log.Discard), ErrClosed)
	wantErr(t, r.mirror(makeBatch(batchSpec{base: 3})), ErrClosed)
}

// A log that takes back its tail while a reservation is out owes nothing from then
// on: whoever fills the reservation may be waiting for just that.
func TestUnwrittenOfAFullDisk(t *testing.T) {
	r := newRig(t, "pwrite", Config{})
	r.open()
	if err := r.mirror(makeBatch(batchSpec{records: 3, size: 500})); err != nil {
		t.Fatal(err)
	}
	if _, err := r.log.Reserve(1000); err != nil {
		t.Fatal(err)
	}
	r.log.noSpace(unix.ENOSPC)
	if got := r.hot.Unwritten(); got != 0 {
		t.Errorf("%d bytes that are to be taken back count as unwritten", got)
	}
	r.log.Release()
	r.pump()
	if got := r.hot.Unwritten(); got != 0 || r.log.EndOffset() != 0 {
		t.Errorf("%d bytes are unwritten, the end is %d", got, r.log.EndOffset())
	}
}
