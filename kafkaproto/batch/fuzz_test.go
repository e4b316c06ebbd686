package batch

import (
	"errors"
	"testing"
)

func seeds(f *testing.F) [][]byte {
	f.Helper()
	all := stream(f)
	out := [][]byte{all[:len(all)/4]}
	for _, v := range append(split(f, all), split(f, golden(f, "kafka.batches"))...) {
		if len(v) < 500 { // long seeds make the fuzzer spend its time on shortening them
			out = append(out, v)
		}
	}
	return out
}

func known(err error) bool {
	var corrupt ErrCorrupt
	return errors.Is(err, ErrCutShort) || errors.Is(err, ErrOldMagic) || errors.As(err, &corrupt)
}

// Next and everything that may be called on what it and Validate let through.
func FuzzNext(f *testing.F) {
	for _, b := range seeds(f) {
		f.Add(b)
	}
	s := Scratch{UnpackMax: 1 << 20}
	f.Fuzz(func(t *testing.T, b []byte) {
		for rest := b; len(rest) > 0; {
			v, after, err := Next(rest)
			if err != nil {
				if !known(err) || len(after) != len(rest) {
					t.Fatalf("%v, %d bytes left of %d", err, len(after), len(rest))
				}
				return
			}
			if len(v) != v.Size() || len(v)+len(after) != len(rest) || len(v) < HeadSize {
				t.Fatalf("batch of %d bytes, says %d, %d left of %d", len(v), v.Size(), len(after), len(rest))
			}
			rest = after
			if err := v.Validate(); err != nil {
				if !known(err) {
					t.Fatal(err)
				}
				continue
			}
			useBatch(t, v, &s)
		}
	})
}

func useBatch(t *testing.T, v View, s *Scratch) {
	v.Marker()
	last, n := int64(-1), int32(0)
	err := Each(v, s, func(r Record) error {
		if r.Offset <= last || r.Offset < v.BaseOffset() || r.Offset > v.LastOffset() {
			t.Fatalf("record at %d after %d in batch %d..%d", r.Offset, last, v.BaseOffset(), v.LastOffset())
		}
		last = r.Offset
		n++
		return nil
	})
	if err == nil && n != v.Count() {
		t.Fatalf("%d records, head says %d", n, v.Count())
	}
	if err != nil && !known(err) {
		t.Fatal(err)
	}
}

// The Verifier, fed in two cuts, against the plain way: Next, Validate, CheckCRC
// and the order of offsets.
func FuzzVerifier(f *testing.F) {
	for _, b := range seeds(f) {
		f.Add(b, uint16(len(b)/3), uint16(len(b)/2), false)
		f.Add(b, uint16(5), uint16(60), true)
	}
	var v Verifier
	f.Fuzz(func(t *testing.T, b []byte, first, second uint16, reseal bool) {
		if reseal { // so that mutated heads and bodies get past the CRC
			for rest := b; len(rest) > 0; {
				one, after, err := Next(rest)
				if err != nil {
					break
				}
				one.seal()
				rest = after
			}
		}
		v.Reset(0)
		a := min(int(first), len(b))
		c := max(a, min(int(second), len(b)))
		_ = v.Feed(b[:a])
		_ = v.Feed(b[:c])
		err := v.Feed(b)
		want, bad := plain(b)
		if len(v.Batches()) != len(want) || v.Valid() != size(want) {
			t.Fatalf("%d batches in %d bytes, want %d in %d; %v", len(v.Batches()), v.Valid(), len(want), size(want), err)
		}
		for i, h := range v.Batches() {
			if h != want[i] {
				t.Fatalf("batch %d: %+v, want %+v", i, h, want[i])
			}
		}
		// The Verifier may refuse a batch before all of it is here.
		if bad && err == nil {
			t.Fatalf("took what is broken at byte %d", v.Valid())
		}
		if err != nil && !known(err) {
			t.Fatal(err)
		}
	})
}

func size(heads []Head) int {
	if len(heads) == 0 {
		return 0
	}
	last := heads[len(heads)-1]
	return last.Pos + last.Size
}

// plain is the verifier written the obvious way; bad says that what follows
// the heads is broken, not only cut.
func plain(b []byte) (heads []Head, bad bool) {
	next := int64(0)
	for pos := 0; pos < len(b); {
		v, _, err := Next(b[pos:])
		if err != nil {
			return heads, !errors.Is(err, ErrCutShort)
		}
		if v.Validate() != nil || !v.CheckCRC() || v.BaseOffset() < next || len(v) > SizeMaxDefault {
			return heads, true
		}
		heads = append(heads, v.Head(pos))
		next = v.LastOffset() + 1
		pos += len(v)
	}
	return heads, false
}
