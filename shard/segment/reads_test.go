package segment

import (
	"errors"
	"testing"

	"umbra/ioring"
)

// outcome is how many reads ended, well or not.
type outcome struct{ good, bad int }

// readEach starts a read of each of the log's n batches at once.
func (r *rig) readEach(n int) *outcome {
	var out outcome
	for i := range int64(n) {
		r.log.Read(ReadRequest{Offset: i, UpTo: int64(n), MaxBytes: 1, MinOneBatch: true}, func(res ReadResult) {
			if res.Err != nil {
				out.bad++
				return
			}
			for _, s := range res.Spans {
				if got := split(r.t, s.Bytes); len(got) == 1 && got[0].base == i {
					out.good++
				}
				s.Release()
			}
		})
	}
	return &out
}

// coldRig has n batches, each a read of the disk, and shows every read that goes to the
// ring to push.
func coldRig(t *testing.T, engine string, n int, limit int64, push func(*rig, *ioring.Op) error) *rig {
	r := newRig(t, engine, Config{})
	r.hot = NewHot(0)
	r.open()
	for i := range int64(n) {
		if err := r.mirror(makeBatch(batchSpec{base: i, size: coldReadMin})); err != nil {
			t.Fatal(err)
		}
		r.pump()
	}
	r.close()
	r.reads = NewReads(limit)
	r.push = func(op *ioring.Op) error {
		if op.Kind != ioring.Read {
			return r.ring.Push(op)
		}
		return push(r, op)
	}
	r.open()
	return r
}

// What is read from the disk at a time is bounded; the other reads wait for their turn,
// and a log that closes waits for them.
func TestReadsAreBounded(t *testing.T) {
	const n, limit = 20, 4 * (coldReadMin + 3*blockSize)
	engines(t, func(t *testing.T, engine string) {
		most := int64(0)
		r := coldRig(t, engine, n, limit, func(r *rig, op *ioring.Op) error {
			most = max(most, r.reads.Bytes())
			return r.ring.Push(op)
		})
		out := r.readEach(n)
		if r.reads.Waiting() < n/2 {
			t.Errorf("%d reads wait", r.reads.Waiting())
		}
		r.close()
		if out.good != n || r.reads.Waiting() != 0 || r.reads.Bytes() != 0 {
			t.Errorf("%+v; %d reads wait, %d bytes are under way", *out, r.reads.Waiting(), r.reads.Bytes())
		}
		if most > limit || most < limit/2 {
			t.Errorf("%d bytes were under way, the limit is %d", most, limit)
		}
	})
}

// A read that is larger than the limit goes alone, and one that the ring has no place
// for, or refuses, takes none of the limit with it.
func TestReadsThatDoNotGo(t *testing.T) {
	const n = 8
	engines(t, func(t *testing.T, engine string) {
		count := 0
		r := coldRig(t, engine, n, 1, func(r *rig, op *ioring.Op) error {
			switch count++; {
			case count%4 == 1:
				return ioring.ErrFull
			case count%4 == 3:
				return errors.New("refused by the test")
			}
			return r.ring.Push(op)
		})
		out := r.readEach(n)
		for range 100 * n {
			r.pass(ringRetry)
		}
		if out.bad == 0 || out.good == 0 || r.reads.Waiting() != 0 || r.reads.Bytes() != 0 {
			t.Errorf("%+v; %d reads wait, %d bytes are under way", *out, r.reads.Waiting(), r.reads.Bytes())
		}
		r.close()
	})
}
