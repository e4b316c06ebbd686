package batch

import (
	"fmt"
	"testing"
)

// The question: what does the Verifier cost above the CRC-32C it cannot do
// without? Compare with BenchmarkCRCAlone of the same size. Data arrives in
// pieces of 64 KiB, as a socket delivers it; it stays in the cache, as it does
// on a loop that verifies what it just received.
func BenchmarkVerifier(b *testing.B) {
	for _, size := range []int{1 << 10, 64 << 10, 1 << 20} {
		b.Run(label(size), func(b *testing.B) {
			all := batchesOf(b, size)
			var v Verifier
			b.SetBytes(int64(len(all)))
			b.ReportAllocs()
			for b.Loop() {
				v.Reset(0)
				for at := 0; at < len(all); {
					at = min(at+piece, len(all))
					if err := v.Feed(all[:at]); err != nil {
						b.Fatal(err)
					}
				}
				if v.Valid() != len(all) {
					b.Fatalf("%d bytes valid of %d", v.Valid(), len(all))
				}
			}
		})
	}
}

func BenchmarkCRCAlone(b *testing.B) {
	for _, size := range []int{1 << 10, 64 << 10, 1 << 20} {
		b.Run(label(size), func(b *testing.B) {
			all := batchesOf(b, size)
			b.SetBytes(int64(len(all)))
			b.ReportAllocs()
			sum := uint32(0)
			for b.Loop() {
				for at := 0; at < len(all); at += size {
					sum ^= View(all[at : at+size]).sum()
				}
			}
			sink = sum
		})
	}
}

// The question: what does a look into the records cost, for a time look-up or
// for checking what a client produced?
func BenchmarkEach(b *testing.B) {
	var builder Builder
	v := build(b, &builder, 1000)
	var s Scratch
	b.SetBytes(int64(len(v)))
	b.ReportAllocs()
	for b.Loop() {
		if err := Each(v, &s, nothing); err != nil {
			b.Fatal(err)
		}
	}
}

const piece = 64 << 10

// sink keeps the compiler from dropping what nobody reads.
var sink uint32

func label(size int) string { return fmt.Sprintf("batch=%dKiB", size>>10) }

// batchesOf is 1 MiB of batches of exactly size bytes.
func batchesOf(b testing.TB, size int) (all []byte) {
	b.Helper()
	for n := int64(0); len(all) < 1<<20; n++ {
		builder := Builder{BaseOffset: n}
		value := make([]byte, size-HeadSize)
		for builder.Len() != size {
			value = value[:len(value)-max(builder.Len()-size, 0)]
			builder.Reset()
			builder.Add(Record{Value: value})
		}
		all = append(all, finish(b, &builder)...)
	}
	return all
}
