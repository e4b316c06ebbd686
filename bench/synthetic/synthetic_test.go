package synthetic

import (
	"bytes"
	"net"
	"strconv"
	"testing"

	"umbra/kafkaproto"
	"umbra/kafkaproto/batch"
	"umbra/kafkaproto/compress"
)

// A batch is as large as it was asked for, and never larger unless one record is.
func TestFillKeepsToTheSize(t *testing.T) {
	f := func(record, size int, full bool) {
		t.Helper()
		var b batch.Builder
		Fill(&b, record, size)
		if b.Len() > size && full || full && b.Len() < size-record-recordHeadMost {
			t.Errorf("records of %d in a batch of %d: it has %d bytes", record, size, b.Len())
		}
		out, err := b.Build(nil)
		if err != nil || !batch.View(out).CheckCRC() || !full && batch.View(out).Count() != 1 {
			t.Errorf("records of %d in a batch of %d: %v", record, size, err)
		}
	}
	f(100, 5<<10, true)
	f(1024, 16<<10, true)
	f(1024, 1<<20, true)
	f(10<<10, 1<<20, true)
	f(10<<10, 5<<10, false)
}

// Records pack as the records of people do: neither zeros nor noise.
func TestRecordsPackAsEventsDo(t *testing.T) {
	f := func(codec compress.Codec, record int, low, high float64) {
		t.Helper()
		s, err := Start(Config{Topic: "t", Partitions: 1, RecordSize: record, BatchSize: 64 << 10, ChunkBytes: 1 << 20, Codec: codec})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if got := float64(s.BatchBytes()) / float64(s.PlainBytes()); got < low || got > high {
			t.Errorf("%v makes records of %d bytes %.2f of their size, want %.2f to %.2f", codec, record, got, low, high)
		}
	}
	for _, record := range []int{100, 1024, 10 << 10} {
		f(compress.None, record, 1, 1)
		f(compress.LZ4, record, 0.55, 0.80)
		f(compress.Zstd, record, 0.40, 0.62)
	}
}

// What the reel plays is what was asked for, whatever the sizes of the pieces.
func TestReelPlaysEveryBatch(t *testing.T) {
	const count = 3
	canned := append(make([]byte, 8), bytes.Repeat([]byte("batch "), 5000)...) // 9 in a reel
	r := reel{batch: canned, count: count}
	for _, sizes := range [][]int{nil, {1}, {8, 1}, {9, 10, 30}, {0, 3, 25}} {
		var head, want []byte
		var cuts []int
		var pieces []piece
		for i, n := range sizes {
			head = strconv.AppendInt(head, int64(i), 10)
			want = strconv.AppendInt(want, int64(i), 10)
			cuts = append(cuts, len(head))
			pieces = append(pieces, piece{slot: i, offset: int64(100 * i), batches: n})
			for k := range n {
				want = append(want, canned...)
				batch.View(want[len(want)-len(canned):]).SetBaseOffset(int64(100*i + k*count))
			}
		}
		head, want = append(head, "end"...), append(want, "end"...)
		var got bytes.Buffer
		if err := r.play(&got, head, cuts, pieces); err != nil || !bytes.Equal(got.Bytes(), want) {
			t.Errorf("pieces of %v batches: %d bytes, want %d, or others; %v", sizes, got.Len(), len(want), err)
		}
	}
}

// Every partition of every topic has a slot of its own, by name and by id.
func TestCatalog(t *testing.T) {
	c := newCatalog(Config{Topic: "t", Topics: 3, Partitions: 4})
	for i, name := range c.names {
		for p := range int32(4) {
			slot, ok := c.slot(name, kafkaproto.TopicID{}, p)
			same, known := c.slot("", c.ids[i], p)
			topic, partition := c.at(slot)
			if !ok || !known || slot != 4*i+int(p) || same != slot || topic != i || partition != p {
				t.Errorf("topic %q partition %d: slot %d %v, by id %d %v; back to topic %d partition %d", name, p, slot, ok, same, known, topic, partition)
			}
		}
	}
	for _, p := range []int32{-1, 4} {
		if slot, ok := c.slot(c.names[0], kafkaproto.TopicID{}, p); ok {
			t.Errorf("partition %d is in slot %d", p, slot)
		}
	}
	if slot, ok := c.slot("t", c.ids[0], 0); ok { // there are several, and none is called so
		t.Errorf("topic t is in slot %d", slot)
	}
	if one := (Config{Topic: "t"}).Names(); len(one) != 1 || one[0] != "t" {
		t.Errorf("one topic: %q", one)
	}
}

// Clients of a source behind a proxy are told to stay behind it.
func TestAdvertise(t *testing.T) {
	s, err := Start(Config{Topic: "t", Partitions: 1, RecordSize: 100, BatchSize: 1000, ChunkBytes: 1 << 20, Advertise: "192.0.2.1:9", Bytes: 10_000})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	m := s.control(&kafkaproto.MetadataRequest{}).(*kafkaproto.MetadataResponse)
	if b := m.Brokers[0]; net.JoinHostPort(b.Host, strconv.Itoa(int(b.Port))) != "192.0.2.1:9" || s.Addr() == "192.0.2.1:9" {
		t.Errorf("advertises %+v", b)
	}
	if n := s.TotalBytes(); n > 10_000 || n < 10_000-int64(s.BatchBytes()) {
		t.Errorf("asked for 10000 bytes of batches: it holds %d", n)
	}
}
