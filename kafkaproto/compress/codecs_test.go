package compress

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
)

var packers = []Codec{Gzip, Snappy, LZ4, Zstd}

// samples are the shapes that coders treat differently: nothing, one byte,
// text, noise, a long run, and more than one block of any of them.
func samples() map[string][]byte {
	noise := make([]byte, 200<<10)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range noise {
		noise[i] = byte(rng.Uint32())
	}
	return map[string][]byte{
		"empty": {},
		"byte":  {7},
		"text":  []byte(strings.Repeat("a record of the orders topic, ", 300)),
		"noise": noise,
		"run":   bytes.Repeat([]byte{'x'}, 1<<20),
		"mixed": append(bytes.Repeat([]byte("ab"), 100<<10), noise...),
	}
}

func TestRoundTripAppends(t *testing.T) {
	var c Codecs
	defer c.Close()
	for name, want := range samples() {
		for codec := None; codec.Valid(); codec++ {
			packed, err := c.Compress(codec, []byte("head"), want)
			if err != nil {
				t.Fatalf("%s %s: %v", codec, name, err)
			}
			if string(packed[:4]) != "head" {
				t.Fatalf("%s %s: what was in dst is gone", codec, name)
			}
			got, err := c.Decompress(codec, []byte("kept"), packed[4:], len(want))
			if err != nil {
				t.Fatalf("%s %s: %v", codec, name, err)
			}
			if string(got[:4]) != "kept" || !bytes.Equal(got[4:], want) {
				t.Fatalf("%s %s: round trip of %d bytes gave %d", codec, name, len(want), len(got)-4)
			}
		}
	}
}

func TestDecompressStopsAtCap(t *testing.T) {
	var c Codecs
	defer c.Close()
	for name, data := range samples() {
		if len(data) == 0 {
			continue
		}
		for codec := None; codec.Valid(); codec++ {
			packed, err := c.Compress(codec, nil, data)
			if err != nil {
				t.Fatal(err)
			}
			for _, lenMax := range []int{len(data) - 1, len(data) / 2, 0, -5} {
				got, err := c.Decompress(codec, []byte("kept"), packed, lenMax)
				if !errors.Is(err, ErrTooLarge) {
					t.Fatalf("%s %s: cap %d of %d bytes: err %v, want ErrTooLarge", codec, name, lenMax, len(data), err)
				}
				if string(got) != "kept" {
					t.Fatalf("%s %s: dst holds %d bytes after an error", codec, name, len(got))
				}
			}
		}
	}
}

// A coder that failed must not carry anything into its next use.
func TestCodersRecoverFromGarbage(t *testing.T) {
	var c Codecs
	defer c.Close()
	want := samples()["text"]
	for _, codec := range packers {
		packed, err := c.Compress(codec, nil, want)
		if err != nil {
			t.Fatal(err)
		}
		for cut := range 40 {
			bad := bytes.Clone(packed[:len(packed)-1-cut])
			if _, err := c.Decompress(codec, nil, bad, 1<<20); err == nil {
				t.Fatalf("%s: %d bytes cut off the end went unnoticed", codec, cut+1)
			} else if !errors.Is(err, ErrCorrupt) {
				t.Fatalf("%s: cut data: err %v, want ErrCorrupt", codec, err)
			}
			got, err := c.Decompress(codec, nil, packed, 1<<20)
			if err != nil || !bytes.Equal(got, want) {
				t.Fatalf("%s: after garbage: %v", codec, err)
			}
		}
	}
}

func TestSnappyReadsBothForms(t *testing.T) {
	var c Codecs
	want := samples()["mixed"]
	xerial, err := c.Compress(Snappy, nil, want)
	if err != nil {
		t.Fatal(err)
	}
	read := func(form string, packed, want []byte) {
		t.Helper()
		got, err := c.Decompress(Snappy, nil, packed, len(want))
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%s: %v, %d bytes of %d", form, err, len(got), len(want))
		}
	}
	if !isXerial(xerial) {
		t.Fatalf("writes % x, want the framing of the Java client", xerial[:16])
	}
	read("xerial", xerial, want)
	read("xerial twice", append(bytes.Clone(xerial), xerial...), append(bytes.Clone(want), want...))
	read("xerial, no block", []byte(xerialHead), nil)
	read("raw", rawSnappy(want), want)
}

func TestSnappyRefusesLies(t *testing.T) {
	var c Codecs
	refuse := func(what string, packed []byte) {
		t.Helper()
		if _, err := c.Decompress(Snappy, nil, packed, 1<<30); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: err %v, want ErrCorrupt", what, err)
		}
	}
	refuse("a block that claims 256 MiB", []byte{0x80, 0x80, 0x80, 0x80, 0x01, 0x00})
	refuse("a frame longer than what is left", []byte(xerialHead+"\x00\x00\x00\x09abc"))
	refuse("a negative frame", []byte(xerialHead+"\xff\xff\xff\xffabc"))
	refuse("bytes behind the last frame", []byte(xerialHead+"ab"))
}

func TestParseKnowsKafkasNames(t *testing.T) {
	for c := None; c.Valid(); c++ {
		if got, err := Parse(c.String()); err != nil || got != c {
			t.Errorf("Parse(%q) = %v, %v", c.String(), got, err)
		}
	}
	if c, err := Parse("uncompressed"); err != nil || c != None {
		t.Errorf("uncompressed: %v, %v", c, err)
	}
	if _, err := Parse("brotli"); !errors.Is(err, ErrUnknownCodec) {
		t.Errorf("brotli: %v, want ErrUnknownCodec", err)
	}
	var c Codecs
	if _, err := c.Decompress(Codec(6), nil, []byte{1}, 10); !errors.Is(err, ErrUnknownCodec) {
		t.Errorf("codec 6: %v, want ErrUnknownCodec", err)
	}
	if _, err := c.Compress(Codec(6), nil, []byte{1}); !errors.Is(err, ErrUnknownCodec) {
		t.Errorf("codec 6: %v, want ErrUnknownCodec", err)
	}
}

func TestUnpackingReusesRoom(t *testing.T) {
	var c Codecs
	defer c.Close()
	data := samples()["text"]
	for codec := None; codec.Valid(); codec++ {
		packed, err := c.Compress(codec, nil, data)
		if err != nil {
			t.Fatal(err)
		}
		out := make([]byte, 0, len(data)+1)
		// gzip and lz4 make a few small values per stream; none grows with the data.
		if n := testing.AllocsPerRun(50, func() { _, err = c.Decompress(codec, out, packed, len(data)) }); n > 4 || err != nil {
			t.Errorf("%s: %v allocations to unpack into re-used room, err %v", codec, n, err)
		}
	}
}
