package broker_test

import (
	"context"
	"testing"

	"umbra/kafkaproto"
	"umbra/kafkaproto/batch"
	"umbra/shard"
)

// parked is how many fetches wait.
func (n *node) parked(t testing.TB) (sum int) {
	t.Helper()
	stats, err := n.broker.Stats(t.Context())
	check(t, err)
	for _, s := range stats {
		sum += s.Parked
	}
	return sum
}

// waiters is how many waiters a partition has.
func (n *node) waiters(t testing.TB, topic string, index int32) (count int) {
	t.Helper()
	n.on(t, topic, index, func(p *shard.Partition) { count = p.Waiters() })
	return count
}

// reset empties a log, which goes on at an offset.
func (n *node) reset(t testing.TB, topic string, index int32, offset int64) {
	t.Helper()
	done := make(chan error, 1)
	n.on(t, topic, index, func(p *shard.Partition) { p.Log.ResetTo(offset, func(err error) { done <- err }) })
	check(t, <-done)
}

// patient is a fetch that would wait for ten minutes.
func patient(topic string, index int32, offset int64) *kafkaproto.FetchRequest {
	m := fetchReq(topic, index, offset)
	m.MaxWaitMillis = 600_000
	return m
}

// park sends a fetch and returns when it waits on its partition.
func (n *node) park(t testing.TB, w *wire, version int16, m *kafkaproto.FetchRequest) {
	t.Helper()
	parked := n.parked(t)
	w.send(kafkaproto.KeyFetch, version, m)
	eventually(t, "the fetch waits", func() bool {
		return n.parked(t) == parked+1 && n.waiters(t, m.Topics[0].Topic, m.Topics[0].Partitions[0].Partition) > 0
	})
}

// woken reads the answer of a parked fetch, long before its time is up.
func woken(t testing.TB, w *wire) kafkaproto.FetchResponseTopicPartition {
	t.Helper()
	return receive[kafkaproto.FetchResponse](w, kafkaproto.KeyFetch, 12).Topics[0].Partitions[0]
}

// TestFetchParksAndWakes: each thing that must wake a parked fetch, on the
// connection's shard and on the other.
func TestFetchParksAndWakes(t *testing.T) {
	n := start(t, rig{})
	n.topic(t, "t", 4, nil)
	other := n.dial(t)
	for index := range int32(2) {
		w := n.dial(t)
		n.park(t, w, 12, patient("t", index, 0))
		wantCode(t, "produce", other.produce(9, "t", index, raw(t, batch.Builder{}, "a")).ErrorCode, kafkaproto.None)
		if p := woken(t, w); len(p.RecordBatches) == 0 || p.HighWatermark != 1 {
			t.Errorf("woken with %d bytes, high watermark %d", len(p.RecordBatches), p.HighWatermark)
		}

		// Another partition's records wake nobody; a new leader epoch does.
		n.park(t, w, 12, patient("t", index, 1))
		other.produce(9, "t", 2+index, raw(t, batch.Builder{}, "a"))
		m := patient("t", index, 1)
		m.Topics[0].Partitions[0].CurrentLeaderEpoch = 0
		fenced := n.dial(t)
		n.park(t, fenced, 12, m)
		n.on(t, "t", index, func(p *shard.Partition) { p.SetLeaderEpoch(1) })
		wantCode(t, "woken by a new epoch", woken(t, fenced).ErrorCode, kafkaproto.FencedLeaderEpoch)
		if n.parked(t) != 1 {
			t.Errorf("%d fetches wait, want the one that does not name an epoch", n.parked(t))
		}
		other.produce(9, "t", index, raw(t, batch.Builder{}, "b"))
		if p := woken(t, w); len(p.RecordBatches) == 0 {
			t.Error("woken without records")
		}

		// The log start passes the offset.
		n.reset(t, "t", index, 100)
		n.park(t, w, 12, patient("t", index, 100))
		n.reset(t, "t", index, 200)
		wantCode(t, "woken by a new log start", woken(t, w).ErrorCode, kafkaproto.OffsetOutOfRange)
		n.reset(t, "t", index, 1000)
	}
}

func TestFetchReadCommittedWakesAtTheMarker(t *testing.T) {
	n := start(t, rig{})
	n.topic(t, "t", 2, nil)
	for index := range int32(2) {
		n.on(t, "t", index, func(p *shard.Partition) {
			_, err := p.Log.Append(raw(t, batch.Builder{Transactional: true, Producer: &batch.Producer{ID: 1}}, "a"), n.appendOptions(p))
			check(t, err)
		})
		eventually(t, "it is written", func() bool {
			p, _ := n.group.Published(n.pid(t, "t", index))
			return p.HighWatermark == 1
		})
		w := n.dial(t)
		m := patient("t", index, 0)
		m.IsolationLevel = 1
		n.park(t, w, 12, m)
		n.on(t, "t", index, func(p *shard.Partition) {
			_, err := p.Log.AppendMarker(1, 0, true, n.appendOptions(p))
			check(t, err)
		})
		if p := woken(t, w); p.LastStableOffset != 2 || len(p.RecordBatches) == 0 {
			t.Errorf("woken at last stable offset %d with %d bytes", p.LastStableOffset, len(p.RecordBatches))
		}
	}
}

func TestFetchMinBytes(t *testing.T) {
	n := start(t, rig{})
	n.topic(t, "t", 2, nil)
	other := n.dial(t)
	one := raw(t, batch.Builder{}, "0123456789")
	for index := range int32(2) {
		w := n.dial(t)
		m := patient("t", index, 0)
		m.MinBytes = int32(3 * len(one))
		n.park(t, w, 12, m)
		for range 3 {
			other.produce(9, "t", index, one)
		}
		if p := woken(t, w); len(p.RecordBatches) != 3*len(one) {
			t.Errorf("woken with %d bytes, asked for %d", len(p.RecordBatches), 3*len(one))
		}
		m.MaxWaitMillis, m.MinBytes = 50, 1<<20 // time is up
		if p := w.fetch(12, m); len(p.RecordBatches) != 3*len(one) {
			t.Errorf("after max_wait: %d bytes, there are %d", len(p.RecordBatches), 3*len(one))
		}
	}
}

// TestProduceBehindAParkedFetch: it is done at once, and answered in order.
func TestProduceBehindAParkedFetch(t *testing.T) {
	n := start(t, rig{})
	n.topic(t, "t", 2, nil)
	n.topic(t, "u", 2, nil)
	other := n.dial(t)
	for index := range int32(2) {
		w := n.dial(t)
		n.park(t, w, 12, patient("t", index, 0))
		fetch := w.corr
		for i := range int32(3) {
			w.send(kafkaproto.KeyProduce, 9, produceReq(-1, "u", (index+i)%2, raw(t, batch.Builder{}, "a")))
		}
		eventually(t, "the produce is done", func() bool { return n.end(t, "u", 0)+n.end(t, "u", 1) == int64(3*(index+1)) })
		other.produce(9, "t", index, raw(t, batch.Builder{}, "a"))
		var resp kafkaproto.FetchResponse
		w.next(kafkaproto.KeyFetch, 12, fetch, &resp)
		for i := range int32(3) {
			w.next(kafkaproto.KeyProduce, 9, fetch+1+i, new(kafkaproto.ProduceResponse))
		}
	}
}

// TestParkedFetchEnds: with its connection, and with its topic.
func TestParkedFetchEnds(t *testing.T) {
	n := start(t, rig{})
	n.topic(t, "t", 2, nil)
	for index := range int32(2) {
		w := n.dial(t)
		n.park(t, w, 12, patient("t", index, 0))
		check(t, w.conn.Close())
		eventually(t, "nothing waits", func() bool { return n.parked(t) == 0 && n.waiters(t, "t", index) == 0 })
	}
	w, v := n.dial(t), n.dial(t)
	n.park(t, w, 12, patient("t", 0, 0))
	n.park(t, v, 12, patient("t", 1, 0))
	check(t, n.store.DeleteTopic(context.Background(), "t", kafkaproto.TopicID{}))
	wantCode(t, "deleted", woken(t, w).ErrorCode, kafkaproto.UnknownTopicOrPartition)
	wantCode(t, "deleted", woken(t, v).ErrorCode, kafkaproto.UnknownTopicOrPartition)
}

// TestNothingLeaks: clients that go away in the middle of everything leave no
// slab behind.
func TestNothingLeaks(t *testing.T) {
	for _, engine := range []string{"io_uring", "pwrite"} {
		n := start(t, rig{engine: engine})
		n.topic(t, "t", 4, nil)
		value := string(make([]byte, 100_000))
		for i := range 40 {
			w := n.dial(t)
			var all []byte
			for j := range int32(8) {
				all = append(all, frameOf(kafkaproto.KeyProduce, 9, 4*j, produceReq(-1, "t", j%4, raw(t, batch.Builder{}, value)))...)
				all = append(all, frameOf(kafkaproto.KeyFetch, 12, 4*j+1, fetchReq("t", j%4, 0))...)
			}
			all = append(all, frameOf(kafkaproto.KeyFetch, 12, 99, patient("t", int32(i%4), 1<<40))...)
			_, err := w.conn.Write(all[:len(all)-i*37])
			check(t, err)
			if i%2 == 0 {
				w.next(kafkaproto.KeyProduce, 9, 0, new(kafkaproto.ProduceResponse))
			}
			check(t, w.conn.Close())
		}
		eventually(t, "all connections are gone", func() bool { return n.group.Connections() == 0 })
		n.noFrames(t)
		n.arenasEmpty(t)
	}
}
