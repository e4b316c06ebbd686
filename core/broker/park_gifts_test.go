package broker_test

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"umbra/core/broker"
	"umbra/kafkaproto"
	"umbra/kafkaproto/batch"
	"umbra/shard"
)

const giftPartitions = 6 // on three shards, so that two of them are never the client's

// fetchEach asks for every partition from offsets on.
func fetchEach(offsets []int64, maxWaitMillis, minBytes, maxBytes int32) *kafkaproto.FetchRequest {
	m := kafkaproto.NewFetchRequest()
	m.MaxWaitMillis, m.MinBytes, m.MaxBytes = maxWaitMillis, minBytes, maxBytes
	t := kafkaproto.FetchRequestTopic{Topic: "t"}
	for i, offset := range offsets {
		p := kafkaproto.NewFetchRequestTopicPartition()
		p.Partition, p.FetchOffset, p.PartitionMaxBytes = int32(i), offset, 16<<20
		t.Partitions = append(t.Partitions, p)
	}
	m.Topics = []kafkaproto.FetchRequestTopic{t}
	return &m
}

// TestParkedFetchGetsEveryByteOnce: partitions of all shards move while a fetch waits,
// which gets what the other shards bring and what it asks them for, within its budget.
func TestParkedFetchGetsEveryByteOnce(t *testing.T) {
	const batches, size = 120, 30_000
	for _, c := range []struct {
		name               string
		minBytes, maxBytes int32
	}{
		{"no limit", 1, 64 << 20}, {"a batch at a time", 1, 1}, {"two at most", 1, 2*size + 1000}, {"three at least", 3 * size, 64 << 20},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := start(t, rig{shards: 3})
			n.topic(t, "t", giftPartitions, nil)
			rng := rand.New(rand.NewPCG(1, uint64(c.maxBytes)))
			var sent []byte
			for range batches {
				sent = append(sent, byte(rng.IntN(giftPartitions)))
			}
			done, producer := make(chan struct{}), n.dial(t)
			go func() {
				defer close(done)
				w := producer
				for i, p := range sent {
					w.send(kafkaproto.KeyProduce, 9, produceReq(1, "t", int32(p), raw(t, batch.Builder{}, string(make([]byte, size)))))
					if i%4 == 3 { // so that several move at once
						for j := range int32(4) {
							w.next(kafkaproto.KeyProduce, 9, w.corr-3+j, new(kafkaproto.ProduceResponse))
						}
					}
				}
			}()
			defer func() { <-done }()
			w := n.dial(t)
			got, offsets := make([][]byte, giftPartitions), make([]int64, giftPartitions)
			for read := 0; read < batches; {
				wait := int32(200)
				if c.minBytes == 1 {
					wait = 60_000
				}
				resp := ask[kafkaproto.FetchResponse](w, kafkaproto.KeyFetch, 12, fetchEach(offsets, wait, c.minBytes, c.maxBytes))
				total, largest := 0, 0
				for _, p := range resp.Topics[0].Partitions {
					wantCode(t, "fetch", p.ErrorCode, kafkaproto.None)
					got[p.Partition] = append(got[p.Partition], p.RecordBatches...)
					total += len(p.RecordBatches)
					for rest := p.RecordBatches; len(rest) > 0; read++ {
						v := batch.View(rest)
						if v.BaseOffset() != offsets[p.Partition] {
							t.Fatalf("partition %d: offset %d, want %d", p.Partition, v.BaseOffset(), offsets[p.Partition])
						}
						offsets[p.Partition] = v.LastOffset() + 1
						largest = max(largest, v.Size())
						rest = rest[v.Size():]
					}
				}
				if total > max(int(c.maxBytes), largest) {
					t.Errorf("%d bytes, the limit is %d", total, c.maxBytes)
				}
			}
			for p := range int32(giftPartitions) {
				if !bytes.Equal(got[p], w.fetchAll("t", p, 0)) {
					t.Errorf("partition %d: other bytes than a fetch that does not wait gets", p)
				}
			}
			check(t, w.conn.Close())
			n.arenasEmpty(t)
		})
	}
}

// TestGiftsOfTwoLoops: they are on their way while the client's loop is held up, and come
// in one turn.
func TestGiftsOfTwoLoops(t *testing.T) {
	n := start(t, rig{shards: 3})
	top := n.topic(t, "t", giftPartitions, nil)
	w, offsets := n.dial(t), make([]int64, giftPartitions)
	take := func(resp *kafkaproto.FetchResponse) (batches int) {
		t.Helper()
		for _, p := range resp.Topics[0].Partitions {
			wantCode(t, "fetch", p.ErrorCode, kafkaproto.None)
			for rest := p.RecordBatches; len(rest) > 0; batches++ {
				offsets[p.Partition] = batch.View(rest).LastOffset() + 1
				rest = rest[batch.View(rest).Size():]
			}
		}
		return batches
	}
	fetch := func(maxBytes int32, held func(home int)) int {
		t.Helper()
		w.send(kafkaproto.KeyFetch, 12, fetchEach(offsets, 600_000, 1, maxBytes))
		home := -1
		eventually(t, "the fetch waits", func() bool {
			stats, err := n.broker.Stats(t.Context())
			check(t, err)
			home = slices.IndexFunc(stats, func(s broker.Stats) bool { return s.Parked == 1 })
			return home >= 0
		})
		held(home)
		batches := take(receive[kafkaproto.FetchResponse](w, kafkaproto.KeyFetch, 12))
		for take(ask[kafkaproto.FetchResponse](w, kafkaproto.KeyFetch, 12, fetchEach(offsets, 0, 1, 64<<20))) > 0 {
		}
		return batches
	}
	grow := func(home int) {
		t.Helper()
		reached, goOn := make(chan struct{}), make(chan struct{})
		check(t, n.group.Shard(home).Post(func() { close(reached); <-goOn }))
		<-reached
		for p := range int32(giftPartitions) {
			if top.Partitions[p].Shard == home {
				continue
			}
			var before int64
			n.on(t, "t", p, func(p *shard.Partition) {
				before = p.HighWatermark()
				_, err := p.Log.Append(raw(t, batch.Builder{}, "a"), n.appendOptions(p))
				check(t, err)
			})
			eventually(t, "it is readable", func() bool {
				high := int64(0)
				n.on(t, "t", p, func(p *shard.Partition) { high = p.HighWatermark() })
				return high > before
			})
		}
		for i := range 3 { // the turns in which they moved are over
			if i != home {
				check(t, n.group.Shard(i).Call(t.Context(), func() {}))
			}
		}
		close(goOn)
	}
	for range 5 {
		if got := fetch(64<<20, grow); got < 2 {
			t.Errorf("%d batches of two loops", got)
		}
		if got := fetch(1, grow); got != 1 {
			t.Errorf("%d batches, the budget is one", got)
		}
	}
	check(t, w.conn.Close())
	n.arenasEmpty(t)
}

// TestGiftsForNobody: what other shards bring to a fetch whose client goes away at that
// moment is given back.
func TestGiftsForNobody(t *testing.T) {
	n := start(t, rig{shards: 3})
	n.topic(t, "t", giftPartitions, nil)
	other := n.dial(t)
	for i := range int64(60) {
		offsets := make([]int64, giftPartitions)
		for p := range offsets {
			offsets[p] = i
		}
		w := n.dial(t)
		parked := n.parked(t)
		w.send(kafkaproto.KeyFetch, 12, fetchEach(offsets, 600_000, 1, 64<<20))
		eventually(t, "the fetch waits", func() bool { return n.parked(t) == parked+1 })
		for p := range int32(giftPartitions) {
			other.send(kafkaproto.KeyProduce, 9, produceReq(1, "t", p, raw(t, batch.Builder{}, string(make([]byte, 20_000)))))
		}
		check(t, w.conn.Close())
		for p := range int32(giftPartitions) {
			other.next(kafkaproto.KeyProduce, 9, other.corr-giftPartitions+1+p, new(kafkaproto.ProduceResponse))
		}
	}
	check(t, other.conn.Close())
	eventually(t, "no fetch waits", func() bool { return n.parked(t) == 0 })
	n.arenasEmpty(t)
}
