package broker

import (
	"strings"
	"testing"

	"umbra/kafkaproto"
)

// endedFetch is one that was answered and had so many topics and partitions.
func endedFetch(l *loop, topics, partitions int) *fetch {
	f := l.newFetch(&request{loop: l})
	f.m.Topics = make([]kafkaproto.FetchRequestTopic, topics)
	for range partitions {
		f.add("t", kafkaproto.TopicID{}, &kafkaproto.FetchRequestTopicPartition{}, new(sessionPart))
	}
	return f
}

// The memory of a request of many partitions is not kept for the next one.
func TestFetchKeepsLittleMemory(t *testing.T) {
	l := &loop{}
	f := func(topics, partitions, want int) {
		t.Helper()
		if endedFetch(l, topics, partitions).recycle(); len(l.fetches) != want {
			t.Errorf("%d topics, %d partitions: %d are kept, want %d", topics, partitions, len(l.fetches), want)
		}
	}
	f(1, 100_000, 0)
	f(100_000, 1, 0)
	inside := endedFetch(l, 1, 1)
	inside.m.Topics[0].Partitions = make([]kafkaproto.FetchRequestTopicPartition, 0, 100_000)
	if inside.recycle(); len(l.fetches) != 0 {
		t.Error("a topic that had many partitions is kept")
	}
	named := endedFetch(l, 1, 1)
	named.m.Topics[0].Topic = strings.Repeat("x", topicNameMax+1)
	if named.recycle(); len(l.fetches) != 0 {
		t.Error("a long name is kept")
	}
	f(85, 85, 1) // a consumer of many small topics
	f(10, 100, 1)
	var ended []*fetch
	for range 2 * fetchesMax {
		ended = append(ended, endedFetch(l, 1, 1))
	}
	for _, e := range ended {
		if e.recycle(); len(l.fetches) > fetchesMax {
			t.Fatalf("%d are kept", len(l.fetches))
		}
	}
}

// What a fetch was about is not held by its memory, and not seen by the next one.
func TestFetchMemoryIsEmpty(t *testing.T) {
	l := &loop{}
	f := endedFetch(l, 2, 3)
	items := f.items
	f.cancelled, f.serial, f.committed, f.incremental = true, true, true, true
	f.recycle()
	for _, it := range items {
		if it.name != "" || it.part != nil {
			t.Errorf("an item kept %q and %v", it.name, it.part)
		}
	}
	g := l.newFetch(&request{loop: l})
	if kept := l.fetches[:1][0]; kept != nil {
		t.Error("the list still refers to what was taken from it")
	}
	if g != f || len(g.items) != 0 || g.cancelled || g.serial || g.committed || g.incremental || g.session != nil || g.r == nil {
		t.Errorf("the next one begins as %+v", g)
	}
	g.add("u", kafkaproto.TopicID{}, &kafkaproto.FetchRequestTopicPartition{Partition: 7}, nil)
	if g.items[0] != items[0] || g.items[0].index != 7 || g.items[0].part != nil {
		t.Errorf("its item is %+v", g.items[0])
	}
}

// The loop's answer begins empty, in the memory of the one before unless that was large.
func TestAnswerMemory(t *testing.T) {
	l := &loop{}
	fill := func(topics, partitions int) {
		defer l.answerOut()
		resp := l.answerIn()
		if len(resp.Topics) != 0 || len(resp.Brokers) != 0 || resp.ErrorCode != 0 || resp.SessionID != 0 {
			t.Fatalf("an answer begins as %+v", resp)
		}
		resp.ErrorCode, resp.SessionID, resp.Brokers = 1, 2, make([]kafkaproto.FetchResponseBroker, 1)
		for range topics {
			answerTopic(resp, "t", kafkaproto.TopicID{})
			at := &resp.Topics[len(resp.Topics)-1]
			if len(at.Partitions) != 0 {
				t.Fatalf("a topic begins with %+v", at.Partitions)
			}
			for range partitions {
				at.Partitions = append(at.Partitions, kafkaproto.FetchResponseTopicPartition{AbortedTransactions: make([]kafkaproto.FetchResponseTopicPartitionAbortedTransaction, 1)})
			}
		}
	}
	fill(3, 10)
	before := l.answer.Topics[:1][0].Partitions[:10]
	fill(1, 5)
	if &before[0] != &l.answer.Topics[:1][0].Partitions[:1][0] {
		t.Error("the memory is not used again")
	}
	if before[9].AbortedTransactions != nil {
		t.Error("an old answer's transactions are held")
	}
	fill(1, 2*answerItemsMax)
	if cap(l.answer.Topics) != 0 {
		t.Error("the memory of a large answer is kept")
	}
}
