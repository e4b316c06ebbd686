package compress

import (
	"bytes"
	"errors"
	"testing"
)

// Whatever the bytes, Decompress ends, keeps to its cap and leaves dst alone;
// what it can read, it can write and read again.
func FuzzDecompress(f *testing.F) {
	var seed Codecs
	for name, data := range samples() {
		if len(data) > 32<<10 {
			continue
		}
		for codec := None; codec.Valid(); codec++ {
			packed, err := seed.Compress(codec, nil, data)
			if err != nil {
				f.Fatal(name, err)
			}
			f.Add(uint8(codec), packed, 1<<16)
		}
		f.Add(uint8(Snappy), rawSnappy(data), 1<<16)
	}
	var c Codecs
	f.Fuzz(func(t *testing.T, n uint8, packed []byte, lenMax int) {
		codec := Codec(n % 6)
		lenMax &= 1<<20 - 1
		got, err := c.Decompress(codec, []byte("kept"), packed, lenMax)
		if string(got[:4]) != "kept" || len(got) > 4+lenMax {
			t.Fatalf("%s: %d bytes, cap %d", codec, len(got), lenMax)
		}
		if err != nil {
			if len(got) != 4 || !errors.Is(err, ErrTooLarge) && !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrUnknownCodec) {
				t.Fatalf("%s: %v with %d bytes", codec, err, len(got))
			}
			return
		}
		again, err := c.Compress(codec, nil, got[4:])
		if err != nil {
			t.Fatal(err)
		}
		if back, err := c.Decompress(codec, nil, again, lenMax); err != nil || !bytes.Equal(back, got[4:]) {
			t.Fatalf("%s: does not survive packing again: %v", codec, err)
		}
	})
}
