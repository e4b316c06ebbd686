package broker_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"umbra/kafkaproto"
	"umbra/kafkaproto/batch"
	"umbra/shard"
	"umbra/shard/segment"
)

func TestFetchEveryVersion(t *testing.T) {
	n := start(t, rig{})
	top := n.topic(t, "t", 2, nil)
	w := n.dial(t)
	for index := range int32(2) {
		var want []byte
		for i := range int64(3) {
			b := raw(t, batch.Builder{}, fmt.Sprint(i), "second")
			wantCode(t, "produce", w.produce(9, "t", index, b).ErrorCode, kafkaproto.None)
			batch.View(b).SetBaseOffset(2 * i)
			want = append(want, b...)
		}
		for version := int16(4); version <= 17; version++ {
			m := fetchReq("t", index, 0)
			m.MaxWaitMillis = 30_000 // what was acknowledged is written, and so readable
			m.Topics[0].TopicID = top.ID
			resp := ask[kafkaproto.FetchResponse](w, kafkaproto.KeyFetch, version, m)
			p := resp.Topics[0].Partitions[0]
			if !bytes.Equal(p.RecordBatches, want) || p.HighWatermark != 6 || p.LastStableOffset != 6 || p.PreferredReadReplica != -1 || p.AbortedTransactions != nil {
				t.Errorf("v%d: %d bytes of %d, %+v", version, len(p.RecordBatches), len(want), p)
			}
			if version >= 5 && p.LogStartOffset != 0 || version >= 13 && resp.Topics[0].TopicID != top.ID || version < 13 && resp.Topics[0].Topic != "t" {
				t.Errorf("v%d: log start %d, topic %q %s", version, p.LogStartOffset, resp.Topics[0].Topic, resp.Topics[0].TopicID)
			}
			// In the middle of a batch: the whole batch.
			m.Topics[0].Partitions[0].FetchOffset = 3
			p = w.fetch(version, m)
			if !bytes.Equal(p.RecordBatches, want[len(want)/3:]) {
				t.Errorf("v%d from offset 3: %d bytes, want the last two batches", version, len(p.RecordBatches))
			}
		}
	}
}

// deleteBefore moves the log start.
func (n *node) deleteBefore(t testing.TB, topic string, index int32, offset int64) {
	t.Helper()
	done := make(chan error, 1)
	n.on(t, topic, index, func(p *shard.Partition) { p.Log.SetStart(offset, func(err error) { done <- err }) })
	check(t, <-done)
}

func TestFetchRules(t *testing.T) {
	n := start(t, rig{})
	top := n.topic(t, "t", 2, nil)
	w := n.dial(t)
	for index := range int32(2) {
		for range 10 {
			w.produce(9, "t", index, raw(t, batch.Builder{}, "a"))
		}
		n.deleteBefore(t, "t", index, 4)
		n.on(t, "t", index, func(p *shard.Partition) { p.SetLeaderEpoch(3) })
		f := func(what string, edit func(*kafkaproto.FetchRequestTopicPartition), want kafkaproto.ErrorCode) kafkaproto.FetchResponseTopicPartition {
			t.Helper()
			var last kafkaproto.FetchResponseTopicPartition
			for _, version := range []int16{12, 17} {
				m := fetchReq("t", index, 4)
				m.Topics[0].TopicID = top.ID
				edit(&m.Topics[0].Partitions[0])
				last = w.fetch(version, m)
				wantCode(t, what, last.ErrorCode, want)
				if want != kafkaproto.None && last.RecordBatches == nil {
					t.Errorf("%s: null records", what)
				}
			}
			return last
		}
		type part = kafkaproto.FetchRequestTopicPartition
		for _, offset := range []int64{3, 11, -1} {
			p := f("out of range", func(p *part) { p.FetchOffset = offset }, kafkaproto.OffsetOutOfRange)
			if p.HighWatermark != 10 || p.LogStartOffset != 4 || p.LastStableOffset != 10 {
				t.Errorf("offset %d is out of range, and the answer says %d to %d", offset, p.LogStartOffset, p.HighWatermark)
			}
		}
		if p := f("at the end", func(p *part) { p.FetchOffset = 10 }, kafkaproto.None); len(p.RecordBatches) != 0 || p.RecordBatches == nil {
			t.Errorf("at the end: %v, want empty, not null", p.RecordBatches)
		}
		f("current epoch", func(p *part) { p.CurrentLeaderEpoch = 3 }, kafkaproto.None)
		if p := f("older epoch", func(p *part) { p.CurrentLeaderEpoch = 2 }, kafkaproto.FencedLeaderEpoch); p.CurrentLeader.LeaderEpoch != 3 || p.CurrentLeader.LeaderID != 1 {
			t.Errorf("fenced, and the leader is %+v", p.CurrentLeader)
		}
		f("newer epoch", func(p *part) { p.CurrentLeaderEpoch = 4 }, kafkaproto.UnknownLeaderEpoch)
		f("no such partition", func(p *part) { p.Partition = 2 }, kafkaproto.UnknownTopicOrPartition)

		// Epoch 3 has a batch from offset 10 on, epoch 0 ends there.
		w.produce(9, "t", index, raw(t, batch.Builder{}, "b"))
		p := f("last fetched epoch 0 at 10", func(p *part) { p.LastFetchedEpoch, p.FetchOffset = 0, 10 }, kafkaproto.None)
		if p.DivergingEpoch.EndOffset != -1 || len(p.RecordBatches) == 0 {
			t.Errorf("no divergence: %+v", p.DivergingEpoch)
		}
		p = f("last fetched epoch 0 at 11", func(p *part) { p.LastFetchedEpoch, p.FetchOffset = 0, 11 }, kafkaproto.None)
		if (p.DivergingEpoch != kafkaproto.FetchResponseTopicPartitionDivergingEpoch{Epoch: 0, EndOffset: 10}) || len(p.RecordBatches) != 0 {
			t.Errorf("epoch 0 ends at 10: %+v", p.DivergingEpoch)
		}
		p = f("last fetched epoch 2", func(p *part) { p.LastFetchedEpoch, p.FetchOffset = 2, 10 }, kafkaproto.None)
		if (p.DivergingEpoch != kafkaproto.FetchResponseTopicPartitionDivergingEpoch{Epoch: 0, EndOffset: 10}) {
			t.Errorf("there is no epoch 2: %+v", p.DivergingEpoch)
		}
	}
	m := fetchReq("nowhere", 0, 0)
	m.Topics[0].TopicID = kafkaproto.NewTopicID()
	wantCode(t, "unknown name", w.fetch(12, m).ErrorCode, kafkaproto.UnknownTopicOrPartition)
	wantCode(t, "unknown id", w.fetch(13, m).ErrorCode, kafkaproto.UnknownTopicID)
}

// TestFetchReadCommitted: aborted, committed and open transactions, as a link
// brings them.
func TestFetchReadCommitted(t *testing.T) {
	n := start(t, rig{})
	n.topic(t, "t", 2, nil)
	w := n.dial(t)
	for index := range int32(2) {
		txn := func(pid int64, seq int32, values ...string) {
			n.on(t, "t", index, func(p *shard.Partition) {
				b := batch.Builder{Transactional: true, Producer: &batch.Producer{ID: pid, Sequence: seq}}
				_, err := p.Log.Append(raw(t, b, values...), n.appendOptions(p))
				check(t, err)
			})
		}
		end := func(pid int64, commit bool) {
			n.on(t, "t", index, func(p *shard.Partition) {
				_, err := p.Log.AppendMarker(pid, 0, commit, n.appendOptions(p))
				check(t, err)
			})
		}
		txn(1, 0, "a", "b")                                    // 0, 1
		txn(2, 0, "c")                                         // 2
		end(1, false)                                          // 3: abort of 0..1
		w.produce(9, "t", index, raw(t, batch.Builder{}, "d")) // 4
		end(2, true)                                           // 5
		txn(3, 0, "e")                                         // 6
		end(3, false)                                          // 7: abort of 6
		txn(4, 0, "f")                                         // 8: open
		w.produce(9, "t", index, raw(t, batch.Builder{}, "g")) // 9
		f := func(offset int64, most int32, wantEnd int64, want ...kafkaproto.FetchResponseTopicPartitionAbortedTransaction) {
			t.Helper()
			m := fetchReq("t", index, offset)
			m.IsolationLevel = 1
			m.Topics[0].Partitions[0].PartitionMaxBytes = most
			p := w.fetch(12, m)
			wantCode(t, "fetch", p.ErrorCode, kafkaproto.None)
			if p.LastStableOffset != 8 || p.HighWatermark != 10 || p.AbortedTransactions == nil {
				t.Errorf("from %d: LSO %d, HW %d, aborted %v", offset, p.LastStableOffset, p.HighWatermark, p.AbortedTransactions)
			}
			next := offset
			for rest := p.RecordBatches; len(rest) > 0; {
				v, more, err := batch.Next(rest)
				check(t, err)
				next, rest = v.LastOffset()+1, more
			}
			if next != wantEnd || fmt.Sprint(p.AbortedTransactions) != fmt.Sprint(want) {
				t.Errorf("from %d: up to %d, aborted %v; want %d, %v", offset, next, p.AbortedTransactions, wantEnd, want)
			}
		}
		type aborted = kafkaproto.FetchResponseTopicPartitionAbortedTransaction
		first, third := aborted{ProducerID: 1, FirstOffset: 0}, aborted{ProducerID: 3, FirstOffset: 6}
		f(0, 1<<20, 8, first, third)
		f(0, 1, 2, first) // one batch
		f(2, 1, 3, first) // its marker is at 3
		f(4, 1, 5)
		f(4, 1<<20, 8, third)
		f(7, 1<<20, 8, third)
		f(8, 1<<20, 8)
		m := fetchReq("t", index, 0)
		if p := w.fetch(12, m); p.AbortedTransactions != nil || p.HighWatermark != 10 {
			t.Errorf("uncommitted: aborted %v", p.AbortedTransactions)
		}
	}
}

func (n *node) appendOptions(p *shard.Partition) segment.AppendOptions {
	return segment.AppendOptions{Term: p.Log.Term(), LeaderEpoch: p.LeaderEpoch(), Now: time.Now()}
}

// TestFetchBytes: what fits, what comes although it does not, and who goes first.
func TestFetchBytes(t *testing.T) {
	n := start(t, rig{})
	n.topic(t, "t", 4, nil)
	w := n.dial(t)
	one := raw(t, batch.Builder{}, strings.Repeat("x", 10_000))
	for index := range int32(4) {
		for range 5 {
			wantCode(t, "produce", w.produce(9, "t", index, one).ErrorCode, kafkaproto.None)
		}
	}
	size := int32(len(one))
	f := func(total, each int32, want ...int) {
		t.Helper()
		m := fetchReq("t", 0, 0)
		m.MaxBytes = total
		p := m.Topics[0].Partitions[0]
		p.PartitionMaxBytes = each
		m.Topics[0].Partitions = nil
		for range 4 {
			m.Topics[0].Partitions = append(m.Topics[0].Partitions, p)
			p.Partition++
		}
		resp := ask[kafkaproto.FetchResponse](w, kafkaproto.KeyFetch, 12, m)
		got := make([]int, 4)
		for _, topic := range resp.Topics {
			for _, p := range topic.Partitions {
				if len(p.RecordBatches)%len(one) != 0 {
					t.Errorf("partition %d: %d bytes are no whole batches of %d", p.Partition, len(p.RecordBatches), len(one))
				}
				got[p.Partition] = len(p.RecordBatches) / len(one)
			}
		}
		sum, sumWant := 0, 0
		for i := range got {
			sum, sumWant = sum+got[i], sumWant+want[i]
		}
		// Which partitions go first is by shard; how much in all is not.
		if sum != sumWant || got[0] != want[0] {
			t.Errorf("%d in all, %d each: %v batches, want %v", total, each, got, want)
		}
	}
	f(1<<20, 1<<20, 5, 5, 5, 5)
	f(1<<20, 2*size, 2, 2, 2, 2)
	f(1, 1, 1, 0, 0, 0) // the first batch comes whole
	f(1<<20, 1, 1, 0, 0, 0)
	f(3*size, 1<<20, 3, 0, 0, 0)
	f(7*size+1, 1<<20, 5, 2, 0, 0)
	f(0, 0, 1, 0, 0, 0)
}

// TestFetchCold: what has left memory comes from disk, the same.
func TestFetchCold(t *testing.T) {
	for _, engine := range []string{"io_uring", "pwrite"} {
		dir := t.TempDir()
		n := boot(t, rig{engine: engine, dir: dir})
		n.topic(t, "t", 2, nil)
		w := n.dial(t)
		var want [2][]byte
		for i := range int64(40) {
			b := raw(t, batch.Builder{}, strings.Repeat(fmt.Sprint(i), 5000))
			w.produce(9, "t", int32(i%2), b)
			batch.View(b).SetBaseOffset(i / 2)
			want[i%2] = append(want[i%2], b...)
		}
		n.stop(t)
		n = start(t, rig{engine: engine, dir: dir})
		w = n.dial(t)
		for index := range int32(2) {
			var got []byte
			for next := int64(0); next < 20; {
				m := fetchReq("t", index, next)
				m.Topics[0].Partitions[0].PartitionMaxBytes = 30_000
				p := w.fetch(12, m)
				wantCode(t, "cold fetch", p.ErrorCode, kafkaproto.None)
				if len(p.RecordBatches) == 0 {
					t.Fatalf("nothing at offset %d", next)
				}
				got = append(got, p.RecordBatches...)
				for rest := p.RecordBatches; len(rest) > 0; {
					v, more, err := batch.Next(rest)
					check(t, err)
					next, rest = v.LastOffset()+1, more
				}
			}
			if !bytes.Equal(got, want[index]) {
				t.Errorf("%s: partition %d: %d bytes from disk differ from the %d produced", engine, index, len(got), len(want[index]))
			}
		}
	}
}

// arenasEmpty waits until nothing holds slabs: logs keep their newest pieces, so
// the topics must be gone.
func (n *node) arenasEmpty(t testing.TB) {
	t.Helper()
	for name := range n.store.Snapshot().Topics {
		check(t, n.store.DeleteTopic(context.Background(), name, kafkaproto.TopicID{}))
	}
	eventually(t, "all slabs are back", func() bool {
		for i := range n.group.Len() {
			if n.group.Shard(i).Snapshot().Arena.InUse() != 0 {
				return false
			}
		}
		return true
	})
}
