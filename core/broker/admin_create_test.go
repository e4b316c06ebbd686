package broker_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"umbra/core/metadata"
	"umbra/kafkaproto"
)

type (
	newTopic   = kafkaproto.CreateTopicsRequestTopic
	assignment = kafkaproto.CreateTopicsRequestTopicReplicaAssignment
	newConfig  = kafkaproto.CreateTopicsRequestTopicConfig
	newAnswer  = kafkaproto.CreateTopicsResponseTopic
)

const long = 30_000 // ms: no test waits for it

// create sends one CreateTopics request and gives the answers by topic.
func (w *wire) create(version int16, topics ...newTopic) map[string]newAnswer {
	w.t.Helper()
	r := ask[kafkaproto.CreateTopicsResponse](w, kafkaproto.KeyCreateTopics, version, &kafkaproto.CreateTopicsRequest{Topics: topics, TimeoutMillis: long})
	return byTopic(w.t, r)
}

func byTopic(t testing.TB, r *kafkaproto.CreateTopicsResponse) map[string]newAnswer {
	t.Helper()
	out := map[string]newAnswer{}
	for _, a := range r.Topics {
		if _, twice := out[a.Topic]; twice {
			t.Errorf("topic %q is answered twice", a.Topic)
		}
		out[a.Topic] = a
	}
	return out
}

// wanted asks for a topic with the broker's defaults.
func wanted(name string) newTopic {
	return newTopic{Topic: name, NumPartitions: -1, ReplicationFactor: -1}
}

// TestCreateTopicsAnswers: what each version tells, and that Metadata shows the
// topic with open partitions when the answer is there.
func TestCreateTopicsAnswers(t *testing.T) {
	n := startAdmin(t, map[string]string{"num.partitions": "2"})
	w := n.dial()
	for v := int16(2); v <= 7; v++ {
		name := fmt.Sprintf("v%d", v)
		ask := newTopic{Topic: name, NumPartitions: 3, ReplicationFactor: 1, Configs: []newConfig{set("retention.ms", "1234")}}
		byDefault := wanted(name + "-default")
		got := w.create(v, ask, byDefault)
		a := got[name]
		if a.ErrorCode != 0 || a.ErrorMessage != nil || got[byDefault.Topic].ErrorCode != 0 {
			t.Fatalf("v%d: %+v", v, got)
		}
		shown := w.metadata(12, named(name, byDefault.Topic))
		if len(shown.Topics[0].Partitions) != 3 || len(shown.Topics[1].Partitions) != 2 {
			t.Errorf("v%d: metadata shows %+v", v, shown.Topics)
		}
		for _, p := range shown.Topics[0].Partitions {
			wantCode(t, "a partition after the answer", p.ErrorCode, kafkaproto.None)
		}
		if v >= 5 && (a.NumPartitions != 3 || a.ReplicationFactor != 1 || valueIn(a.Configs, "retention.ms") != "1234 from 1" || valueIn(a.Configs, "segment.bytes") != "1073741824 from 5") {
			t.Errorf("v%d: %+v", v, a)
		}
		if v >= 7 && a.TopicID != shown.Topics[0].TopicID {
			t.Errorf("v%d: topic id %s, metadata says %s", v, a.TopicID, shown.Topics[0].TopicID)
		}
	}
}

func valueIn(configs []kafkaproto.CreateTopicsResponseTopicConfig, name string) string {
	for _, c := range configs {
		if c.Name == name {
			return fmt.Sprintf("%s from %d", text(c.Value), c.Source)
		}
	}
	return "not there"
}

// TestCreateTopicsRefuses: every rule, at the oldest and the newest version,
// in one request beside a topic that is created all the same.
func TestCreateTopicsRefuses(t *testing.T) {
	n := startAdmin(t, nil)
	n.make("here", 1)
	n.make("with.dot", 1)
	n.link("dr", "shadowed-*")
	n.shadow("dr", "shadowed-1", 1)
	cases := []struct {
		ask  newTopic
		code kafkaproto.ErrorCode
		says string
	}{
		{newTopic{Topic: "here", NumPartitions: 1, ReplicationFactor: 3}, kafkaproto.TopicAlreadyExists, "already exists"},
		{wanted("shadowed-1"), kafkaproto.TopicAlreadyExists, "already exists"},
		{wanted("shadowed-2"), kafkaproto.PolicyViolation, `link "dr"`},
		{wanted("with_dot"), kafkaproto.InvalidTopicException, "with.dot"},
		{wanted("bad name"), kafkaproto.InvalidTopicException, "letters"},
		{wanted(""), kafkaproto.InvalidTopicException, "empty"},
		{wanted(".."), kafkaproto.InvalidTopicException, "reserved"},
		{wanted(strings.Repeat("x", 250)), kafkaproto.InvalidTopicException, "longer"},
		{wanted("__consumer_offsets"), kafkaproto.InvalidRequest, "belongs to the broker"},
		{newTopic{Topic: "p0", NumPartitions: 0, ReplicationFactor: 1}, kafkaproto.InvalidPartitions, "-1 for the default"},
		{newTopic{Topic: "p-2", NumPartitions: -2, ReplicationFactor: 1}, kafkaproto.InvalidPartitions, "-1 for the default"},
		{newTopic{Topic: "pmax", NumPartitions: metadata.PartitionsMax + 1, ReplicationFactor: 1}, kafkaproto.InvalidPartitions, "not possible"},
		{newTopic{Topic: "rf0", NumPartitions: 1, ReplicationFactor: 0}, kafkaproto.InvalidReplicationFactor, "-1 for the default"},
		{newTopic{Topic: "rf2", NumPartitions: 1, ReplicationFactor: 2}, kafkaproto.InvalidReplicationFactor, "number of brokers (1)"},
		{with("c1", set("retention.ms", "soon")), kafkaproto.InvalidConfig, "retention.ms"},
		{with("c2", set("retention.msec", "1")), kafkaproto.InvalidConfig, "unknown topic config"},
		{with("c3", newConfig{Name: "retention.ms"}), kafkaproto.InvalidConfig, "null"},
		{with("c4", set("cleanup.policy", "shred")), kafkaproto.InvalidConfig, "cleanup.policy"},
		{with("c5", set("remote.storage.enable", "true")), kafkaproto.InvalidConfig, "cannot be changed"},
		{placed("a1", 1, 1, nodeID), kafkaproto.InvalidRequest, "must be -1"},
		{placed("a2", -1, -1, 99), kafkaproto.InvalidReplicaAssignment, "broker 99 does not exist"},
		{placed("a3", -1, -1, nodeID, nodeID), kafkaproto.InvalidReplicaAssignment, "twice"},
		{placed("a4", -1, -1), kafkaproto.InvalidReplicaAssignment, "no broker"},
		{newTopic{Topic: "a5", NumPartitions: -1, ReplicationFactor: -1, ReplicaAssignment: []assignment{replica(1, nodeID)}},
			kafkaproto.InvalidReplicaAssignment, "partitions 0 to 0"},
		{newTopic{Topic: "a6", NumPartitions: -1, ReplicationFactor: -1, ReplicaAssignment: []assignment{replica(0, nodeID), replica(0, nodeID)}},
			kafkaproto.InvalidReplicaAssignment, "named twice"},
	}
	before := len(n.store.Snapshot().Topics)
	w := n.dial()
	for i, v := range []int16{2, 4, 5, 7} {
		good := fmt.Sprintf("good-%d", i)
		asked := []newTopic{wanted(good)}
		for _, c := range cases {
			asked = append(asked, c.ask)
		}
		got := w.create(v, asked...)
		wantCode(t, "the good one", got[good].ErrorCode, kafkaproto.None)
		for _, c := range cases {
			a := got[c.ask.Topic]
			wantCode(t, fmt.Sprintf("v%d %q", v, c.ask.Topic), a.ErrorCode, c.code)
			if !strings.Contains(text(a.ErrorMessage), c.says) {
				t.Errorf("v%d %q: message %q, want it to say %q", v, c.ask.Topic, text(a.ErrorMessage), c.says)
			}
			if v >= 5 && (a.NumPartitions != -1 || a.ReplicationFactor != -1 || len(a.Configs) != 0) {
				t.Errorf("v%d %q: refused, and yet %+v", v, c.ask.Topic, a)
			}
		}
	}
	if got := len(n.store.Snapshot().Topics); got != before+4 {
		t.Errorf("%d topics, want the %d from before and 4 good ones", got, before)
	}
}

func set(name, value string) newConfig { return newConfig{Name: name, Value: &value} }

func replica(partition int32, brokers ...int32) assignment {
	return assignment{Partition: partition, Replicas: brokers}
}

func with(name string, configs ...newConfig) newTopic {
	t := wanted(name)
	t.Configs = configs
	return t
}

func placed(name string, partitions int32, rf int16, replicas ...int32) newTopic {
	return newTopic{Topic: name, NumPartitions: partitions, ReplicationFactor: rf, ReplicaAssignment: []assignment{replica(0, replicas...)}}
}

func TestCreateTopicsManualAssignment(t *testing.T) {
	n := startAdmin(t, nil)
	ask := wanted("orders")
	ask.ReplicaAssignment = []assignment{replica(1, nodeID), replica(0, nodeID)}
	got := n.dial().create(7, ask)
	wantCode(t, "assigned", got["orders"].ErrorCode, kafkaproto.None)
	if top := n.store.Snapshot().Topics["orders"]; top == nil || len(top.Partitions) != 2 {
		t.Errorf("%+v", top)
	}
}

// TestCreateTopicsValidateOnly answers like the real thing and makes nothing.
func TestCreateTopicsValidateOnly(t *testing.T) {
	n := startAdmin(t, map[string]string{"num.partitions": "5"})
	n.make("here", 1)
	w := n.dial()
	for v := int16(2); v <= 7; v++ {
		r := byTopic(t, ask[kafkaproto.CreateTopicsResponse](w, kafkaproto.KeyCreateTopics, v, &kafkaproto.CreateTopicsRequest{
			Topics: []newTopic{wanted("orders"), wanted("here"), with("bad", set("retention.ms", "x"))}, TimeoutMillis: long, ValidateOnly: true}))
		wantCode(t, "would work", r["orders"].ErrorCode, kafkaproto.None)
		wantCode(t, "exists", r["here"].ErrorCode, kafkaproto.TopicAlreadyExists)
		wantCode(t, "bad config", r["bad"].ErrorCode, kafkaproto.InvalidConfig)
		if o := r["orders"]; v >= 5 && (o.NumPartitions != 5 || o.ReplicationFactor != 1 || valueIn(o.Configs, "retention.ms") != "604800000 from 5") || !o.TopicID.IsZero() {
			t.Errorf("v%d: %+v", v, o)
		}
	}
	if len(n.store.Snapshot().Topics) != 1 {
		t.Error("validating made a topic")
	}
}

func TestCreateTopicsTwiceInOneRequest(t *testing.T) {
	n := startAdmin(t, nil)
	got := n.dial().create(5, wanted("twice"), wanted("once"), wanted("twice"))
	wantCode(t, "twice", got["twice"].ErrorCode, kafkaproto.InvalidRequest)
	wantCode(t, "once", got["once"].ErrorCode, kafkaproto.None)
	if n.store.Snapshot().Topics["twice"] != nil {
		t.Error("a topic that stands in the request twice was created")
	}
}

// TestCreateTopicsWithoutWaiting: a timeout of 0 starts the work and says
// REQUEST_TIMED_OUT, which librdkafka's clients expect and hide.
func TestCreateTopicsWithoutWaiting(t *testing.T) {
	n := startAdmin(t, nil)
	w := n.dial()
	r := ask[kafkaproto.CreateTopicsResponse](w, kafkaproto.KeyCreateTopics, 4, &kafkaproto.CreateTopicsRequest{Topics: []newTopic{
		{Topic: "later", NumPartitions: 500, ReplicationFactor: 1}, {Topic: "bad", NumPartitions: 0, ReplicationFactor: 1}}})
	got := byTopic(t, r)
	wantCode(t, "not waited for", got["later"].ErrorCode, kafkaproto.RequestTimedOut)
	wantCode(t, "refused at once", got["bad"].ErrorCode, kafkaproto.InvalidPartitions)
	eventually(t, "the topic is there", func() bool {
		r := w.metadata(12, named("later"))
		for _, p := range r.Topics[0].Partitions {
			if p.ErrorCode != 0 {
				return false
			}
		}
		return len(r.Topics[0].Partitions) == 500
	})
}

func TestCreateTopicsPartitionThatDoesNotOpen(t *testing.T) {
	n := startAdmin(t, nil)
	check(t, os.MkdirAll(n.dir+"/data", 0o700))
	check(t, os.WriteFile(n.dir+"/data/orders-1", []byte("in the way"), 0o600))
	got := n.dial().create(5, newTopic{Topic: "orders", NumPartitions: 3, ReplicationFactor: 1})
	wantCode(t, "broken", got["orders"].ErrorCode, kafkaproto.KafkaStorageError)
	if !strings.Contains(text(got["orders"].ErrorMessage), "partition 1") {
		t.Errorf("message %q names no partition", text(got["orders"].ErrorMessage))
	}
}

// TestCreateTopicsAtOnce: many clients, the same and other names; each name is
// made once.
func TestCreateTopicsAtOnce(t *testing.T) {
	n := startAdmin(t, nil)
	const clients, topics = 8, 20
	req := &kafkaproto.CreateTopicsRequest{TimeoutMillis: long}
	for i := range topics {
		req.Topics = append(req.Topics, wanted(fmt.Sprintf("t%d", i)))
	}
	var all []*wire
	for range clients {
		w := n.dial()
		w.send(kafkaproto.KeyCreateTopics, 7, req)
		all = append(all, w)
	}
	created := map[string]int{}
	for _, w := range all {
		for _, a := range receive[kafkaproto.CreateTopicsResponse](w, kafkaproto.KeyCreateTopics, 7).Topics {
			switch kafkaproto.ErrorCode(a.ErrorCode) {
			case kafkaproto.None:
				created[a.Topic]++
			case kafkaproto.TopicAlreadyExists:
			default:
				t.Errorf("%s: %v %s", a.Topic, kafkaproto.ErrorCode(a.ErrorCode), text(a.ErrorMessage))
			}
		}
	}
	for i := range topics {
		if name := fmt.Sprintf("t%d", i); created[name] != 1 {
			t.Errorf("%s was created %d times", name, created[name])
		}
	}
}
