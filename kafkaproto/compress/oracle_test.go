package compress

import (
	"bytes"
	"testing"

	"github.com/klauspost/compress/snappy"
	"github.com/twmb/franz-go/pkg/kgo"
)

func rawSnappy(data []byte) []byte { return snappy.Encode(nil, data) }

// kgo's codec numbers are Kafka's, so they are ours as well.
func kgoCompressor(t *testing.T, codec Codec) kgo.Compressor {
	t.Helper()
	c, err := kgo.DefaultCompressor([]kgo.CompressionCodec{
		kgo.NoCompression(), kgo.GzipCompression(), kgo.SnappyCompression(), kgo.Lz4Compression(), kgo.ZstdCompression(),
	}[codec])
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestFranzReadsOurs(t *testing.T) {
	var c Codecs
	defer c.Close()
	d := kgo.DefaultDecompressor()
	for name, want := range samples() {
		for _, codec := range packers {
			if codec == Snappy && len(want) == 0 {
				continue // a stream without blocks, which Java writes too, is corrupt to franz-go
			}
			packed, err := c.Compress(codec, nil, want)
			if err != nil {
				t.Fatal(err)
			}
			got, err := d.Decompress(packed, kgo.CompressionCodecType(codec))
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s %s: franz-go: %v, %d bytes of %d", codec, name, err, len(got), len(want))
			}
		}
	}
}

func TestWeReadFranz(t *testing.T) {
	var c Codecs
	defer c.Close()
	for name, want := range samples() {
		for _, codec := range packers {
			packed, used := kgoCompressor(t, codec).Compress(new(bytes.Buffer), want)
			got, err := c.Decompress(Codec(used), nil, packed, len(want))
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s %s (kgo used %d): %v, %d bytes of %d", codec, name, used, err, len(got), len(want))
			}
		}
	}
}
