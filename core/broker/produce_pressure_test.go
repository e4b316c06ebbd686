package broker_test

import (
	"bytes"
	"strings"
	"testing"

	"umbra/ioring/buf"
	"umbra/kafkaproto"
	"umbra/kafkaproto/batch"
	"umbra/shard"
)

// TestProduceWithoutMemory: with far less memory than clients send, producers
// are slowed down, and every batch arrives whole and once.
func TestProduceWithoutMemory(t *testing.T) {
	n := start(t, rig{shards: 1, shard: shard.Config{ArenaBytes: 12 << 20}})
	const clients, requests, partitions = 24, 40, 4
	n.topic(t, "t", partitions, nil)
	one := raw(t, batch.Builder{}, string(noise(50<<10)))
	for i := range clients {
		w := n.dial(t)
		go func() {
			for j := range int32(requests) {
				if _, err := w.conn.Write(frameOf(kafkaproto.KeyProduce, 9, j, produceReq(1, "t", (int32(i)+j)%partitions, one))); err != nil {
					t.Error(err)
				}
			}
		}()
		defer func() {
			for j := range int32(requests) {
				var resp kafkaproto.ProduceResponse
				w.next(kafkaproto.KeyProduce, 9, j, &resp)
				wantCode(t, "produce", resp.Topics[0].Partitions[0].ErrorCode, kafkaproto.None)
			}
		}()
	}
	w := n.dial(t)
	for index := range int32(partitions) {
		for next := int64(0); next < clients*requests/partitions; {
			got := batch.View(w.fetchAll("t", index, next))
			if len(got) == 0 {
				stats, _ := n.broker.Stats(t.Context())
				t.Fatalf("partition %d stands still at offset %d: %+v\n%+v", index, next, stats[0], n.group.Shard(0).Snapshot().Arena)
			}
			for len(got) > 0 {
				v, rest, err := batch.Next(got)
				check(t, err)
				if v.BaseOffset() != next || !v.CheckCRC() || !bytes.Equal(v.Records(), batch.View(one).Records()) {
					t.Fatalf("partition %d offset %d: %d, CRC ok %v", index, next, v.BaseOffset(), v.CheckCRC())
				}
				next, got = next+1, batch.View(rest)
			}
		}
	}
}

// TestProduceWaitsForMemory: a batch that finds no memory waits with the ones
// behind it, and keeps its bytes although other requests come through the same
// scratch.
func TestProduceWaitsForMemory(t *testing.T) {
	n := start(t, rig{shards: 1, shard: shard.Config{ArenaBytes: 8 << 20}})
	n.topic(t, "t", 1, nil)
	w := n.dial(t)
	var taken []*buf.Slab
	check(t, n.group.Shard(0).Call(t.Context(), func() {
		for size := 1 << 20; size >= 4<<10; size /= 2 {
			for {
				s, err := n.group.Shard(0).Arena().Alloc(size)
				if err != nil {
					break
				}
				taken = append(taken, s)
			}
		}
	}))
	one, two := raw(t, batch.Builder{}, "first"), raw(t, batch.Builder{}, "second")
	_, err := w.conn.Write(frameOf(kafkaproto.KeyProduce, 9, 1, produceReq(-1, "t", 0, one)))
	check(t, err)
	eventually(t, "the produce waits", func() bool {
		stats, err := n.broker.Stats(t.Context())
		check(t, err)
		return stats[0].Stalled > 0
	})
	_, err = w.conn.Write(frameOf(kafkaproto.KeyProduce, 9, 2, produceReq(-1, "t", 0, two)))
	check(t, err)
	for range 20 {
		ask[kafkaproto.ApiVersionsResponse](n.dial(t), kafkaproto.KeyApiVersions, 3, &kafkaproto.ApiVersionsRequest{ClientSoftwareName: strings.Repeat("x", 3000), ClientSoftwareVersion: "1"})
	}
	for _, s := range taken {
		s.Release()
	}
	for i := range int32(2) {
		var resp kafkaproto.ProduceResponse
		w.next(kafkaproto.KeyProduce, 9, i+1, &resp)
		if p := resp.Topics[0].Partitions[0]; p.ErrorCode != 0 || p.BaseOffset != int64(i) {
			t.Fatalf("request %d: %+v", i+1, p)
		}
	}
	batch.View(two).SetBaseOffset(1)
	if got := w.fetchAll("t", 0, 0); !bytes.Equal(got, append(one, two...)) {
		t.Errorf("%d bytes came back and are not the %d sent", len(got), len(one)+len(two))
	}
}
