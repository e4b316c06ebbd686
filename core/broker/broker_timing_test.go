package broker_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"testing"

	"umbra/kafkaproto"
	"umbra/kafkaproto/batch"
	"umbra/kafkaproto/compress"
)

// BenchmarkProduce asks what a produce request costs, client and disk
// included, with four requests in flight on one connection.
func BenchmarkProduce(b *testing.B) {
	for _, bench := range []struct {
		acks  int16
		size  int
		codec compress.Codec
	}{{1, 100, 0}, {1, 64 << 10, 0}, {1, 900 << 10, 0}, {-1, 100, 0}, {-1, 900 << 10, 0}, {1, 64 << 10, compress.LZ4}} {
		for _, where := range []string{"here", "away"} {
			b.Run(fmt.Sprintf("acks=%d/size=%d/codec=%s/%s", bench.acks, bench.size, bench.codec, where), func(b *testing.B) {
				n := start(b, rig{engine: "auto"})
				n.topic(b, "t", 2, map[string]string{"retention.bytes": "100000000", "segment.bytes": "50000000"})
				w := n.dial(b)
				index := int32(0)
				if (n.home(b, w) == n.store.Snapshot().Topics["t"].Partitions[0].Shard) != (where == "here") {
					index = 1
				}
				req := frameOf(kafkaproto.KeyProduce, 9, 1, produceReq(bench.acks, "t", index, raw(b, batch.Builder{Codec: bench.codec}, noise(bench.size))))
				b.SetBytes(int64(len(req)))
				b.ReportAllocs()
				pipeline(b, w, req, 4)
			})
		}
	}
}

// BenchmarkFetch asks what a fetch of records in memory costs, client included.
func BenchmarkFetch(b *testing.B) {
	for _, size := range []int{100, 64 << 10, 1 << 20} {
		for _, where := range []string{"here", "away"} {
			b.Run(fmt.Sprintf("size=%d/%s", size, where), func(b *testing.B) {
				n := start(b, rig{engine: "auto"})
				n.topic(b, "t", 2, nil)
				w := n.dial(b)
				index := int32(0)
				if (n.home(b, w) == n.store.Snapshot().Topics["t"].Partitions[0].Shard) != (where == "here") {
					index = 1
				}
				for got := 0; got < size; got += 50 << 10 {
					if p := w.produce(9, "t", index, raw(b, batch.Builder{}, noise(min(size, 50<<10)))); p.ErrorCode != 0 {
						b.Fatal(p.ErrorCode)
					}
				}
				b.SetBytes(int64(size))
				b.ReportAllocs()
				pipeline(b, w, frameOf(kafkaproto.KeyFetch, 12, 1, fetchReq("t", index, 0)), 1)
			})
		}
	}
}

// pipeline sends b.N requests and reads their responses, depth in flight.
func pipeline(b *testing.B, w *wire, req []byte, depth int) {
	slots := make(chan struct{}, depth)
	go func() {
		for range b.N {
			slots <- struct{}{}
			if _, err := w.conn.Write(req); err != nil {
				return
			}
		}
	}()
	buf := make([]byte, 4<<20)
	b.ResetTimer()
	for range b.N {
		if _, err := io.ReadFull(w.conn, buf[:4]); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(w.conn, buf[:binary.BigEndian.Uint32(buf)]); err != nil {
			b.Fatal(err)
		}
		<-slots
	}
}

// home is the shard a connection is on.
func (n *node) home(t testing.TB, w *wire) int {
	t.Helper()
	before, err := n.broker.Stats(t.Context())
	check(t, err)
	ask[kafkaproto.ApiVersionsResponse](w, kafkaproto.KeyApiVersions, 0, &kafkaproto.ApiVersionsRequest{})
	after, err := n.broker.Stats(t.Context())
	check(t, err)
	for i := range after {
		if after[i].Requests[kafkaproto.KeyApiVersions] > before[i].Requests[kafkaproto.KeyApiVersions] {
			return i
		}
	}
	t.Fatal("no shard has answered")
	return 0
}

// noise does not compress.
func noise(n int) string {
	b, x := make([]byte, n), uint64(88172645463325252)
	for i := range b {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		b[i] = byte(x)
	}
	return string(b)
}
