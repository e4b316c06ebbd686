package kafkaproto

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"reflect"
	"runtime/metrics"
	"testing"
)

// bodies are a few encodings of a message by the oracle.
func bodies(s subject) map[string][]byte {
	out := map[string][]byte{}
	all := fillings(s, 77)
	for _, name := range []string{"random0", "random1", "minimal0"} {
		out[name] = all[name].AppendTo(nil)
	}
	return out
}

// A message that ends early is an error wherever it ends.
func TestTruncatedMessageIsAnError(t *testing.T) {
	forEachSubject(t, func(t *testing.T, s subject) {
		for name, b := range bodies(s) {
			for n := range len(b) {
				if _, err := s.decode(s.ours(), b[:n:n]); err == nil {
					t.Fatalf("%s: %d of %d bytes decode without an error: %x", name, n, len(b), b[:n])
				}
			}
		}
	})
}

// Bytes behind the message are left, not read: the caller sees them in Left.
func TestBytesBehindMessageAreLeft(t *testing.T) {
	forEachSubject(t, func(t *testing.T, s subject) {
		for name, b := range bodies(s) {
			left, err := s.decode(s.ours(), append(bytes.Clone(b), 1, 2, 3))
			if err != nil || left != 3 {
				t.Fatalf("%s: %d bytes left, want 3; err %v", name, left, err)
			}
		}
	})
}

// A changed byte never panics, and what still decodes can be encoded.
func TestMutatedMessageNeverPanics(t *testing.T) {
	forEachSubject(t, func(t *testing.T, s subject) {
		for _, b := range bodies(s) {
			for i := range b {
				was := b[i]
				for _, x := range []byte{0, 0x7f, 0xff, was + 1, was ^ 0x80} {
					b[i] = x
					m := s.ours()
					if _, err := s.decode(m, b); err == nil {
						s.encode(m)
					}
				}
				b[i] = was
			}
		}
	})
}

// A length or count that lies, at any place of the message, costs no more
// memory than a small multiple of the message: nothing is allocated for
// elements that cannot be there.
func TestLyingLengthsDoNotAllocate(t *testing.T) {
	int32Max := binary.BigEndian.AppendUint32(nil, 1<<31-1)
	lies := [][]byte{
		int32Max,
		int32Max[:2], // int16 max, nearly
		binary.BigEndian.AppendUint32(nil, 1<<20),
		binary.AppendUvarint(nil, 1<<32-1),
		binary.AppendUvarint(nil, 1<<21),
		binary.AppendUvarint(nil, 1<<14),
	}
	forEachSubject(t, func(t *testing.T, s subject) {
		for name, b := range bodies(s) {
			limit := uint64(64*len(b) + 512<<10) // the second term is the delay of the count
			for i := range b {
				for _, lie := range lies {
					bad := bytes.Clone(b)
					copy(bad[i:], lie)
					before := heapAllocated()
					s.decode(s.ours(), bad)
					if got := heapAllocated() - before; got > limit {
						t.Fatalf("%s: %x at byte %d of %d made it allocate %d bytes", name, lie, i, len(b), got)
					}
				}
			}
		}
	})
}

// heapAllocated is the sum of bytes allocated so far. Small objects are
// counted with a delay, large ones, which are what a lie makes, at once.
func heapAllocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// Many of the smallest elements, in arrays at every depth, are not taken for a
// lie.
func TestManySmallestElements(t *testing.T) {
	forEachSubject(t, func(t *testing.T, s subject) {
		for at := range 4 {
			m := s.oracle()
			f := filler{name: "nested", at: at, rnd: rand.New(rand.NewPCG(1, 2))}
			f.fill(reflect.ValueOf(m).Elem())
			m.SetVersion(s.version)
			b := m.AppendTo(nil)
			if again := s.encode(s.mustDecode(t, b)); !bytes.Equal(again, b) {
				t.Fatalf("depth %d: encoded again\n got %x\nwant %x", at, again, b)
			}
		}
	})
}

// A big frame full of anything costs at most the multiple that honest small
// elements cost.
func TestGarbageFrameIsBounded(t *testing.T) {
	const size = 1 << 20
	garbage := map[string][]byte{
		"zeros": make([]byte, size),
		"ones":  bytes.Repeat([]byte{1}, size),
		"twos":  bytes.Repeat([]byte{2}, size),
	}
	rnd := rand.New(rand.NewPCG(1, 1))
	random := make([]byte, size)
	for i := range random {
		random[i] = byte(rnd.Uint32())
	}
	garbage["random"] = random
	honest := make([]byte, size) // a plausible count in front of the smallest elements
	binary.BigEndian.PutUint32(honest, size/8)
	garbage["counted"] = honest
	forEachSubject(t, func(t *testing.T, s subject) {
		for name, b := range garbage {
			before := heapAllocated()
			s.decode(s.ours(), b)
			if got := heapAllocated() - before; got > 32*size {
				t.Errorf("%s: %d bytes of it made it allocate %d", name, size, got)
			}
		}
	})
}

// All arrays of a message together are bounded, also when every element is
// really there.
func TestElementsAreBounded(t *testing.T) {
	w := NewWriter(nil, true)
	w.ArrayLen(elementsMax + 1)
	full := append(w.Bytes(), bytes.Repeat([]byte{1}, elementsMax+1)...)
	r := NewReader(full, true)
	if got := r.Strings(); got != nil || r.Err() == nil {
		t.Fatalf("%d elements, err %v", len(got), r.Err())
	}
	r = NewReader(full, true)
	w = NewWriter(nil, true)
	w.ArrayLen(elementsMax / 2)
	half := append(w.Bytes(), bytes.Repeat([]byte{1}, elementsMax/2)...)
	r = NewReader(bytes.Repeat(half, 3), true)
	for i := range 3 {
		n := len(r.Strings())
		if want := i < 2; (r.Err() == nil) != want || (n > 0) != want {
			t.Fatalf("array %d: %d elements, err %v", i, n, r.Err())
		}
	}
}

// Every API of the table has its two messages, and nothing else has.
func TestTableAndMessagesAgree(t *testing.T) {
	for key := int16(-1); key < 200; key++ {
		api, ok := Lookup(key)
		if has := NewRequest(key) != nil; has != ok {
			t.Errorf("key %d (%s): in the table %v, request codec %v", key, api.Name, ok, has)
		}
		if has := NewResponse(key) != nil; has != ok {
			t.Errorf("key %d (%s): in the table %v, response codec %v", key, api.Name, ok, has)
		}
	}
}

func TestTableIsSane(t *testing.T) {
	last := int16(-1)
	for _, a := range APIs() {
		if a.Key <= last {
			t.Errorf("%s: key %d after %d", a.Name, a.Key, last)
		}
		last = a.Key
		if a.Name == "" || a.Min > a.Max || a.AdvertisedMin > a.Min || a.AdvertisedMin < 0 {
			t.Errorf("row %+v", a)
		}
		if !a.Supports(a.Min) || !a.Supports(a.Max) || a.Supports(a.Min-1) || a.Supports(a.Max+1) {
			t.Errorf("%s: Supports does not fit %d..%d", a.Name, a.Min, a.Max)
		}
	}
	if _, ok := Lookup(9999); ok {
		t.Error("key 9999 is in the table")
	}
}
