package segment

import (
	"errors"
	"math/rand/v2"
	"reflect"
	"testing"

	"umbra/kafkaproto/batch"
)

func headOf(base, last int64, size int, ts int64) batch.Head {
	return batch.Head{BaseOffset: base, LastOffset: last, Size: size, MaxTimestamp: ts, ProducerID: -1, Count: 1}
}

// Looking up any offset and any time in an index of any density ends at the
// right batch after a walk.
func TestIndexFinds(t *testing.T) {
	for _, interval := range []int{1, 100, 1000, 1 << 20} {
		rnd := rand.New(rand.NewPCG(1, uint64(interval)))
		s := &segment{summary: emptySummary(1000), idx: &index{base: 1000, interval: interval}}
		type at struct {
			pos int64
			h   batch.Head
		}
		var all []at
		base := int64(1000)
		for range 200 {
			h := headOf(base, base+rnd.Int64N(5), 61+rnd.IntN(300), rnd.Int64N(1000))
			all = append(all, at{s.size, h})
			s.add(&h)
			base = h.LastOffset + 1 + rnd.Int64N(3)
		}
		idx, sum, err := decodeIndex(encodeIndex(s.idx, &s.summary))
		if err != nil || sum != s.summary || !reflect.DeepEqual(idx, s.idx) {
			t.Fatalf("round trip: %v", err)
		}
		walkFrom := func(pos int64, is func(batch.Head) bool) int64 {
			for _, a := range all {
				if a.pos >= pos && is(a.h) {
					return a.pos
				}
			}
			return -1
		}
		for offset := int64(1000); offset < base+2; offset++ {
			is := func(h batch.Head) bool { return h.LastOffset >= offset }
			if got, want := walkFrom(idx.find(offset), is), walkFrom(0, is); got != want {
				t.Fatalf("interval %d: offset %d is found at %d, want %d", interval, offset, got, want)
			}
		}
		for ts := int64(-1); ts < 1002; ts++ {
			is := func(h batch.Head) bool { return h.MaxTimestamp >= ts }
			got := int64(-1)
			if pos, ok := idx.findTime(ts); ok {
				got = walkFrom(pos, is)
			}
			if want := walkFrom(0, is); got != want {
				t.Fatalf("interval %d: time %d is found at %d, want %d", interval, ts, got, want)
			}
		}
	}
}

// Every single bit of a sidecar is under a checksum.
func TestIndexRefusesEveryFlippedBit(t *testing.T) {
	s := &segment{summary: emptySummary(3), idx: &index{base: 3, interval: 1}}
	for i := range int64(4) {
		h := headOf(3+i, 3+i, 100, i)
		s.add(&h)
	}
	b := encodeIndex(s.idx, &s.summary)
	for bit := range len(b) * 8 {
		b[bit/8] ^= 1 << (bit % 8)
		if _, _, err := decodeIndex(b); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("bit %d flipped: %v", bit, err)
		}
		b[bit/8] ^= 1 << (bit % 8)
	}
	for n := range b {
		if _, _, err := decodeIndex(b[:n]); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("cut to %d bytes: %v", n, err)
		}
	}
}

func TestMetaRoundTrip(t *testing.T) {
	m := meta{id: Identity{Topic: [16]byte{9, 8}, Index: 3}, resetting: true, start: 5, floor: floor{offset: 9, base: 5, pos: 77}}
	b := m.encode()
	got, err := decodeMeta(b)
	if err != nil || got != m {
		t.Fatalf("%+v, %v; want %+v", got, err, m)
	}
	for i := range b {
		b[i] ^= 4
		if _, err := decodeMeta(b); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("byte %d changed: %v", i, err)
		}
		b[i] ^= 4
	}
}
