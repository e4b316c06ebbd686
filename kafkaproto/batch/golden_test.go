package batch

import (
	"bytes"
	"flag"
	"fmt"
	"hash/crc32"
	"os"
	"strings"
	"testing"

	"umbra/kafkaproto/compress"
)

// testdata holds two files of batches, one written by Apache Kafka's code and
// one by Builder, and beside each what Apache Kafka's code reads in it
// (Golden.java says how). We must read the same.
func TestGoldenBatchesReadAsKafkaReadsThem(t *testing.T) {
	for _, name := range []string{"kafka", "umbra"} {
		want, got := string(golden(t, name+".txt")), list(t, golden(t, name+".batches"))
		if got == want {
			continue
		}
		wantLines, gotLines := strings.Split(want, "\n"), strings.Split(got, "\n")
		for i := range min(len(wantLines), len(gotLines)) {
			if wantLines[i] != gotLines[i] {
				t.Errorf("%s, line %d:\nKafka: %s\nours:  %s", name, i+1, wantLines[i], gotLines[i])
			}
		}
		t.Errorf("%s: %d lines, Kafka has %d", name, len(gotLines), len(wantLines))
	}
}

// Builder must go on writing what Kafka was shown; packed bytes may change with
// the versions of the coders, so records are compared as they unpack.
func TestGoldenBatchesOfBuilder(t *testing.T) {
	now := append(stream(t), long(t)...)
	if *update {
		if err := os.WriteFile("testdata/umbra.batches", now, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	old := golden(t, "umbra.batches")
	was, is := split(t, old), split(t, now)
	if len(was) != len(is) {
		t.Fatalf("%d batches, want %d", len(is), len(was))
	}
	for i := range was {
		if was[i].Codec() == compress.None && !bytes.Equal(was[i], is[i]) {
			t.Errorf("batch %d is\n% x, want\n% x", i, is[i], was[i])
		}
		if a, b := records(t, was[i]), records(t, is[i]); a != b {
			t.Errorf("batch %d holds\n%swant\n%s", i, b, a)
		}
	}
}

var update = flag.Bool("update", false, "rewrite the golden files this package can write")

func golden(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// long is one batch per codec of several blocks of that codec.
func long(t testing.TB) (out []byte) {
	t.Helper()
	offset := int64(1000)
	for codec := compress.Gzip; codec.Valid(); codec++ {
		b := Builder{BaseOffset: offset, LeaderEpoch: 40, Codec: codec}
		for i := range 3 {
			b.Add(Record{Timestamp: 1_700_000_000_000, Key: []byte("k"), Value: bytes.Repeat([]byte("not too dull, though long; "), 2000+i)})
		}
		v := finish(t, &b)
		out = append(out, v...)
		offset = v.LastOffset() + 1
	}
	return out
}

// list renders batches in the form of Golden.java.
func list(t testing.TB, b []byte) string {
	t.Helper()
	var out strings.Builder
	for _, v := range split(t, b) {
		if err := v.Validate(); err != nil || !v.CheckCRC() {
			t.Fatalf("batch at %d: %v, CRC right: %v", v.BaseOffset(), err, v.CheckCRC())
		}
		h := v.Head(0)
		kind := "CreateTime"
		if v.IsLogAppendTime() {
			kind = "LogAppendTime"
		}
		fmt.Fprintf(&out, "batch %d..%d size %d epoch %d crc %08x %s %s txn %v control %v producer %d/%d/%d last %d count %d max %d\n",
			v.BaseOffset(), v.LastOffset(), len(v), v.LeaderEpoch(), v.CRC(), v.Codec(), kind, v.IsTransactional(), v.IsControl(),
			v.ProducerID(), v.ProducerEpoch(), v.BaseSequence(), h.LastSequence(), v.Count(), v.MaxTimestamp())
		out.WriteString(records(t, v))
	}
	return out.String()
}

func records(t testing.TB, v View) string {
	t.Helper()
	var out strings.Builder
	err := Each(v, nil, func(r Record) error {
		fmt.Fprintf(&out, "  %d at %d key %s value %s", r.Offset, r.Timestamp, sum(r.Key), sum(r.Value))
		for _, h := range r.Headers {
			fmt.Fprintf(&out, " %s=%s", h.Key, sum(h.Value))
		}
		if m := v.Marker(); m.Type != ControlNone {
			fmt.Fprintf(&out, " marker %s of coordinator epoch %d", []string{"ABORT", "COMMIT"}[m.Type], m.CoordinatorEpoch)
		}
		out.WriteByte('\n')
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func sum(b []byte) string {
	if b == nil {
		return "null"
	}
	return fmt.Sprintf("%d:%08x", len(b), crc32.ChecksumIEEE(b))
}
