package batch

import (
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func heads(views []View) (out []Head) {
	pos := 0
	for _, v := range views {
		out = append(out, v.Head(pos))
		pos += len(v)
	}
	return out
}

// Wherever the socket cuts the stream, the outcome is that of the whole.
func TestVerifierResumesAtAnyCut(t *testing.T) {
	all := stream(t)
	want := heads(split(t, all))
	var v Verifier
	rapid.Check(t, func(t *rapid.T) {
		v.Reset(41)
		for at := 0; at < len(all); {
			step := rapid.OneOf(rapid.IntRange(1, 3), rapid.IntRange(1, 80), rapid.IntRange(1, len(all))).Draw(t, "step")
			at = min(at+step, len(all))
			if err := v.Feed(all[:at]); err != nil {
				t.Fatalf("at %d: %v", at, err)
			}
			complete := 0
			for _, h := range want {
				if h.Pos+h.Size <= at {
					complete = h.Pos + h.Size
				}
			}
			if v.Valid() != complete {
				t.Fatalf("at %d: %d bytes valid, want %d", at, v.Valid(), complete)
			}
		}
		if diff := cmp.Diff(want, v.Batches()); diff != "" {
			t.Fatalf("heads (-Next +Verifier):\n%s", diff)
		}
		if v.EpochDrop() != -1 || v.Pending() != 0 {
			t.Fatalf("epoch drop %d, pending %d", v.EpochDrop(), v.Pending())
		}
	})
}

// One flipped bit anywhere is noticed, unless it lies in the two fields that
// no checksum covers, and what came before it stays valid.
func TestVerifierNoticesEveryFlippedBit(t *testing.T) {
	b := Builder{BaseOffset: 10}
	good := build(t, &b, 2)
	b.BaseOffset = 12
	all := slices.Concat(good, build(t, &b, 3))
	var v Verifier
	for bit := len(good) * 8; bit < len(all)*8; bit++ {
		bad := slices.Clone(all)
		bad[bit/8] ^= 1 << (bit % 8)
		v.Reset(10)
		err := v.Feed(bad)
		in := bit/8 - len(good)
		switch free := in < posLength || in >= posLeaderEpoch && in < posMagic; {
		case err == nil && !free && v.Pending() == 0:
			t.Fatalf("bit %d of byte %d of the batch: not noticed", bit%8, in)
		case err != nil && (v.Valid() != len(good) || len(v.Batches()) != 1):
			t.Fatalf("bit %d: %v, and %d bytes valid, want %d", bit, err, v.Valid(), len(good))
		case err != nil && v.Feed(bad) != err:
			t.Fatalf("bit %d: the error does not stick", bit)
		}
	}
}

func TestVerifierNamesTheBrokenRule(t *testing.T) {
	for _, d := range damages() {
		b := Builder{BaseOffset: 3}
		bad := build(t, &b, 3)
		d.apply(bad)
		// Heads are refused before the body is here, so no CRC is needed.
		var v Verifier
		v.Reset(0)
		if err := v.Feed(bad[:HeadSize]); reasonOf(err) != d.want {
			t.Errorf("%s: %v, want %q", d.name, err, d.want)
		}
	}
}

func TestVerifierKeepsOrder(t *testing.T) {
	at := func(base int64, n int) []byte { return build(t, &Builder{BaseOffset: base}, n) }
	check := func(name string, expected int64, want Reason, batches ...[]byte) {
		t.Helper()
		var v Verifier
		v.Reset(expected)
		if err := v.Feed(slices.Concat(batches...)); reasonOf(err) != want || (err == nil) != (want == "") {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
	check("in a row", 5, "", at(5, 3), at(8, 2))
	check("a gap", 5, "", at(9, 3), at(100, 2))
	check("first batch holds the offset asked for", 7, "", at(5, 3), at(8, 2))
	check("first batch ends below", 8, ReasonStale, at(5, 3), at(8, 2))
	check("going back", 5, ReasonOrder, at(8, 2), at(5, 3))
	check("overlapping by one", 5, ReasonOrder, at(5, 3), at(7, 2))
	check("twice the same", 5, ReasonOrder, at(5, 3), at(5, 3))
}

func TestVerifierReportsEpochDrop(t *testing.T) {
	at := func(base int64, epoch int32) []byte {
		return build(t, &Builder{BaseOffset: base, LeaderEpoch: epoch}, 1)
	}
	drop := func(after int32, epochs ...int32) int {
		t.Helper()
		var v Verifier
		v.Reset(0)
		v.After(after)
		var all []byte
		for i, e := range epochs {
			all = append(all, at(int64(i), e)...)
		}
		if err := v.Feed(all); err != nil {
			t.Fatalf("epochs %v: %v, want data as usual", epochs, err)
		}
		return v.EpochDrop()
	}
	check := func(got, want int) {
		t.Helper()
		if got != want {
			t.Errorf("epoch drop at %d, want %d", got, want)
		}
	}
	check(drop(-1, 1, 1, 2, 7), -1)
	check(drop(-1, 3, 2, 1), 1)
	check(drop(5, 4), 0)
	check(drop(5, 5, 6, -1, 6), -1)
	check(drop(5, 5, 6, -1, 5), 3)
}

func TestVerifierBoundsTheSize(t *testing.T) {
	v := Verifier{SizeMax: 1000}
	b := build(t, new(Builder), 1)
	binary.BigEndian.PutUint32(b[posLength:], 1000-LogOverhead)
	v.Reset(0)
	if err := v.Feed(b[:20]); err != nil || v.Pending() != 1000 {
		t.Errorf("1000 bytes: %v, pending %d", err, v.Pending())
	}
	binary.BigEndian.PutUint32(b[posLength:], 1001-LogOverhead)
	v.Reset(0)
	if err := v.Feed(b[:12]); reasonOf(err) != ReasonLength {
		t.Errorf("1001 bytes: %v", err)
	}
	if v.SizeMax != 1000 {
		t.Errorf("Reset lost the limit: %d", v.SizeMax)
	}
}

func TestVerifierPanicsWhenBytesGoAway(t *testing.T) {
	var v Verifier
	v.Reset(0)
	all := stream(t)
	if err := v.Feed(all); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if recover() == nil {
			t.Error("a shrinking buffer went unnoticed")
		}
	}()
	_ = v.Feed(all[:100])
}

func TestVerifierAllocatesNothing(t *testing.T) {
	all := stream(t)
	var v Verifier
	if n := testing.AllocsPerRun(50, func() {
		v.Reset(41)
		for at := 0; at <= len(all); at += 97 {
			if err := v.Feed(all[:at]); err != nil {
				t.Fatal(err)
			}
		}
	}); n != 0 {
		t.Errorf("%v allocations per records field, want 0", n)
	}
}

func TestErrorsTellApart(t *testing.T) {
	var corrupt ErrCorrupt
	err := error(ErrCorrupt{81, 7, ReasonCRC, 1, 2})
	if !errors.As(err, &corrupt) || errors.Is(err, ErrCutShort) || errors.Is(err, ErrOldMagic) {
		t.Fatal("errors run together")
	}
	if got, want := err.Error(), "record batch at offset 81 (byte 7): CRC-32C does not match: is 1, want 2"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	unpack := ErrCorrupt{Offset: 81, Reason: ReasonUnpack}
	if got, want := unpack.Error(), "record batch at offset 81 (byte 0): records do not decompress"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
