package broker_test

import (
	"fmt"
	"strings"
	"testing"

	"umbra/core/link/spec"
	"umbra/core/metadata"
	"umbra/kafkaproto"
	"umbra/kafkaproto/batch"
)

// attempt is one way to change a topic. It gives the code and the message, ""
// where the version or the API has none.
type attempt struct {
	name          string
	first, last   int16
	messagesSince int16 // -1: the API has no message
	do            func(w *wire, version int16, topic string) (int16, *string)
}

// attempts are all ways a client has to change a topic. Those that only ask
// whether they could are among them.
func attempts() []attempt {
	list := []attempt{
		{"Produce", 3, 11, 8, func(w *wire, v int16, topic string) (int16, *string) {
			p := w.produce(v, topic, 1, raw(w.t, batch.Builder{}, "x"))
			return p.ErrorCode, p.ErrorMessage
		}},
		{"Produce by an idempotent producer", 3, 11, 8, func(w *wire, v int16, topic string) (int16, *string) {
			p := w.produce(v, topic, 1, raw(w.t, batch.Builder{Producer: &batch.Producer{ID: 5}}, "x"))
			return p.ErrorCode, p.ErrorMessage
		}},
		{"DeleteRecords", 0, 2, -1, func(w *wire, v int16, topic string) (int16, *string) {
			return w.trim(v, topic, cutTo{Partition: 1, Offset: -1})[0].ErrorCode, nil
		}},
		{"DeleteTopics", 1, 6, 5, func(w *wire, v int16, topic string) (int16, *string) {
			a := w.remove(v, topic)[0]
			return a.ErrorCode, a.ErrorMessage
		}},
		{"CreateTopics", 2, 7, 2, func(w *wire, v int16, topic string) (int16, *string) {
			a := w.create(v, wanted(topic))[topic]
			return a.ErrorCode, a.ErrorMessage
		}},
	}
	for _, validateOnly := range []bool{true, false} {
		name := fmt.Sprintf(" (validate only: %v)", validateOnly)
		list = append(list,
			attempt{"CreatePartitions" + name, 0, 3, 0, func(w *wire, v int16, topic string) (int16, *string) {
				a := w.grow(v, validateOnly, grow{Topic: topic, Count: 9})[0]
				return a.ErrorCode, a.ErrorMessage
			}},
			attempt{"AlterConfigs" + name, 0, 2, 0, func(w *wire, v int16, topic string) (int16, *string) {
				a := ask[kafkaproto.AlterConfigsResponse](w, kafkaproto.KeyAlterConfigs, v, &kafkaproto.AlterConfigsRequest{ValidateOnly: validateOnly,
					Resources: []alter{{ResourceType: topicKind, ResourceName: topic, Configs: []alterOne{{Name: "retention.ms", Value: ptr("1")}}}}}).Resources[0]
				return a.ErrorCode, a.ErrorMessage
			}},
			attempt{"IncrementalAlterConfigs" + name, 0, 1, 0, func(w *wire, v int16, topic string) (int16, *string) {
				a := ask[kafkaproto.IncrementalAlterConfigsResponse](w, kafkaproto.KeyIncrementalAlterConfigs, v,
					&kafkaproto.IncrementalAlterConfigsRequest{ValidateOnly: validateOnly, Resources: []change{onTopic(topic, op(opSet, "retention.ms", "1"))}}).Resources[0]
				return a.ErrorCode, a.ErrorMessage
			}})
	}
	return list
}

// TestEveryWriteToAShadowIsRefused: each way, in each state a shadow topic has,
// at each version, leaves log and metadata as they were (W1), and where the
// protocol has room the client reads link, state and what to do.
func TestEveryWriteToAShadowIsRefused(t *testing.T) {
	n := startAdmin(t, nil)
	n.link("dr", "orders")
	top := n.shadow("dr", "orders", 2)
	n.fill(top, 0, 2)
	n.fill(top, 1, 3)
	w := n.dial()
	refused := func(state spec.TopicState, next string) {
		t.Helper()
		before := n.store.Snapshot().Topics["orders"]
		if before.Shadow.State != state {
			t.Fatalf("the topic is %s, want %s", before.Shadow.State, state)
		}
		for _, a := range attempts() {
			for v := a.first; v <= a.last; v++ {
				what := fmt.Sprintf("%s v%d while %s", a.name, v, state)
				code, message := a.do(w, v, "orders")
				if a.name == "CreateTopics" {
					wantCode(t, what, code, kafkaproto.TopicAlreadyExists)
					continue
				}
				wantCode(t, what, code, kafkaproto.PolicyViolation)
				if a.messagesSince < 0 || v < a.messagesSince {
					continue
				}
				for _, word := range []string{`"orders"`, `"dr"`, state.String(), next} {
					if !strings.Contains(text(message), word) {
						t.Errorf("%s: message %q does not say %s", what, text(message), word)
					}
				}
			}
		}
		n.wantUntouched(before)
	}
	const failover = "umbra failover dr --topic orders"
	refused(spec.Active, failover)
	n.moveShadow(top, spec.EventPause)
	refused(spec.Paused, failover)
	n.moveShadow(top, spec.EventFault)
	refused(spec.Faulted, failover)
	n.moveShadow(top, spec.EventFailover)
	refused(spec.FailingOver, "umbra link status dr")
}

// TestRefusalsAreCounted: who tries to change a shadow topic shows in the
// figures, whatever API it was.
func TestRefusalsAreCounted(t *testing.T) {
	n := startAdmin(t, nil)
	n.link("dr", "orders")
	n.shadow("dr", "orders", 2)
	n.make("local", 1)
	w := n.dial()
	tried := uint64(0)
	for _, a := range attempts() {
		a.do(w, a.last, "orders")
		if a.name != "CreateTopics" { // the name exists: nothing of the shadow is touched
			tried++
		}
	}
	w.grow(3, false, grow{Topic: "local", Count: 1}, grow{Topic: "nope", Count: 1})
	w.metadata(12, named("nope"))
	eventually(t, "the figures show all of it", func() bool {
		stats, err := n.broker.Stats(t.Context())
		check(t, err)
		shadow, local := uint64(0), uint64(0)
		codes := map[kafkaproto.ErrorCode]uint64{}
		for _, s := range stats {
			shadow += s.ShadowRejected["orders"]
			local += s.ShadowRejected["local"]
			for c, n := range s.Errors {
				codes[c] += n
			}
		}
		return shadow == tried && local == 0 && codes[kafkaproto.PolicyViolation] == tried && codes[kafkaproto.InvalidPartitions] == 1 &&
			codes[kafkaproto.UnknownTopicOrPartition] == 2 && codes[kafkaproto.TopicAlreadyExists] == 1
	})
}

// wantUntouched checks that nothing of a shadow topic with 2 and 3 records has
// changed.
func (n *adminNode) wantUntouched(before *metadata.Topic) {
	n.t.Helper()
	if now := n.store.Snapshot().Topics[before.Name]; now != before {
		n.t.Errorf("the topic's metadata changed: %+v, before %+v", now, before)
	}
	for i, end := range []int64{2, 3} {
		if p := n.published(before, int32(i)); p.LogStart != 0 || p.LogEnd != end || p.HighWatermark != end {
			n.t.Errorf("partition %d is %+v, want a log from 0 to %d", i, p, end)
		}
	}
}

// TestWritesWorkAfterFailover: the same attempts on the same topic, once it is
// FAILED_OVER.
func TestWritesWorkAfterFailover(t *testing.T) {
	n := startAdmin(t, nil)
	n.link("dr", "orders")
	top := n.shadow("dr", "orders", 2)
	n.fill(top, 1, 3)
	term := n.moveShadow(top, spec.EventFailover, spec.EventFailoverDone).Term()
	eventually(t, "the logs have the term of the failover", func() bool { return n.termOf(top, 0) == term && n.termOf(top, 1) == term })
	w := n.dial()
	for _, a := range attempts() {
		code, message := int16(0), (*string)(nil)
		switch a.name {
		case "DeleteTopics": // below: it ends the topic
		case "CreateTopics": // the topic exists, failed over or not
		default:
			code, message = a.do(w, a.last, "orders")
		}
		if code != 0 {
			t.Errorf("%s v%d: %v %s", a.name, a.last, kafkaproto.ErrorCode(code), text(message))
		}
	}
	now := n.store.Snapshot().Topics["orders"]
	if len(now.Partitions) != 9 || now.Configs["retention.ms"] != "1" {
		t.Errorf("%d partitions, configs %v", len(now.Partitions), now.Configs)
	}
	eventually(t, "the records are there and then deleted", func() bool {
		p := n.published(top, 1)
		return p.LogStart == 5 && p.LogEnd == 5
	})
	wantCode(t, "deleted", w.remove(6, "orders")[0].ErrorCode, kafkaproto.None)
	// The link is still there and takes the name: only it may make the topic again.
	a := w.create(7, wanted("orders"))["orders"]
	wantCode(t, "the name after deletion", a.ErrorCode, kafkaproto.PolicyViolation)
	if !strings.Contains(text(a.ErrorMessage), `link "dr"`) || !strings.Contains(text(a.ErrorMessage), "exclude") {
		t.Errorf("message %q", text(a.ErrorMessage))
	}
}

// TestRefusedBesideOthers: a shadow topic in a request does not keep the other
// topics of the request from changing.
func TestRefusedBesideOthers(t *testing.T) {
	n := startAdmin(t, nil)
	n.link("dr", "orders")
	n.shadow("dr", "orders", 1)
	n.make("local", 1)
	w := n.dial()
	grown := w.grow(3, false, grow{Topic: "orders", Count: 2}, grow{Topic: "local", Count: 2})
	wantCode(t, "shadow", grown[0].ErrorCode, kafkaproto.PolicyViolation)
	wantCode(t, "local", grown[1].ErrorCode, kafkaproto.None)
	changed := w.change(1, false, onTopic("orders", op(opSet, "retention.ms", "1")), onTopic("local", op(opSet, "retention.ms", "1")))
	wantSays(t, "shadow", changed[0], "POLICY_VIOLATION")
	wantSays(t, "local", changed[1], okay)
	removed := w.remove(6, "orders", "local")
	wantCode(t, "shadow", removed[0].ErrorCode, kafkaproto.PolicyViolation)
	wantCode(t, "local", removed[1].ErrorCode, kafkaproto.None)
}
