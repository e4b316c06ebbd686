package batch

import (
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"umbra/kafkaproto/compress"
)

// wrap makes a batch around hand-written records.
func wrap(t testing.TB, count, lastDelta int32, body []byte) View {
	t.Helper()
	v := slices.Concat(build(t, new(Builder), 0), View(body))
	binary.BigEndian.PutUint32(v[posLength:], uint32(len(v)-LogOverhead))
	binary.BigEndian.PutUint32(v[posLastOffsetDelta:], uint32(lastDelta))
	binary.BigEndian.PutUint32(v[posCount:], uint32(count))
	v.seal()
	return v
}

func nothing(Record) error { return nil }

func TestEachRefusesMalformedRecords(t *testing.T) {
	// length, attributes, time delta, offset delta, key null, value null, no headers
	rec := func(delta byte) []byte { return []byte{12, 0, 0, delta * 2, 1, 1, 0} }
	check := func(name string, want Reason, count, lastDelta int32, body []byte) {
		t.Helper()
		if err := Each(wrap(t, count, lastDelta, body), nil, nothing); reasonOf(err) != want || (err == nil) != (want == "") {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
	check("two records", "", 2, 1, slices.Concat(rec(0), rec(1)))
	check("a hole", "", 2, 5, slices.Concat(rec(1), rec(4)))
	check("none", "", 0, 0, nil)
	check("offset twice", ReasonOrder, 2, 1, slices.Concat(rec(1), rec(1)))
	check("offset going back", ReasonOrder, 2, 1, slices.Concat(rec(1), rec(0)))
	check("offset behind the last", ReasonOrder, 1, 0, rec(1))
	check("offset negative", ReasonOrder, 1, 0, []byte{12, 0, 0, 1, 1, 1, 0})
	check("one record missing", ReasonRecord, 2, 1, rec(0))
	check("bytes behind the last", ReasonCount, 1, 0, append(rec(0), 0))
	check("records without count", ReasonCount, 0, 0, rec(0))
	check("length negative", ReasonRecord, 1, 0, []byte{1, 0, 0, 0, 1, 1, 0})
	check("length too short", ReasonRecord, 1, 0, []byte{10, 0, 0, 0, 1, 1, 0})
	check("length too long", ReasonRecord, 1, 0, []byte{14, 0, 0, 0, 1, 1, 0})
	check("length without end", ReasonRecord, 1, 0, slices.Repeat([]byte{0xff}, 12))
	check("length above 2^31", ReasonRecord, 1, 0, []byte{0x80, 0x80, 0x80, 0x80, 0x20, 0, 0})
	check("key of -2", ReasonRecord, 1, 0, []byte{12, 0, 0, 0, 3, 1, 0})
	check("key longer than the record", ReasonRecord, 1, 0, []byte{12, 0, 0, 0, 40, 1, 0})
	check("headers -1", ReasonRecord, 1, 0, []byte{12, 0, 0, 0, 1, 1, 1})
	check("a million headers", ReasonRecord, 1, 0, []byte{16, 0, 0, 0, 1, 1, 0x80, 0x89, 0x7a})
	check("header with a null key", ReasonRecord, 1, 0, []byte{16, 0, 0, 0, 1, 1, 2, 1, 1})
	check("header without a value", ReasonRecord, 1, 0, []byte{14, 0, 0, 0, 1, 1, 2, 0})
}

func TestEachStopsWhenToldTo(t *testing.T) {
	stop := errors.New("enough")
	calls := 0
	err := Each(build(t, new(Builder), 5), nil, func(Record) error {
		if calls++; calls == 2 {
			return stop
		}
		return nil
	})
	if err != stop || calls != 2 {
		t.Errorf("%v after %d calls", err, calls)
	}
}

func TestEachBoundsUnpacking(t *testing.T) {
	for codec := compress.Gzip; codec.Valid(); codec++ {
		b := Builder{Codec: codec}
		b.Add(Record{Value: make([]byte, 1<<20)})
		v := finish(t, &b)
		s := Scratch{UnpackMax: 1 << 20}
		if err := Each(v, &s, nothing); !errors.Is(err, compress.ErrTooLarge) || reasonOf(err) != ReasonUnpack {
			t.Errorf("%s: %v, want ErrTooLarge", codec, err)
		}
		s.UnpackMax = 1<<20 + 100
		if err := Each(v, &s, nothing); err != nil {
			t.Errorf("%s: %v", codec, err)
		}
		v[len(v)-3] ^= 0x55
		v = v[:len(v)-2]
		binary.BigEndian.PutUint32(v[posLength:], uint32(len(v)-LogOverhead))
		if err := Each(v, &s, nothing); err == nil {
			t.Errorf("%s: cut data went unnoticed", codec)
		}
	}
	v := build(t, new(Builder), 1)
	v[posAttributes+1] = 7
	if err := Each(v, nil, nothing); !errors.Is(err, compress.ErrUnknownCodec) || reasonOf(err) != ReasonCodec {
		t.Errorf("codec 7: %v", err)
	}
}

func TestEachReusesItsScratch(t *testing.T) {
	var s Scratch
	views := split(t, stream(t))
	walk := func() {
		for _, v := range views {
			if err := Each(v, &s, nothing); err != nil {
				t.Fatal(err)
			}
		}
	}
	// gzip makes a few small values per stream; nothing may follow the number
	// of records.
	if n := testing.AllocsPerRun(20, walk); n > 8 {
		t.Errorf("%v allocations for %d batches", n, len(views))
	}
}

func TestBuilderRefusesOffsetsGoingBack(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("an offset below the one before it was taken")
		}
	}()
	b := Builder{BaseOffset: 10}
	b.AddAt(12, Record{})
	b.AddAt(11, Record{})
}

func TestBuilderIsReusable(t *testing.T) {
	b := Builder{Codec: compress.LZ4}
	first := slices.Clone(build(t, &b, 30))
	if second := build(t, &b, 30); !slices.Equal(first, second) {
		t.Error("the second use builds other bytes")
	}
	out, err := b.Build([]byte("before"))
	if err != nil || string(out[:6]) != "before" || !slices.Equal(View(out[6:]), first) {
		t.Errorf("Build does not append: %v", err)
	}
	b.Codec = 9
	if out, err := b.Build([]byte("before")); !errors.Is(err, compress.ErrUnknownCodec) || string(out) != "before" {
		t.Errorf("codec 9: %v", err)
	}
}
