package batch

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"pgregory.net/rapid"

	"umbra/kafkaproto/compress"
)

// drawRecords draws n records of every shape.
func drawRecords(t *rapid.T, n int) (out []Record) {
	null := rapid.SliceOfN(rapid.Byte(), 0, 40)
	maybe := func(label string) []byte {
		if rapid.IntRange(0, 3).Draw(t, label+" null") == 0 {
			return nil
		}
		return null.Draw(t, label)
	}
	for range n {
		r := Record{Timestamp: rapid.Int64Range(0, 1<<42).Draw(t, "time"), Key: maybe("key"), Value: maybe("value")}
		for range rapid.IntRange(0, 2).Draw(t, "headers") {
			r.Headers = append(r.Headers, Header{[]byte(rapid.StringN(0, 5, 20).Draw(t, "header")), maybe("header value")})
		}
		out = append(out, r)
	}
	return out
}

func fromFranz(k *kgo.Record) Record {
	r := Record{Key: k.Key, Value: k.Value, Offset: k.Offset, Timestamp: k.Timestamp.UnixMilli()}
	for _, h := range k.Headers {
		r.Headers = append(r.Headers, Header{[]byte(h.Key), h.Value})
	}
	return r
}

func compare(t *rapid.T, want, got Record) {
	t.Helper()
	want.OffsetDelta, got.OffsetDelta = 0, 0
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("record at %d (-written +read):\n%s", want.Offset, diff)
	}
	if (want.Key == nil) != (got.Key == nil) || (want.Value == nil) != (got.Value == nil) {
		t.Fatalf("record at %d: null and empty are mixed up", want.Offset)
	}
}

// What Builder writes, franz-go's consumer reads: CRC, codec, records and all.
func TestFranzReadsBuilder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := Builder{
			BaseOffset:  rapid.Int64Range(0, 1<<40).Draw(t, "base offset"),
			LeaderEpoch: rapid.Int32Range(0, 100).Draw(t, "leader epoch"),
			Codec:       compress.Codec(rapid.IntRange(0, 4).Draw(t, "codec")),
			Producer:    &Producer{rapid.Int64Range(0, 1<<40).Draw(t, "producer"), 3, 17},
		}
		in := drawRecords(t, rapid.IntRange(1, 12).Draw(t, "records"))
		for i := range in {
			in[i].Offset = b.BaseOffset + int64(i)
			b.Add(in[i])
		}
		out, err := b.Build(nil)
		if err != nil {
			t.Fatal(err)
		}
		resp := kmsg.NewFetchResponseTopicPartition()
		resp.RecordBatches = out
		got, next := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{Offset: b.BaseOffset}, &resp, kgo.DefaultDecompressor(), nil)
		if got.Err != nil || len(got.Records) != len(in) || next != b.BaseOffset+int64(len(in)) {
			t.Fatalf("franz-go: %v, %d records of %d, next %d", got.Err, len(got.Records), len(in), next)
		}
		for i, k := range got.Records {
			if k.ProducerID != b.Producer.ID || k.ProducerEpoch != 3 || k.LeaderEpoch != b.LeaderEpoch || k.Offset != in[i].Offset {
				t.Fatalf("record %d: %+v", i, k)
			}
			compare(t, in[i], fromFranz(k))
		}
	})
}

// What franz-go writes, we read: the head through kmsg's codec, the records
// through its record codec and its coders.
func TestWeReadFranz(t *testing.T) {
	compressors := make([]kgo.Compressor, 5)
	for i, c := range []kgo.CompressionCodec{kgo.NoCompression(), kgo.GzipCompression(), kgo.SnappyCompression(), kgo.Lz4Compression(), kgo.ZstdCompression()} {
		var err error
		if compressors[i], err = kgo.DefaultCompressor(c); err != nil {
			t.Fatal(err)
		}
	}
	var s Scratch
	rapid.Check(t, func(t *rapid.T) {
		in := drawRecords(t, rapid.IntRange(1, 12).Draw(t, "records"))
		var body []byte
		for i, r := range in {
			body = appendKmsgRecord(body, int32(i), r.Timestamp-in[0].Timestamp, r)
		}
		codec := rapid.IntRange(0, 4).Draw(t, "codec")
		used := kgo.CompressionCodecType(0)
		if codec > 0 {
			body, used = compressors[codec].Compress(new(bytes.Buffer), body)
		}
		k := kmsg.RecordBatch{
			FirstOffset: rapid.Int64Range(0, 1<<50).Draw(t, "base offset"), Length: int32(HeadSize - LogOverhead + len(body)),
			PartitionLeaderEpoch: rapid.Int32Range(-1, 9).Draw(t, "leader epoch"), Magic: 2, Attributes: int16(used) | 1<<4,
			LastOffsetDelta: int32(len(in) - 1), FirstTimestamp: in[0].Timestamp, MaxTimestamp: in[0].Timestamp + 5,
			ProducerID: 12, ProducerEpoch: 3, FirstSequence: 99, NumRecords: int32(len(in)), Records: body,
		}
		v := View(k.AppendTo(nil))
		v.seal()
		if err := v.Validate(); err != nil {
			t.Fatal(err)
		}
		want := Head{0, len(v), k.FirstOffset, k.FirstOffset + int64(k.LastOffsetDelta), k.MaxTimestamp, 12, k.PartitionLeaderEpoch, 99, k.NumRecords, 3, Attributes(k.Attributes)}
		if h := v.Head(0); h != want {
			t.Fatalf("head %+v, want %+v", h, want)
		}
		i := 0
		if err := Each(v, &s, func(r Record) error {
			want := in[i]
			want.Offset = k.FirstOffset + int64(i)
			compare(t, want, r)
			i++
			return nil
		}); err != nil || i != len(in) {
			t.Fatalf("%v after %d records of %d", err, i, len(in))
		}
	})
}

func appendKmsgRecord(dst []byte, delta int32, timeDelta int64, r Record) []byte {
	k := kmsg.Record{TimestampDelta64: timeDelta, OffsetDelta: delta, Key: r.Key, Value: r.Value}
	for _, h := range r.Headers {
		k.Headers = append(k.Headers, kmsg.Header{Key: string(h.Key), Value: h.Value})
	}
	// Length counts what follows it; with length 0 it takes one byte.
	k.Length = int32(len(k.AppendTo(nil)) - 1)
	return k.AppendTo(dst)
}
