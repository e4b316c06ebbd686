package crc32c

import (
	"hash/crc32"
	"math/rand/v2"
	"testing"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Any length, any address, any beginning: the standard library is the truth.
func TestUpdate(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, 70_000)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	f := func(n, off int, crc uint32) {
		t.Helper()
		if got, want := Update(crc, b[off:off+n]), crc32.Update(crc, castagnoli, b[off:off+n]); got != want {
			t.Fatalf("%d bytes at %d after %08x: got %08x, want %08x", n, off, crc, got, want)
		}
	}
	for n := range 3000 {
		f(n, n%67, r.Uint32())
	}
	for range 2000 {
		n := r.IntN(60_000)
		f(n, r.IntN(len(b)-n), r.Uint32())
	}
	for _, fill := range []byte{0, 0xff} {
		for i := range b {
			b[i] = fill
		}
		f(65_536, 0, 0)
		f(65_535, 3, 0xffffffff)
	}
	if Sum([]byte("123456789")) != 0xe3069283 { // the check value of the catalogue of CRCs
		t.Error("not CRC-32C")
	}
}

func FuzzUpdate(f *testing.F) {
	f.Add(make([]byte, 2048), uint32(0), uint8(1))
	f.Fuzz(func(t *testing.T, p []byte, crc uint32, cut uint8) {
		n := len(p) * int(cut) / 255
		if got, want := Update(Update(crc, p[:n]), p[n:]), crc32.Update(crc, castagnoli, p); got != want {
			t.Fatalf("got %08x, want %08x", got, want)
		}
	})
}

func BenchmarkUpdate(b *testing.B) {
	p := make([]byte, 256<<10)
	b.SetBytes(int64(len(p)))
	for b.Loop() {
		Update(0, p)
	}
}

func BenchmarkStandardLibrary(b *testing.B) {
	p := make([]byte, 256<<10)
	b.SetBytes(int64(len(p)))
	for b.Loop() {
		crc32.Update(0, castagnoli, p)
	}
}
