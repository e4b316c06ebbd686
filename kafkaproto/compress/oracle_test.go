package compress

import (
	"bytes"
	"errors"
	"runtime"
	"testing"

	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
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

// Java and librdkafka pack zstd as a stream, which does not say how long its
// data is and, at high levels, asks for a window larger than the data.
func TestZstdStreams(t *testing.T) {
	var c Codecs
	defer c.Close()
	for name, want := range samples() {
		windows := []int{1 << 10, 8 << 20}
		if name == "text" { // its writer needs several times the window
			windows = append(windows, zstdWindowMax)
		}
		for _, window := range windows {
			var packed bytes.Buffer
			w, err := zstd.NewWriter(&packed, zstd.WithWindowSize(window), zstd.WithZeroFrames(true))
			if err != nil {
				t.Fatal(err)
			}
			for rest := want; len(rest) > 0; {
				n := min(len(rest), 10_000)
				if _, err := w.Write(rest[:n]); err != nil {
					t.Fatal(err)
				}
				rest = rest[n:]
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			for _, room := range []int{0, 100, len(want)} {
				got, err := c.Decompress(Zstd, make([]byte, 0, room), packed.Bytes(), len(want))
				if err != nil || !bytes.Equal(got, want) {
					t.Errorf("%s, window %d, room %d: %v, %d bytes of %d", name, window, room, err, len(got), len(want))
				}
			}
			if len(want) == 0 {
				continue
			}
			if _, err := c.Decompress(Zstd, nil, packed.Bytes(), len(want)-1); !errors.Is(err, ErrTooLarge) {
				t.Errorf("%s, window %d, one byte too long: %v", name, window, err)
			}
		}
	}
}

// 128 KiB per four bytes: the cap must hold before memory is gone.
func TestZstdBomb(t *testing.T) {
	bomb := []byte{0x28, 0xb5, 0x2f, 0xfd, 0, 0x88} // magic, no flags, a window of 128 MiB
	for range 100_000 {
		bomb = append(bomb, 0x02, 0x00, 0x10, 'x') // RLE block of 128 KiB
	}
	var c Codecs
	defer c.Close()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := c.Decompress(Zstd, nil, bomb, 1<<20); !errors.Is(err, ErrTooLarge) {
		t.Errorf("12 GiB: %v, want ErrTooLarge", err)
	}
	runtime.ReadMemStats(&after)
	if spent := after.TotalAlloc - before.TotalAlloc; spent > 1<<30 {
		t.Errorf("%d MiB allocated for it in all", spent>>20)
	}
}
