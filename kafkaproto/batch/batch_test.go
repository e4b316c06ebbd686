package batch

import (
	"encoding/binary"
	"errors"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"umbra/kafkaproto/compress"
)

func TestBuilderGivesBackWhatWasAdded(t *testing.T) {
	var s Scratch
	for codec := compress.None; codec.Valid(); codec++ {
		b := Builder{BaseOffset: 100, LeaderEpoch: 4, Codec: codec, Producer: &Producer{77, 3, 1000}, Transactional: true}
		v := build(t, &b, 9)
		if err := v.Validate(); err != nil || !v.CheckCRC() {
			t.Fatalf("%s: %v, CRC right: %v", codec, err, v.CheckCRC())
		}
		h := v.Head(5)
		want := Head{Pos: 5, Size: len(v), BaseOffset: 100, LastOffset: 108, MaxTimestamp: 1_700_000_000_004,
			ProducerID: 77, ProducerEpoch: 3, BaseSequence: 1000, LeaderEpoch: 4, Count: 9, Attributes: Attributes(codec) | attrTransactional}
		if diff := cmp.Diff(want, h); diff != "" {
			t.Errorf("%s: head (-want +got):\n%s", codec, diff)
		}
		var got []Record
		if err := Each(v, &s, func(r Record) error { got = append(got, clone(r)); return nil }); err != nil {
			t.Fatalf("%s: %v", codec, err)
		}
		for i, r := range got {
			in := record(i)
			in.Offset, in.OffsetDelta = 100+int64(i), int32(i)
			if diff := cmp.Diff(in, r, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s: record %d (-added +read):\n%s", codec, i, diff)
			}
			if (in.Key == nil) != (r.Key == nil) || (in.Value == nil) != (r.Value == nil) {
				t.Errorf("%s: record %d: null and empty are mixed up", codec, i)
			}
		}
		if len(got) != 9 {
			t.Errorf("%s: %d records, want 9", codec, len(got))
		}
	}
}

func TestStampingKeepsCRC(t *testing.T) {
	v := build(t, new(Builder), 3)
	v.SetBaseOffset(1 << 40)
	v.SetLeaderEpoch(12)
	if !v.CheckCRC() || v.BaseOffset() != 1<<40 || v.LastOffset() != 1<<40+2 || v.LeaderEpoch() != 12 {
		t.Fatalf("offset %d..%d epoch %d CRC right: %v", v.BaseOffset(), v.LastOffset(), v.LeaderEpoch(), v.CheckCRC())
	}
	before := v.CRC()
	v.SetLogAppendTime(5555)
	if !v.CheckCRC() || v.CRC() == before || !v.IsLogAppendTime() || v.MaxTimestamp() != 5555 {
		t.Fatalf("log append time: CRC right: %v, changed: %v, time %d", v.CheckCRC(), v.CRC() != before, v.MaxTimestamp())
	}
	if err := Each(v, nil, func(r Record) error {
		if r.Timestamp != 5555 {
			t.Errorf("record %d has time %d, want that of its batch", r.Offset, r.Timestamp)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

func TestNextStopsWhereABatchIsCut(t *testing.T) {
	all := stream(t)
	views := split(t, all)
	first := len(views[0])
	for cut := range first + 1 {
		v, rest, err := Next(all[:cut])
		switch {
		case cut == first && (err != nil || len(v) != first || len(rest) != 0):
			t.Fatalf("whole batch: %d bytes, %d left, %v", len(v), len(rest), err)
		case cut < first && (!errors.Is(err, ErrCutShort) || len(rest) != cut):
			t.Fatalf("cut at %d: err %v, %d left; want ErrCutShort and all of it", cut, err, len(rest))
		}
	}
}

// damage describes one way to break a head and what both readers must say.
type damage struct {
	name  string
	apply func(v View)
	want  Reason
}

func damages() []damage {
	be := binary.BigEndian
	return []damage{
		{"length negative", func(v View) { be.PutUint32(v[posLength:], 0x80000000) }, ReasonLength},
		{"length zero", func(v View) { be.PutUint32(v[posLength:], 0) }, ReasonLength},
		{"length below a head", func(v View) { be.PutUint32(v[posLength:], HeadSize-LogOverhead-1) }, ReasonLength},
		{"length beyond all", func(v View) { be.PutUint32(v[posLength:], math.MaxInt32) }, ReasonLength},
		{"magic 3", func(v View) { v[posMagic] = 3 }, ReasonMagic},
		{"magic negative", func(v View) { v[posMagic] = 0xff }, ReasonMagic},
		{"base offset negative", func(v View) { v.SetBaseOffset(-1) }, ReasonOffset},
		{"last offset overflows", func(v View) { v.SetBaseOffset(math.MaxInt64) }, ReasonOffset},
		{"delta negative", func(v View) { be.PutUint32(v[posLastOffsetDelta:], 0xffffffff) }, ReasonDelta},
		{"delta below count", func(v View) { be.PutUint32(v[posLastOffsetDelta:], 1) }, ReasonCount},
		{"count negative", func(v View) { be.PutUint32(v[posCount:], 0xffffffff) }, ReasonCount},
		{"count above delta", func(v View) { be.PutUint32(v[posCount:], 4) }, ReasonCount},
		{"leader epoch -2", func(v View) { v.SetLeaderEpoch(-2) }, ReasonLeaderEpoch},
	}
}

func reasonOf(err error) Reason {
	var corrupt ErrCorrupt
	if errors.As(err, &corrupt) {
		return corrupt.Reason
	}
	return ""
}

func TestValidateNamesTheBrokenRule(t *testing.T) {
	for _, d := range damages() {
		v := build(t, new(Builder), 3)
		d.apply(v)
		err := v.Validate()
		if got := reasonOf(err); got != d.want {
			t.Errorf("%s: %v, want %q", d.name, err, d.want)
		}
	}
	if err := View(stream(t)).Validate(); reasonOf(err) != ReasonLength {
		t.Errorf("two batches as one View: %v", err)
	}
}

func TestCountThatTheBytesCannotHold(t *testing.T) {
	b := Builder{LastOffset: 1 << 20}
	b.Add(record(0))
	v := finish(t, &b)
	binary.BigEndian.PutUint32(v[posCount:], 1<<20)
	if got := reasonOf(v.Validate()); got != ReasonCount {
		t.Errorf("a million records in %d bytes: %q", len(v), got)
	}
}

func TestOldMagicShowsInSeventeenBytes(t *testing.T) {
	for magic := range byte(2) {
		old := make([]byte, magicEnd)
		binary.BigEndian.PutUint32(old[posLength:], 20) // shorter than a v2 head
		old[posMagic] = magic
		if _, _, err := Next(old); !errors.Is(err, ErrOldMagic) {
			t.Errorf("Next, magic %d: %v", magic, err)
		}
		var v Verifier
		v.Reset(0)
		if err := v.Feed(old[:magicEnd-1]); err != nil {
			t.Errorf("verifier before the magic byte: %v", err)
		}
		if err := v.Feed(old); !errors.Is(err, ErrOldMagic) {
			t.Errorf("verifier, magic %d: %v", magic, err)
		}
	}
}

func TestMarkerTellsTheOutcome(t *testing.T) {
	for _, commit := range []bool{true, false} {
		v := View(EndTxnMarker(5, 6, commit, 7, 8))
		want := Marker{ControlAbort, 7}
		if commit {
			want.Type = ControlCommit
		}
		if err := v.Validate(); err != nil || !v.CheckCRC() || v.Marker() != want {
			t.Errorf("commit=%v: %+v, %v", commit, v.Marker(), err)
		}
		h := v.Head(0)
		if h.ProducerID != 5 || h.ProducerEpoch != 6 || h.BaseSequence != NoProducer || h.LastSequence() != NoProducer ||
			h.MaxTimestamp != 8 || !h.Attributes.IsTransactional() || !h.Attributes.IsControl() || h.LastOffset != h.BaseOffset {
			t.Errorf("commit=%v: head %+v", commit, h)
		}
		if n := testing.AllocsPerRun(20, func() { v.Marker() }); n != 0 {
			t.Errorf("reading a marker allocates %v times", n)
		}
	}
	if m := build(t, new(Builder), 1).Marker(); m.Type != ControlNone {
		t.Errorf("a data batch is taken for marker %d", m.Type)
	}
	if m := finish(t, &Builder{Control: true}).Marker(); m.Type != ControlNone {
		t.Errorf("an empty control batch is taken for marker %d", m.Type)
	}
}

func TestSequenceWraps(t *testing.T) {
	f := func(seq, n, want int32) {
		t.Helper()
		if got := AddSequence(seq, n); got != want {
			t.Errorf("AddSequence(%d, %d) = %d, want %d", seq, n, got, want)
		}
	}
	f(0, 0, 0)
	f(7, 3, 10)
	f(math.MaxInt32, 0, math.MaxInt32)
	f(math.MaxInt32, 1, 0)
	f(math.MaxInt32-2, 5, 2)
	f(math.MaxInt32, math.MaxInt32, math.MaxInt32-1)
}
