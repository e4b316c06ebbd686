package broker_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"umbra/kafkaproto"
	"umbra/kafkaproto/batch"
)

// TestFetchesShareMemory: fetches of every shape, one after the other over several
// connections, use the same memory; each answer is about what was asked for and nothing
// else.
func TestFetchesShareMemory(t *testing.T) {
	const topics, partitions = 4, 6
	n := start(t, rig{shards: 2})
	w := n.dial(t)
	held := map[string][]byte{}
	for i := range topics {
		name := fmt.Sprint("t", i)
		n.topic(t, name, partitions, nil)
		for p := range int32(partitions) {
			if b := raw(t, batch.Builder{}, fmt.Sprint(name, " ", p)); p%3 != 2 { // a third is empty
				wantCode(t, "produce", w.produce(9, name, p, b).ErrorCode, kafkaproto.None)
				held[fmt.Sprint(name, p)] = b
			}
		}
	}
	clients := []*wire{w, n.dial(t), n.dial(t)}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 400 {
		m := kafkaproto.NewFetchRequest()
		m.MaxBytes, m.IsolationLevel = 64<<20, int8(rng.IntN(2))
		m.MaxWaitMillis, m.MinBytes = 1, int32(1+rng.IntN(2)*1e6) // half of them park
		for _, i := range rng.Perm(topics)[:1+rng.IntN(topics)] {
			topic := kafkaproto.FetchRequestTopic{Topic: fmt.Sprint("t", i)}
			for _, index := range rng.Perm(partitions + 1)[:1+rng.IntN(partitions)] { // the last does not exist
				p := kafkaproto.NewFetchRequestTopicPartition()
				p.Partition, p.PartitionMaxBytes = int32(index), 1<<20
				topic.Partitions = append(topic.Partitions, p)
			}
			m.Topics = append(m.Topics, topic)
		}
		resp := ask[kafkaproto.FetchResponse](clients[rng.IntN(len(clients))], kafkaproto.KeyFetch, 12, &m)
		if resp.ErrorCode != 0 || len(resp.Topics) != len(m.Topics) {
			t.Fatalf("asked for %+v, got %+v", m.Topics, resp)
		}
		for i, topic := range resp.Topics {
			if topic.Topic != m.Topics[i].Topic || len(topic.Partitions) != len(m.Topics[i].Partitions) {
				t.Fatalf("asked for %+v, got %+v", m.Topics[i], topic)
			}
			for j, p := range topic.Partitions {
				checkShared(t, held, topic.Topic, m.Topics[i].Partitions[j].Partition, m.IsolationLevel == 1, p)
			}
		}
	}
}

func checkShared(t *testing.T, held map[string][]byte, topic string, index int32, committed bool, p kafkaproto.FetchResponseTopicPartition) {
	t.Helper()
	want, code := held[fmt.Sprint(topic, index)], kafkaproto.None
	if index == 6 {
		code = kafkaproto.UnknownTopicOrPartition
	}
	if p.Partition != index || p.ErrorCode != int16(code) || !bytes.Equal(p.RecordBatches, want) || code == 0 && committed != (p.AbortedTransactions != nil) {
		t.Fatalf("%s-%d: answer for %d, error %d, %d bytes of %d, aborted %v of a committed read %v", topic, index, p.Partition, p.ErrorCode,
			len(p.RecordBatches), len(want), p.AbortedTransactions, committed)
	}
}
