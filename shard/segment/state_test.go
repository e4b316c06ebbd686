package segment

import (
	"bytes"
	"errors"
	"hash/crc32"
	"testing"
	"time"

	"pgregory.net/rapid"

	"umbra/kafkaproto/batch"
)

// entry is one batch of a generated log.
type entry struct {
	head batch.Head
	view batch.View // of control batches
}

// drawLog draws what a partition may hold: plain, idempotent and transactional
// batches, markers with and without a transaction, gaps, rising epochs.
func drawLog(t *rapid.T, n int) (log []entry) {
	offset, leaderEpoch := int64(0), int32(0)
	for range n {
		leaderEpoch += int32(rapid.SampledFrom([]int{0, 0, 0, 1, 2}).Draw(t, "leader epoch"))
		id := rapid.Int64Range(-1, 4).Draw(t, "id")
		var e entry
		if id >= 0 && rapid.IntRange(0, 2).Draw(t, "marker") == 0 {
			e.view = batch.EndTxnMarker(id, rapid.Int16Range(0, 2).Draw(t, "epoch"), rapid.Bool().Draw(t, "commit"), 3, offset)
			e.view.SetBaseOffset(offset)
			e.view.SetLeaderEpoch(leaderEpoch)
			e.head = e.view.Head(0)
		} else {
			b := batch.Builder{BaseOffset: offset, LeaderEpoch: leaderEpoch, LastOffset: offset + rapid.Int64Range(0, 3).Draw(t, "records")}
			if id >= 0 {
				b.Producer = &batch.Producer{ID: id, Epoch: rapid.Int16Range(0, 2).Draw(t, "epoch"), Sequence: rapid.Int32Range(0, 50).Draw(t, "sequence")}
				b.Transactional = rapid.Bool().Draw(t, "transactional")
			}
			out, err := b.Build(nil)
			if err != nil {
				t.Fatal(err)
			}
			e.head = batch.View(out).Head(0)
		}
		log = append(log, e)
		offset = e.head.LastOffset + 1 + int64(rapid.SampledFrom([]int{0, 0, 1, 7}).Draw(t, "gap"))
	}
	return log
}

func (e *entry) applyTo(s *State) { s.Apply(&e.head, e.view) }

// image is a snapshot once the whole log is below the high watermark.
func image(s *State) []byte {
	s.Txns.LSO(s.Next())
	return s.Encode(nil)
}

// Truncation and recovery stand on this: a snapshot and the batches behind it
// are worth the whole log.
func TestSnapshotAndTailEqualReplay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		log := drawLog(t, rapid.IntRange(1, 40).Draw(t, "batches"))
		at := rapid.IntRange(0, len(log)).Draw(t, "snapshot at")
		start := rapid.Int64Range(0, log[len(log)-1].head.LastOffset).Draw(t, "log start")
		var whole, tail State
		for i := range log {
			if i == at {
				if err := tail.Decode(whole.Encode(nil)); err != nil {
					t.Fatal(err)
				}
			}
			log[i].applyTo(&whole)
			if i >= at {
				log[i].applyTo(&tail)
			}
		}
		if at == len(log) {
			if err := tail.Decode(whole.Encode([]byte("prefix"))[6:]); err != nil {
				t.Fatal(err)
			}
		}
		compareStates(t, "replayed", &whole, &tail)
		whole.TruncateFromStart(start)
		tail.TruncateFromStart(start)
		compareStates(t, "with a later start", &whole, &tail)
		now := time.UnixMilli(rapid.Int64Range(0, 200).Draw(t, "now"))
		if a, b := whole.Expire(now, 50*time.Millisecond), tail.Expire(now, 50*time.Millisecond); a != b {
			t.Fatalf("%d and %d producers expired", a, b)
		}
		compareStates(t, "expired", &whole, &tail)
	})
}

func compareStates(t *rapid.T, when string, a, b *State) {
	t.Helper()
	if !bytes.Equal(image(a), image(b)) {
		t.Fatalf("%s: states differ\n%+v\n%+v", when, a, b)
	}
}

// The same batches give the same answers, whoever wrote them: what Check says
// after mirroring is what it said to the producer at the source.
func TestStateChecksAfterMirroring(t *testing.T) {
	var s State
	b := batch.Builder{Producer: &batch.Producer{ID: 5, Epoch: 1, Sequence: 0}, LastOffset: 9, Transactional: true}
	out, err := b.Build(nil)
	if err != nil {
		t.Fatal(err)
	}
	h := batch.View(out).Head(0)
	s.Apply(&h, nil)
	again := h
	again.BaseOffset, again.LastOffset = 100, 109
	var dup *DuplicateError
	if err := s.Check(&again); !errors.As(err, &dup) || dup.Offset != 0 || dup.LastOffset != 9 {
		t.Errorf("a retry of a mirrored batch: %v", err)
	}
	plain := again
	plain.BaseSequence, plain.Attributes = 10, 0
	if err := s.Check(&plain); !errors.Is(err, ErrInvalidTxnState) {
		t.Errorf("a plain batch inside of a transaction: %v", err)
	}
	marker := batch.View(batch.EndTxnMarker(5, 1, true, 0, 0))
	marker.SetBaseOffset(10)
	mh := marker.Head(0)
	s.Apply(&mh, marker)
	if err := s.Check(&plain); err != nil {
		t.Errorf("a plain batch after the transaction: %v", err)
	}
	if s.Next() != 11 {
		t.Errorf("next offset %d, want 11", s.Next())
	}
	none := batch.Head{ProducerID: -1, BaseSequence: -1, BaseOffset: 11, LastOffset: 11}
	if err := s.Check(&none); err != nil {
		t.Errorf("a batch without a producer: %v", err)
	}
}

func TestControlBatchesThatEndNothing(t *testing.T) {
	var s State
	open := batch.Head{ProducerID: 1, Attributes: 1 << 4, LastOffset: 0}
	s.Apply(&open, nil)
	for name, b := range map[string]*batch.Builder{
		"empty":       {Control: true, Transactional: true, Producer: &batch.Producer{ID: 1, Sequence: -1}},
		"other types": {Control: true, Producer: &batch.Producer{ID: 1, Sequence: -1}},
	} {
		if name == "other types" {
			b.Add(batch.Record{Key: []byte{0, 0, 0, 2}, Value: []byte{0, 0}})
		}
		out, err := b.Build(nil)
		if err != nil {
			t.Fatal(err)
		}
		h := batch.View(out).Head(0)
		s.Apply(&h, out)
		if !s.Txns.IsOpen(1) {
			t.Errorf("%s: ended a transaction", name)
		}
	}
}

func TestSnapshotRefusesDamage(t *testing.T) {
	var s State
	for i := range int64(20) {
		h := sent(i%4, 0, int32(i), 1, i)
		h.Attributes = 1 << 4
		h.LeaderEpoch = int32(i / 5)
		s.Apply(h, nil)
		s.Txns.Complete((i+1)%4, i, i%2 == 0)
	}
	good := s.Encode(nil)
	var d State
	for bit := range len(good) * 8 {
		bad := bytes.Clone(good)
		bad[bit/8] ^= 1 << (bit % 8)
		if err := d.Decode(bad); !errors.Is(err, ErrSnapshot) {
			t.Fatalf("bit %d flipped: %v", bit, err)
		}
	}
	for cut := range len(good) {
		if err := d.Decode(good[:cut]); !errors.Is(err, ErrSnapshot) {
			t.Fatalf("cut at %d: %v", cut, err)
		}
	}
	if d.Next() != 0 || d.Producers.Len() != 0 {
		t.Errorf("a refused snapshot left %+v", d)
	}
}

func TestResetBeginsAtOffset(t *testing.T) {
	var s State
	s.Reset(500)
	if s.Next() != 500 || s.Producers.MaxProducerID() != -1 || s.Txns.LSO(500) != 500 {
		t.Errorf("next %d, max producer id %d", s.Next(), s.Producers.MaxProducerID())
	}
}

func TestApplyAllocatesNothing(t *testing.T) {
	var s State
	marker := batch.View(batch.EndTxnMarker(3, 0, true, 1, 0))
	offset := int64(0)
	if n := testing.AllocsPerRun(200, func() {
		for id := range int64(4) {
			h := sent(id, 0, int32(offset), 2, offset)
			h.Attributes = 1 << 4
			s.Apply(h, nil)
			offset += 2
		}
		h := marker.Head(0)
		h.BaseOffset, h.LastOffset = offset, offset
		s.Apply(&h, marker)
		offset++
		s.Txns.LSO(offset)
	}); n != 0 {
		t.Errorf("%v allocations for five batches of known producers, want 0", n)
	}
}

// seal makes a mutated snapshot pass its checksum, so that fuzzing reaches what
// lies behind it.
func seal(b []byte) []byte {
	if len(b) < stateFrame {
		return b
	}
	body := b[:len(b)-4]
	sum := crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli))
	return append(bytes.Clone(body), byte(sum>>24), byte(sum>>16), byte(sum>>8), byte(sum))
}

func FuzzStateDecode(f *testing.F) {
	var s State
	f.Add(s.Encode(nil))
	for i := range int64(12) {
		h := sent(i%4, int16(i/8), int32(i), 2, i*3)
		h.Attributes = 1 << 4
		h.LeaderEpoch = int32(i / 3)
		s.Apply(h, nil)
		s.Txns.Complete((i+1)%4, i*3+2, i%2 == 0)
	}
	f.Add(s.Encode(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		var s, again State
		if err := s.Decode(seal(b)); err != nil {
			if !errors.Is(err, ErrSnapshot) {
				t.Fatalf("%v does not wrap ErrSnapshot", err)
			}
			return
		}
		once := s.Encode(nil)
		if err := again.Decode(once); err != nil {
			t.Fatalf("own snapshot refused: %v", err)
		}
		if twice := again.Encode(nil); !bytes.Equal(once, twice) {
			t.Fatalf("snapshots differ\n% x\n% x", once, twice)
		}
		// What was accepted must be usable.
		s.Epochs.EndOffset(3, s.Next())
		s.Txns.Aborted(nil, 0, s.Next())
		s.Txns.LSO(s.Next())
		h := sent(1, 1, 5, 1, s.Next())
		_ = s.Check(h)
		s.Apply(h, nil)
		s.TruncateFromStart(s.Next())
	})
}
