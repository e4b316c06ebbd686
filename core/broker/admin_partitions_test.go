package broker_test

import (
	"fmt"
	"strings"
	"testing"

	"umbra/core/metadata"
	"umbra/kafkaproto"
)

type grow = kafkaproto.CreatePartitionsRequestTopic

func (w *wire) grow(version int16, validateOnly bool, topics ...grow) []kafkaproto.CreatePartitionsResponseTopic {
	w.t.Helper()
	return ask[kafkaproto.CreatePartitionsResponse](w, kafkaproto.KeyCreatePartitions, version,
		&kafkaproto.CreatePartitionsRequest{Topics: topics, TimeoutMillis: long, ValidateOnly: validateOnly}).Topics
}

func on(brokers ...int32) kafkaproto.CreatePartitionsRequestTopicAssignment {
	return kafkaproto.CreatePartitionsRequestTopicAssignment{Replicas: brokers}
}

type onBrokers = []kafkaproto.CreatePartitionsRequestTopicAssignment

func TestCreatePartitions(t *testing.T) {
	n := startAdmin(t, nil)
	top := n.make("orders", 1)
	n.fill(top, 0, 2)
	w := n.dial()
	for v := int16(0); v <= 3; v++ {
		count := int32(3 + 2*v)
		wantCode(t, "validated", w.grow(v, true, grow{Topic: "orders", Count: count})[0].ErrorCode, kafkaproto.None)
		if got := w.metadata(12, named("orders")).Topics[0].Partitions; len(got) == int(count) {
			t.Errorf("v%d: validating added partitions", v)
		}
		a := w.grow(v, false, grow{Topic: "orders", Count: count - 1}, grow{Topic: "nope", Count: 2})
		wantCode(t, "grown", a[0].ErrorCode, kafkaproto.None)
		wantCode(t, "unknown", a[1].ErrorCode, kafkaproto.UnknownTopicOrPartition)
		wantCode(t, "grown with an assignment", w.grow(v, false, grow{Topic: "orders", Count: count, Assignment: onBrokers{on(nodeID)}})[0].ErrorCode, kafkaproto.None)
		got := w.metadata(12, named("orders")).Topics[0]
		if len(got.Partitions) != int(count) || got.TopicID != top.ID {
			t.Fatalf("v%d: %d partitions of %s, want %d of %s", v, len(got.Partitions), got.TopicID, count, top.ID)
		}
		for _, p := range got.Partitions {
			wantCode(t, "a partition after the answer", p.ErrorCode, kafkaproto.None)
		}
	}
	if p := n.published(top, 0); p.LogEnd != 2 {
		t.Errorf("the old partition's log end is %d", p.LogEnd)
	}
}

func TestCreatePartitionsRefuses(t *testing.T) {
	n := startAdmin(t, nil)
	n.make("orders", 3)
	w := n.dial()
	for v := int16(0); v <= 3; v++ {
		for _, validateOnly := range []bool{false, true} {
			f := func(ask grow, want kafkaproto.ErrorCode, says string) {
				t.Helper()
				a := w.grow(v, validateOnly, ask)[0]
				wantCode(t, fmt.Sprintf("v%d %+v", v, ask), a.ErrorCode, want)
				if !strings.Contains(text(a.ErrorMessage), says) {
					t.Errorf("v%d %+v: message %q, want it to say %q", v, ask, text(a.ErrorMessage), says)
				}
			}
			f(grow{Topic: "orders", Count: 3}, kafkaproto.InvalidPartitions, "has 3 partitions")
			f(grow{Topic: "orders", Count: 2}, kafkaproto.InvalidPartitions, "only ever added")
			f(grow{Topic: "orders", Count: -1}, kafkaproto.InvalidPartitions, "not -1")
			f(grow{Topic: "orders", Count: metadata.PartitionsMax + 1}, kafkaproto.InvalidPartitions, "not 20001")
			f(grow{Topic: "bad name", Count: 4}, kafkaproto.InvalidTopicException, "letters")
			f(grow{Topic: "orders", Count: 5, Assignment: onBrokers{on(nodeID)}}, kafkaproto.InvalidReplicaAssignment, "2 more")
			f(grow{Topic: "orders", Count: 5, Assignment: onBrokers{on(nodeID), on(8)}}, kafkaproto.InvalidReplicaAssignment, "partition 4: broker 8")
			f(grow{Topic: "orders", Count: 4, Assignment: onBrokers{on()}}, kafkaproto.InvalidReplicaAssignment, "no broker")
			f(grow{Topic: "orders", Count: 4, Assignment: onBrokers{}}, kafkaproto.InvalidReplicaAssignment, "1 more")
		}
		a := w.grow(v, false, grow{Topic: "orders", Count: 5}, grow{Topic: "orders", Count: 6})
		if len(a) != 1 {
			t.Errorf("v%d: %d answers for one topic", v, len(a))
		}
		wantCode(t, "twice", a[0].ErrorCode, kafkaproto.InvalidRequest)
	}
	if got := len(n.store.Snapshot().Topics["orders"].Partitions); got != 3 {
		t.Errorf("%d partitions after refusals", got)
	}
}
