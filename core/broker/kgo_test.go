package broker_test

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

func split(t testing.TB, addr string) (string, int32) {
	t.Helper()
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	p, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return host, int32(p)
}

func client(t testing.TB, n *node, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	c, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(n.addr)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// TestFranzGoProducesAndConsumes: every codec, idempotent (kgo's default), over
// both engines and partitions of two shards.
func TestFranzGoProducesAndConsumes(t *testing.T) {
	for _, engine := range []string{"io_uring", "pwrite"} {
		t.Run(engine, func(t *testing.T) {
			n := start(t, rig{engine: engine})
			codecs := map[string]kgo.CompressionCodec{"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression()}
			for name, codec := range codecs {
				n.topic(t, name, 4, nil)
				roundTrip(t, n, name, 500, kgo.ProducerBatchCompression(codec))
			}
		})
	}
}

// roundTrip produces count records and consumes them again.
func roundTrip(t testing.TB, n *node, topic string, count int, opts ...kgo.Opt) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	p := client(t, n, opts...)
	want := map[string]int64{}
	for i := range count {
		r := &kgo.Record{Topic: topic, Key: fmt.Appendf(nil, "k%d", i), Value: fmt.Appendf(nil, "%d %0200d", i, i), Headers: []kgo.RecordHeader{{Key: "h", Value: []byte("v")}}}
		want[string(r.Key)] = -1
		p.Produce(ctx, r, func(r *kgo.Record, err error) {
			if err != nil {
				t.Errorf("produce: %v", err)
			}
		})
	}
	if err := p.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	c := client(t, n, kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	for got := 0; got < count; {
		fs := c.PollFetches(ctx)
		if err := fs.Err0(); err != nil {
			t.Fatalf("consumed %d of %d: %v", got, count, err)
		}
		fs.EachError(func(topic string, p int32, err error) { t.Fatalf("fetch %s/%d: %v", topic, p, err) })
		fs.EachRecord(func(r *kgo.Record) {
			if _, ok := want[string(r.Key)]; !ok {
				t.Errorf("record %q came twice or was never sent", r.Key)
			}
			delete(want, string(r.Key))
			got++
		})
	}
}
