package broker

import (
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
	f(10, 100, 1)
	for range 2 * producesMax {
		f(1, 1, min(len(l.produces)+1, producesMax))
	}
}
