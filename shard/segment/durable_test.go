package segment

import (
	"errors"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"umbra/ioring"
	"umbra/kafkaproto/batch"
)

func appendSmall(t testing.TB, r *rig, n int) {
	t.Helper()
	for range n {
		if _, err := r.log.Append(makeBatch(batchSpec{size: 150}), r.options()); err != nil {
			t.Fatal(err)
		}
	}
}

// Waiters share fsyncs, and each hears once, after the promise is true.
func TestGroupCommit(t *testing.T) {
	engines(t, func(t *testing.T, engine string) {
		r := newRig(t, engine, Config{FlushInterval: -1, FlushBytes: -1})
		r.open()
		heard := 0
		for i := range 300 {
			appendSmall(t, r, 1)
			want := r.log.EndOffset()
			r.log.WhenDurable(want, func(err error) {
				heard++
				if err != nil || r.log.DurableOffset() < want {
					t.Errorf("told of %d with error %v when durable is %d", want, err, r.log.DurableOffset())
				}
			})
			if i%50 == 49 {
				r.turn(true)
			}
		}
		r.pump()
		if heard != 300 {
			t.Errorf("%d of 300 waiters were told", heard)
		}
		if n := r.log.Stats().Syncs; n < 1 || n > 30 {
			t.Errorf("%d fsyncs for 300 waiters in a few turns", n)
		}
	})
}

// A write carries its own fsync only where everything below it is durable already:
// else that fsync has to cover the whole file.
func TestWriteIsFsyncedByItself(t *testing.T) {
	engines(t, func(t *testing.T, engine string) {
		r := newRig(t, engine, Config{FlushInterval: time.Hour})
		var last ioring.Op
		r.push = func(op *ioring.Op) error {
			if op.Kind != ioring.Read {
				last = *op
			}
			return r.ring.Push(op)
		}
		r.open()
		for i, want := range []struct{ wait, own bool }{{true, true}, {true, true}, {false, false}, {true, false}, {true, true}} {
			b := makeBatch(batchSpec{size: 10 << 10}) // more than the block that the next write begins with
			if _, err := r.log.Append(b, AppendOptions{Now: r.now}); err != nil {
				t.Fatal(err)
			}
			if want.wait {
				r.log.WhenDurable(r.log.EndOffset(), func(err error) {
					if err != nil {
						t.Error(err)
					}
				})
			}
			r.pump()
			if last.Sync != want.wait || last.Own != want.own || last.Cached == want.wait {
				t.Errorf("write %d: sync %v, own %v, cached %v; want %v, %v, %v", i, last.Sync, last.Own, last.Cached, want.wait, want.own, !want.wait)
			}
		}
	})
}

// What has just come goes through the page cache, so that it is readable at once: not
// what comes by the MiB, what somebody wants durable, nor what follows a write in flight.
func TestSmallWritesGoThroughTheCache(t *testing.T) {
	engines(t, func(t *testing.T, engine string) {
		r := newRig(t, engine, Config{FlushInterval: time.Hour})
		var pushed []ioring.Op
		r.push = func(op *ioring.Op) error {
			if op.Kind == ioring.Write {
				pushed = append(pushed, *op)
			}
			return r.ring.Push(op)
		}
		r.open()
		mirrored := false
		f := func(what string, size int, wait, cached bool) {
			t.Helper()
			pushed = nil
			var err error
			if mirrored {
				err = r.mirror(makeBatch(batchSpec{base: r.log.EndOffset(), size: size}))
			} else {
				_, err = r.log.Append(makeBatch(batchSpec{size: size}), AppendOptions{Now: r.now})
			}
			if err != nil {
				t.Fatal(err)
			}
			if wait {
				r.log.Flush(func(error) {})
			}
			r.pump()
			if len(pushed) == 0 {
				t.Errorf("%s: nothing was written", what)
			}
			for _, op := range pushed {
				if op.Cached != cached || op.Cached && op.Sync {
					t.Errorf("%s: a write of %d bytes is cached %v and waits for the disk %v; want cached %v", what, len(op.Buf), op.Cached, op.Sync, cached)
				}
			}
			if r.log.WrittenOffset() != r.log.EndOffset() {
				t.Errorf("%s: written %d of %d", what, r.log.WrittenOffset(), r.log.EndOffset())
			}
		}
		f("small", 100, false, true)
		f("larger", 100<<10, false, true)
		f("large, its tail included", 1<<20, false, false)
		f("small again", 100, false, true)
		f("waited for", 100, true, false)
		f("nobody waits any more", 100, false, true)
		mirrored = true
		r.log.SetBehind(true)
		f("a copy that catches up", 100, false, false)
		r.log.SetBehind(false)
		f("a copy that keeps up", 100, false, true)
		r.log.SetBehind(true)
		mirrored = false
		f("a copy no more", 100, false, true)
	})
}

// Without waiters, written bytes are fsynced after FlushInterval or FlushBytes.
func TestFlushWindow(t *testing.T) {
	engines(t, func(t *testing.T, engine string) {
		r := newRig(t, engine, Config{FlushInterval: 20 * time.Millisecond, FlushBytes: 100 << 10})
		r.open()
		appendSmall(t, r, 1)
		r.pump()
		if r.log.DurableOffset() != 0 || r.log.WrittenOffset() != 1 {
			t.Fatalf("durable %d written %d, want 0 and 1", r.log.DurableOffset(), r.log.WrittenOffset())
		}
		r.pass(10 * time.Millisecond)
		if r.log.DurableOffset() != 0 {
			t.Error("fsynced too early")
		}
		r.pass(10 * time.Millisecond)
		if r.log.DurableOffset() != 1 {
			t.Errorf("durable %d after the interval, want 1", r.log.DurableOffset())
		}
		if err := r.mirror(makeBatch(batchSpec{base: 1, size: 200 << 10})); err != nil {
			t.Fatal(err)
		}
		r.pump()
		if r.log.DurableOffset() != 2 {
			t.Errorf("durable %d after FlushBytes, want 2", r.log.DurableOffset())
		}
	})
}

// faulty lets a test fail operations after the ring took them.
type faulty struct {
	r     *rig
	fault func(op *ioring.Op) error
}

func (f *faulty) push(op *ioring.Op) error {
	if f.fault == nil {
		return f.r.ring.Push(op)
	}
	if err := f.fault(op); err != nil {
		if errors.Is(err, ioring.ErrFull) {
			return err
		}
		// The ring would say so later, from Reap.
		f.r.jobs = append(f.r.jobs, job{work: func() error { return nil }, done: func(error) {
			op.Err = err
			op.Done(op)
		}})
		return nil
	}
	return f.r.ring.Push(op)
}

func newFaulty(t testing.TB, engine string, cfg Config) (*rig, *faulty) {
	r := newRig(t, engine, cfg)
	f := &faulty{r: r}
	r.push = f.push
	return r, f
}

// A failed write or fsync is final: no later acknowledgement, one call of
// Failed, reads of what is in memory go on, and a reopen verifies.
func TestWriteErrorIsFinal(t *testing.T) {
	for _, kind := range []ioring.Kind{ioring.Write, ioring.Sync} {
		engines(t, func(t *testing.T, engine string) {
			r, f := newFaulty(t, engine, Config{FlushInterval: -1, FlushBytes: -1})
			failures := 0
			r.open()
			r.log.env.Failed = func(err error) { failures++; r.failed = err }
			appendSmall(t, r, 3)
			r.must(func(done func(error)) { r.log.Flush(done) })
			f.fault = func(op *ioring.Op) error {
				if op.Kind == kind || op.Kind == ioring.Write && op.Sync {
					return unix.EIO
				}
				return nil
			}
			appendSmall(t, r, 2)
			wantErr(t, r.await(func(done func(error)) { r.log.Flush(done) }), ErrFailed)
			f.fault = nil
			r.pump()
			if failures != 1 || !errors.Is(r.failed, unix.EIO) {
				t.Errorf("Failed was called %d times, with %v", failures, r.failed)
			}
			if r.log.DurableOffset() != 3 {
				t.Errorf("durable %d after the failure, want 3", r.log.DurableOffset())
			}
			_, err := r.log.Append(makeBatch(batchSpec{size: 100}), r.options())
			wantErr(t, err, ErrFailed)
			wantErr(t, r.await(func(done func(error)) { r.log.WhenDurable(5, done) }), ErrFailed)
			r.must(func(done func(error)) { r.log.WhenDurable(3, func(err error) { done(nil) }) })
			if got, err := r.readOnce(ReadRequest{Offset: 0, UpTo: 3, MaxBytes: 1 << 20}); err != nil || len(got) != 3 {
				t.Errorf("read of a failed log: %d batches, %v", len(got), err)
			}
			r.must(r.log.Close)
			r.push = nil
			r.open()
			if r.log.EndOffset() < 3 {
				t.Errorf("reopened end %d, want at least 3", r.log.EndOffset())
			}
			appendSmall(t, r, 1)
			r.pump()
		})
	}
}

// A full ring delays and loses nothing.
func TestFullRing(t *testing.T) {
	r, f := newFaulty(t, "pwrite", Config{})
	r.open()
	full := true
	f.fault = func(*ioring.Op) error {
		if full {
			return ioring.ErrFull
		}
		return nil
	}
	appendSmall(t, r, 5)
	r.pump()
	if r.log.WrittenOffset() != 0 || r.log.Err() != nil {
		t.Fatalf("written %d, error %v", r.log.WrittenOffset(), r.log.Err())
	}
	full = false
	r.pass(time.Second)
	if r.log.WrittenOffset() != 5 {
		t.Errorf("written %d when the ring has room, want 5", r.log.WrittenOffset())
	}
	r.log.dropIdle()
	full = true
	var got *ReadResult
	r.log.Read(ReadRequest{Offset: 0, UpTo: 5, MaxBytes: 1 << 20}, func(res ReadResult) { got = &res })
	r.pump()
	if got != nil {
		t.Fatalf("read through a full ring: %+v", got)
	}
	full = false
	r.pass(time.Second)
	if got == nil || got.Err != nil || got.Bytes == 0 {
		t.Fatalf("read after the ring had room: %+v", got)
	}
	got.Spans[0].Release()
}

// A full disk takes back what was not written, to a batch boundary, tells
// those who waited, and the log goes on when there is room.
func TestNoSpaceOnWrite(t *testing.T) {
	engines(t, func(t *testing.T, engine string) {
		r, f := newFaulty(t, engine, Config{FlushInterval: -1})
		r.open()
		appendSmall(t, r, 4)
		r.pump()
		f.fault = func(op *ioring.Op) error {
			if op.Kind == ioring.Write {
				return unix.ENOSPC
			}
			return nil
		}
		p := &batch.Producer{ID: 77, Epoch: 0, Sequence: 0}
		if _, err := r.log.Append(makeBatch(batchSpec{size: 100, producer: p}), r.options()); err != nil {
			t.Fatal(err)
		}
		wantErr(t, r.await(func(done func(error)) { r.log.Flush(done) }), ErrNoSpace)
		r.pump()
		if r.log.EndOffset() != 4 || r.log.WrittenOffset() != 4 || r.failed != nil {
			t.Fatalf("end %d written %d failed %v, want 4, 4 and nil", r.log.EndOffset(), r.log.WrittenOffset(), r.failed)
		}
		if r.log.ProducerCount() != 0 {
			t.Error("the producer of a batch that was taken back is still known")
		}
		_, err := r.log.Append(makeBatch(batchSpec{size: 100}), r.options())
		wantErr(t, err, ErrNoSpace)
		if got := r.read(0, 1<<20); len(got) != 4 {
			t.Errorf("%d batches readable, want 4", len(got))
		}
		f.fault = nil
		r.pass(2 * spaceRetry)
		if err := r.log.Err(); err != nil {
			t.Fatalf("log does not go on: %v", err)
		}
		if _, err := r.log.Append(makeBatch(batchSpec{size: 100, producer: p}), r.options()); err != nil {
			t.Fatal(err)
		}
		r.pump()
		if got := r.read(0, 1<<20); len(got) != 5 {
			t.Errorf("%d batches, want 5", len(got))
		}
		r.reopen()
		if r.log.EndOffset() != 5 {
			t.Errorf("end %d, want 5", r.log.EndOffset())
		}
	})
}

// The same when the room cannot be taken, before a byte is written, and also
// for a segment that was to begin.
func TestNoSpaceOnGrowth(t *testing.T) {
	for _, roll := range []bool{false, true} {
		r := newRig(t, "pwrite", Config{SegmentBytes: 64 << 10})
		r.open()
		end := int64(0)
		for ; end < 2; end++ {
			if err := r.mirror(makeBatch(batchSpec{base: end, size: 20 << 10})); err != nil {
				t.Fatal(err)
			}
		}
		r.pump()
		r.refuse = func() error { return unix.ENOSPC }
		size := 20 << 10
		if roll {
			size = 60 << 10
		} else {
			r.log.active().allocated = roundUp(r.log.active().size, blockSize)
		}
		if err := r.mirror(makeBatch(batchSpec{base: end, size: size})); err != nil {
			t.Fatal(err)
		}
		for r.log.Stats().NoSpace == 0 {
			r.turn(true)
		}
		r.refuse = nil
		r.pump()
		if r.log.EndOffset() != 2 || r.log.WrittenOffset() != 2 {
			t.Fatalf("end %d written %d, want 2", r.log.EndOffset(), r.log.WrittenOffset())
		}
		r.refuse = func() error { return unix.ENOSPC }
		r.pass(2 * spaceRetry)
		wantErr(t, r.log.Err(), ErrNoSpace)
		r.refuse = nil
		r.pass(2 * spaceRetry)
		if err := r.mirror(makeBatch(batchSpec{base: end, size: size})); err != nil {
			t.Fatal(err)
		}
		r.pump()
		if got := r.read(0, 1<<20); len(got) != 3 {
			t.Errorf("%d batches, want 3", len(got))
		}
		r.reopen()
	}
}
