package broker

import (
	"strings"
	"testing"

	"umbra/kafkaproto"
)

// The memory of a request of a million partitions is not kept for the next one.
func TestProduceKeepsLittleMemory(t *testing.T) {
	l := &loop{broker: &Broker{}}
	f := func(topics, parts, want int) {
		t.Helper()
		p := &produce{r: &request{loop: l}, parts: make([]producePart, parts)}
		p.m.Topics = make([]kafkaproto.ProduceRequestTopic, topics)
		if p.recycle(); len(l.produces) != want {
			t.Errorf("%d topics, %d partitions: %d are kept, want %d", topics, parts, len(l.produces), want)
		}
	}
	f(1, 100_000, 0)
	f(100_000, 1, 0)
	named := &produce{r: &request{loop: l}}
	named.m.Topics = []kafkaproto.ProduceRequestTopic{{Topic: strings.Repeat("x", topicNameMax+1)}}
	if named.recycle(); len(l.produces) != 0 {
		t.Error("a long name is kept")
	}
	inside := &produce{r: &request{loop: l}}
	inside.m.Topics = []kafkaproto.ProduceRequestTopic{{Partitions: make([]kafkaproto.ProduceRequestTopicPartition, 0, 100_000)}}
	if inside.recycle(); len(l.produces) != 0 {
		t.Error("a topic that had many partitions is kept")
	}
	full := &produce{r: &request{loop: l}}
	parts := []kafkaproto.ProduceRequestTopicPartition{{Records: []byte("records")}}
	full.m.TransactionID, full.m.Topics = new(string), []kafkaproto.ProduceRequestTopic{{Partitions: parts}}
	if full.recycle(); parts[0].Records != nil || full.m.TransactionID != nil {
		t.Error("what a request was about is held by its memory")
	}
	l.produces = nil
	f(10, 100, 1)
	for range 2 * producesMax {
		f(1, 1, min(len(l.produces)+1, producesMax))
	}
}
