package broker_test

import (
	"bytes"
	"fmt"
	"testing"

	"umbra/kafkaproto"
	"umbra/kafkaproto/batch"
)

// TestFetchOfManyFromDisk: partitions of several loops are read from the disk, several at a
// time, and what a client gets is what it would get if they were read one after the other:
// each within its own limit, all within the whole one, one larger batch at most, and
// always something.
func TestFetchOfManyFromDisk(t *testing.T) {
	const partitions, batches = 9, 6
	dir := t.TempDir()
	n := boot(t, rig{shards: 3, dir: dir})
	top := n.topic(t, "t", partitions, nil)
	w := n.dial(t)
	var want [partitions][]byte
	size, all := 0, 0
	for i := range int64(batches) {
		for p := 1; p < partitions; p += 2 { // the others are empty
			b := raw(t, batch.Builder{}, string(bytes.Repeat([]byte{byte('a' + p), byte('a' + i)}, 50_000)))
			wantCode(t, "produce", w.produce(9, "t", int32(p), b).ErrorCode, kafkaproto.None)
			batch.View(b).SetBaseOffset(i)
			want[p] = append(want[p], b...)
			size, all = len(b), all+len(b)
		}
	}
	n.stop(t)
	n = start(t, rig{shards: 3, dir: dir})
	check(t, n.keeper.Wait(t.Context(), top.ID, partitions))
	for _, c := range []struct{ whole, each int }{
		{64 << 20, 1 << 20}, {64 << 20, 250_000}, {64 << 20, 1}, {64 << 20, 0}, {1, 1}, {250_000, 1 << 20}, {1 << 20, size - 1}, {350_000, 20_000},
	} {
		t.Run(fmt.Sprintf("%d of all, %d of each", c.whole, c.each), func(t *testing.T) {
			w := n.dial(t)
			var got [partitions][]byte
			for have := 0; have < all; {
				offsets := make([]int64, partitions)
				for p := range offsets {
					offsets[p] = int64(len(got[p]) / size)
				}
				m := fetchEach(offsets, 600_000, 1, int32(c.whole)) // an answer without a batch would never come
				for p := range m.Topics[0].Partitions {
					m.Topics[0].Partitions[p].PartitionMaxBytes = int32(c.each)
				}
				total, larger := 0, 0
				for _, p := range ask[kafkaproto.FetchResponse](w, kafkaproto.KeyFetch, 12, m).Topics[0].Partitions {
					wantCode(t, "fetch", p.ErrorCode, kafkaproto.None)
					n := len(p.RecordBatches)
					if n > c.each {
						larger += n / size
					}
					if rest := len(want[p.Partition]) - len(got[p.Partition]); c.whole >= partitions*c.each && n < min(rest, c.each/size*size) {
						t.Errorf("partition %d: %d bytes, though it may have %d and has %d", p.Partition, n, c.each, rest)
					}
					total += n
					got[p.Partition] = append(got[p.Partition], p.RecordBatches...)
				}
				if larger > 1 || total > max(c.whole, size) {
					t.Fatalf("%d bytes, %d batches of partitions that are over their limit", total, larger)
				}
				have += total
			}
			for p := range got {
				if !bytes.Equal(got[p], want[p]) {
					t.Errorf("partition %d: %d bytes, %d were produced, or others", p, len(got[p]), len(want[p]))
				}
			}
		})
	}
}

// TestLargeBatchFirst: of a batch that is too large for its partition and others behind
// it that move, the first is served, wherever they live.
func TestLargeBatchFirst(t *testing.T) {
	const partitions, each = 6, 100_000
	n := start(t, rig{shards: 3})
	top := n.topic(t, "t", partitions, nil)
	w := n.dial(t)
	small, large := raw(t, batch.Builder{}, "a"), raw(t, batch.Builder{}, string(make([]byte, 2*each)))
	for p := range int32(partitions) { // offset 0 is small, 1 large, 2 the end
		for _, b := range [][]byte{small, large} {
			wantCode(t, "produce", w.produce(9, "t", p, b).ErrorCode, kafkaproto.None)
		}
	}
	shardOf := func(p int) int { return top.Partitions[p].Shard }
	for idle := range partitions {
		for big := range partitions {
			for moving := range partitions {
				if idle == big || idle == moving || big == moving {
					continue
				}
				m := fetchReq("t", 0, 0)
				m.MaxBytes, m.MinBytes, m.MaxWaitMillis = 64<<20, 1, 0 // without waiting no loop is spared
				m.Topics[0].Partitions = nil
				for _, ask := range []struct{ p, offset int }{{idle, 2}, {big, 1}, {moving, 0}} {
					p := kafkaproto.NewFetchRequestTopicPartition()
					p.Partition, p.FetchOffset, p.PartitionMaxBytes = int32(ask.p), int64(ask.offset), each
					m.Topics[0].Partitions = append(m.Topics[0].Partitions, p)
				}
				got := map[int32]int{}
				for _, p := range ask[kafkaproto.FetchResponse](w, kafkaproto.KeyFetch, 12, m).Topics[0].Partitions {
					wantCode(t, "fetch", p.ErrorCode, kafkaproto.None)
					got[p.Partition] = len(p.RecordBatches)
				}
				// The idle one's loop comes first, and with it what else it owns.
				wantBig := len(large)
				if shardOf(moving) == shardOf(idle) && shardOf(big) != shardOf(idle) {
					wantBig = 0
				}
				if got[int32(big)] != wantBig || got[int32(moving)] != len(small) {
					t.Errorf("shards %d, %d, %d: %d bytes of the large batch, want %d; %d bytes of the small one",
						shardOf(idle), shardOf(big), shardOf(moving), got[int32(big)], wantBig, got[int32(moving)])
				}
			}
		}
	}
}

// TestClientGoesWhileItIsRead: what several loops have read for it is given back.
func TestClientGoesWhileItIsRead(t *testing.T) {
	const partitions = 9
	dir := t.TempDir()
	n := boot(t, rig{shards: 3, dir: dir})
	top := n.topic(t, "t", partitions, nil)
	w := n.dial(t)
	for p := range int32(partitions) {
		wantCode(t, "produce", w.produce(9, "t", p, raw(t, batch.Builder{}, string(make([]byte, 500_000)))).ErrorCode, kafkaproto.None)
	}
	n.stop(t)
	n = start(t, rig{shards: 3, dir: dir})
	check(t, n.keeper.Wait(t.Context(), top.ID, partitions))
	for range 50 {
		w := n.dial(t)
		m := fetchEach(make([]int64, partitions), 0, 1, 64<<20)
		for p := range m.Topics[0].Partitions {
			m.Topics[0].Partitions[p].PartitionMaxBytes = 1 << 20
		}
		w.send(kafkaproto.KeyFetch, 12, m)
		check(t, w.conn.Close())
	}
	n.arenasEmpty(t)
}
