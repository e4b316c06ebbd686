package segment

import (
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"umbra/kafkaproto/batch"
)

// sent is the head of a data batch.
func sent(id int64, epoch int16, sequence int32, records int, offset int64) *batch.Head {
	return &batch.Head{ProducerID: id, ProducerEpoch: epoch, BaseSequence: sequence, Count: int32(records),
		BaseOffset: offset, LastOffset: offset + int64(records) - 1, MaxTimestamp: offset * 10}
}

func TestProducerRules(t *testing.T) {
	var p Producers
	offset := int64(100)
	send := func(id int64, epoch int16, sequence int32, records int, want error) {
		t.Helper()
		h := sent(id, epoch, sequence, records, offset)
		if err := p.Check(h); !errors.Is(err, want) {
			t.Fatalf("producer %d epoch %d sequence %d: %v, want %v", id, epoch, sequence, err, want)
		}
		if want == nil {
			p.Observe(h)
			offset = h.LastOffset + 1
		}
	}
	send(-1, -1, -1, 3, nil)
	send(7, 0, 4711, 2, nil) // KIP-360: no state, any sequence
	send(7, 0, 4713, 1, nil)
	send(7, 0, 4715, 1, ErrOutOfOrderSequence)
	send(7, 0, 0, 1, ErrOutOfOrderSequence)
	send(7, 1, 5, 1, ErrOutOfOrderSequence) // a new epoch begins at 0
	send(7, 1, 0, 1, nil)
	send(7, 0, 4714, 1, ErrInvalidProducerEpoch)
	send(7, 1, -1, 1, ErrOutOfOrderSequence)
	send(8, 0, math.MaxInt32-1, 2, nil)
	send(8, 0, 1, 1, ErrOutOfOrderSequence)
	send(8, 0, 0, 2, nil) // wraps
	send(9, 0, math.MaxInt32, 3, nil)
	send(9, 0, 2, 1, nil) // wraps inside a batch
	if p.MaxProducerID() != 9 || p.Len() != 3 {
		t.Errorf("max producer id %d of %d", p.MaxProducerID(), p.Len())
	}
}

func TestDuplicateOfAnyOfTheLastFive(t *testing.T) {
	var p Producers
	for i := range int64(6) {
		p.Observe(sent(1, 0, int32(i*10), 10, 1000+i*10))
	}
	for i := int64(1); i < 6; i++ {
		var dup *DuplicateError
		if err := p.Check(sent(1, 0, int32(i*10), 10, 5000)); !errors.As(err, &dup) {
			t.Fatalf("batch %d: %v, want a duplicate", i, err)
		}
		if want := (DuplicateError{1000 + i*10, 1009 + i*10, 10000 + i*100}); *dup != want {
			t.Errorf("batch %d: %+v, want %+v", i, *dup, want)
		}
	}
	if err := p.Check(sent(1, 0, 0, 10, 5000)); !errors.Is(err, ErrOutOfOrderSequence) {
		t.Errorf("the sixth from behind: %v", err)
	}
	if err := p.Check(sent(1, 0, 50, 9, 5000)); !errors.Is(err, ErrOutOfOrderSequence) {
		t.Errorf("same begin, other end: %v", err)
	}
}

func TestMarkerRaisesTheEpoch(t *testing.T) {
	var p Producers
	p.Observe(sent(1, 4, 0, 3, 0))
	p.ObserveMarker(&batch.Head{ProducerID: 1, ProducerEpoch: 4, BaseOffset: 3, LastOffset: 3}, 9)
	if err := p.Check(sent(1, 4, 3, 1, 4)); err != nil {
		t.Errorf("after a marker of the same epoch the sequence goes on: %v", err)
	}
	p.ObserveMarker(&batch.Head{ProducerID: 1, ProducerEpoch: 5, BaseOffset: 4, LastOffset: 4}, 9)
	if err := p.Check(sent(1, 4, 3, 1, 5)); !errors.Is(err, ErrInvalidProducerEpoch) {
		t.Errorf("a fenced producer: %v", err)
	}
	if err := p.Check(sent(1, 5, 3, 1, 5)); !errors.Is(err, ErrOutOfOrderSequence) {
		t.Errorf("the epoch of the marker begins at 0: %v", err)
	}
	if err := p.Check(sent(1, 5, 0, 1, 5)); err != nil {
		t.Errorf("the epoch of the marker: %v", err)
	}
	if err := p.CheckMarker(1, 4); !errors.Is(err, ErrInvalidProducerEpoch) {
		t.Errorf("a marker of an old epoch: %v", err)
	}
	if err := errors.Join(p.CheckMarker(1, 5), p.CheckMarker(1, 6), p.CheckMarker(2, 0)); err != nil {
		t.Errorf("markers of this epoch, the next, an unknown producer: %v", err)
	}
}

func TestProducersExpire(t *testing.T) {
	var p Producers
	p.Observe(sent(1, 0, 0, 1, 0))   // at 0 ms
	p.Observe(sent(2, 0, 0, 1, 100)) // at 1000 ms
	p.Observe(sent(3, 0, 0, 1, 0))
	inTxn := func(id int64) bool { return id == 3 }
	if n := p.Expire(999, time.Second, inTxn); n != 0 {
		t.Errorf("%d expired one ms too early", n)
	}
	if n := p.Expire(1000, time.Second, inTxn); n != 1 || p.Len() != 2 {
		t.Errorf("%d expired, %d left; want 1 and 2", n, p.Len())
	}
	if err := p.Check(sent(1, 0, 99, 1, 5)); err != nil {
		t.Errorf("an expired producer begins anywhere: %v", err)
	}
	if p.MaxProducerID() != 3 {
		t.Errorf("max producer id %d", p.MaxProducerID())
	}
}

func TestMaxProducerIDNeverFalls(t *testing.T) {
	var p Producers
	check := func(want int64) {
		t.Helper()
		if got := p.MaxProducerID(); got != want {
			t.Errorf("max producer id %d, want %d", got, want)
		}
	}
	check(-1)
	p.RaiseMaxProducerID(-1)
	check(-1)
	p.RaiseMaxProducerID(0)
	check(0)
	p.ObserveMarker(&batch.Head{ProducerID: 12}, 0)
	check(12)
	p.RaiseMaxProducerID(5)
	check(12)
	p.Observe(sent(math.MaxInt64, 0, 0, 1, 0))
	check(math.MaxInt64)
}

// producerModel answers from the whole history of one producer.
type producerModel []modelBatch

type modelBatch struct {
	epoch       int16
	first, last int32 // sequences
	offset      int64
	marker      bool
}

// verdict is nil, or "stale", "order", or the offset of the original.
func (m producerModel) verdict(h *batch.Head) any {
	if len(m) == 0 {
		return nil
	}
	now := m[len(m)-1].epoch
	if h.ProducerEpoch < now {
		return "stale"
	}
	if h.ProducerEpoch > now {
		if h.BaseSequence != 0 {
			return "order"
		}
		return nil
	}
	var known producerModel // data batches of this epoch, five at the most
	for i := len(m) - 1; i >= 0 && m[i].epoch == now && len(known) < 5; i-- {
		if !m[i].marker {
			known = append(known, m[i])
		}
	}
	want := int32(0)
	if len(known) > 0 {
		want = int32((int64(known[0].last) + 1) % (1 << 31))
	}
	for _, b := range slices.Backward(known) {
		if b.first == h.BaseSequence && b.last == h.LastSequence() {
			return b.offset
		}
	}
	if h.BaseSequence != want {
		return "order"
	}
	return nil
}

func verdict(err error) any {
	var dup *DuplicateError
	switch {
	case errors.As(err, &dup):
		return dup.Offset
	case errors.Is(err, ErrInvalidProducerEpoch):
		return "stale"
	case errors.Is(err, ErrOutOfOrderSequence):
		return "order"
	case err != nil:
		return err
	}
	return nil
}

func TestProducersAgainstFullHistory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var p Producers
		models := map[int64]producerModel{}
		offset := int64(0)
		nearWrap := rapid.SampledFrom([]int32{0, 1, 5, math.MaxInt32 - 12}).Draw(t, "sequence base")
		draw := func(t *rapid.T) *batch.Head {
			id := rapid.Int64Range(0, 2).Draw(t, "id")
			m := models[id]
			sequence := nearWrap + rapid.Int32Range(0, 12).Draw(t, "sequence")
			epoch := rapid.Int16Range(0, 3).Draw(t, "epoch")
			if len(m) > 0 && rapid.IntRange(0, 3).Draw(t, "in order") > 0 { // make progress likely
				last := m[len(m)-1]
				epoch, sequence = last.epoch, batch.AddSequence(last.last, 1)
				if back := rapid.IntRange(0, 12).Draw(t, "repeat"); back > 0 && back <= len(m) {
					sequence = m[len(m)-back].first
				}
			} else if rapid.Bool().Draw(t, "from 0") {
				sequence = 0
			}
			return sent(id, epoch, sequence, rapid.IntRange(1, 3).Draw(t, "records"), offset)
		}
		put := func(h *batch.Head, marker bool) {
			b := modelBatch{h.ProducerEpoch, h.BaseSequence, h.LastSequence(), h.BaseOffset, marker}
			if m := models[h.ProducerID]; marker && len(m) > 0 {
				b.first, b.last = m[len(m)-1].first, m[len(m)-1].last
			}
			models[h.ProducerID] = append(models[h.ProducerID], b)
			offset = h.LastOffset + 1
		}
		t.Repeat(map[string]func(*rapid.T){
			"produce": func(t *rapid.T) {
				h := draw(t)
				want := models[h.ProducerID].verdict(h)
				if got := verdict(p.Check(h)); got != want {
					t.Fatalf("producer %d epoch %d sequence %d..%d: %v, want %v; history %+v",
						h.ProducerID, h.ProducerEpoch, h.BaseSequence, h.LastSequence(), got, want, models[h.ProducerID])
				}
				if want == nil {
					p.Observe(h)
					put(h, false)
				}
			},
			"mirror": func(t *rapid.T) {
				h := draw(t)
				p.Observe(h)
				put(h, false)
			},
			"marker": func(t *rapid.T) {
				h := draw(t)
				h.LastOffset, h.BaseSequence = h.BaseOffset, 0
				p.ObserveMarker(h, 0)
				put(h, true)
			},
		})
	})
}
