package batch

import (
	"bytes"
	"fmt"
	"testing"

	"umbra/kafkaproto/compress"
)

// build makes one batch of n records, or fails the test.
func build(t testing.TB, b *Builder, n int) View {
	t.Helper()
	b.Reset()
	for i := range n {
		b.Add(record(i))
	}
	return finish(t, b)
}

func finish(t testing.TB, b *Builder) View {
	t.Helper()
	out, err := b.Build(nil)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// record is the i-th of a row in which every shape occurs: null and empty keys
// and values, headers with and without value, times that go back.
func record(i int) Record {
	r := Record{Timestamp: 1_700_000_000_000 + int64(i*7%5), Value: fmt.Appendf(nil, "value %d of a record that is not all too short", i)}
	switch i % 4 {
	case 1:
		r.Key = fmt.Appendf(nil, "key-%d", i)
	case 2:
		r.Key, r.Value = []byte{}, nil
	case 3:
		r.Headers = []Header{{[]byte("trace"), []byte("abc")}, {[]byte("null"), nil}, {[]byte{}, []byte{}}}
	}
	return r
}

// stream is what a partition may hold: every codec, producers, transactions
// with their markers, holes inside and between batches, an empty batch, a first
// offset above 0.
func stream(t testing.TB) []byte {
	t.Helper()
	var out []byte
	offset := int64(41)
	add := func(v View, gap int64) {
		v.SetBaseOffset(offset)
		v.SetLeaderEpoch(int32(3 + len(out)/2000))
		out = append(out, v...)
		offset = v.LastOffset() + 1 + gap
	}
	for codec := compress.None; codec.Valid(); codec++ {
		add(build(t, &Builder{Codec: codec}, 20), int64(codec))
	}
	add(build(t, &Builder{LogAppendTime: 1_700_000_000_999}, 3), 0)
	add(build(t, &Builder{Producer: &Producer{9, 2, 0}, Transactional: true}, 5), 0)
	add(EndTxnMarker(9, 2, true, 7, 1_700_000_001_000), 0)
	holes := Builder{LastOffset: 12}
	holes.AddAt(4, record(1))
	holes.AddAt(9, record(2))
	add(finish(t, &holes), 100)
	add(finish(t, &Builder{LastOffset: 3, Producer: &Producer{9, 2, 5}}), 0)
	add(EndTxnMarker(10, 0, false, 7, 1_700_000_002_000), 0)
	return out
}

// split walks b to its end by Next.
func split(t testing.TB, b []byte) (views []View) {
	t.Helper()
	for len(b) > 0 {
		v, rest, err := Next(b)
		if err != nil {
			t.Fatalf("batch %d: %v", len(views), err)
		}
		views = append(views, v)
		b = rest
	}
	return views
}

func clone(r Record) Record {
	r.Key, r.Value = bytes.Clone(r.Key), bytes.Clone(r.Value)
	headers := make([]Header, len(r.Headers))
	for i, h := range r.Headers {
		headers[i] = Header{bytes.Clone(h.Key), bytes.Clone(h.Value)}
	}
	r.Headers = headers
	return r
}
