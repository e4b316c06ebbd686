package broker_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"umbra/core/broker"
	"umbra/core/link/spec"
	"umbra/kafkaproto"
	"umbra/shard"
)

const metadataMax = 12

func (w *wire) metadata(version int16, req *kafkaproto.MetadataRequest) *kafkaproto.MetadataResponse {
	w.t.Helper()
	return ask[kafkaproto.MetadataResponse](w, kafkaproto.KeyMetadata, version, req)
}

// named asks for topics by name, without creating any.
func named(names ...string) *kafkaproto.MetadataRequest {
	req := &kafkaproto.MetadataRequest{Topics: []kafkaproto.MetadataRequestTopic{}}
	for _, name := range names {
		req.Topics = append(req.Topics, kafkaproto.MetadataRequestTopic{Topic: &name})
	}
	return req
}

// codesOf gives each topic's name and code, in the order of the answer.
func codesOf(r *kafkaproto.MetadataResponse) string {
	out := ""
	for _, t := range r.Topics {
		out += fmt.Sprintf("%s:%d ", text(t.Topic), t.ErrorCode)
	}
	return out
}

func TestMetadataTellsBrokersAndPartitions(t *testing.T) {
	n := startAdmin(t, nil)
	top := n.make("orders", 3)
	w := n.dial()
	host, port := split(t, n.addr)
	for v := int16(0); v <= metadataMax; v++ {
		r := w.metadata(v, named("orders"))
		if len(r.Brokers) != 1 || r.Brokers[0].NodeID != nodeID || r.Brokers[0].Host != host || r.Brokers[0].Port != port {
			t.Errorf("v%d: brokers %+v, want broker %d at %s", v, r.Brokers, nodeID, n.addr)
		}
		if v >= 1 && r.ControllerID != nodeID {
			t.Errorf("v%d: controller %d, want the live broker %d", v, r.ControllerID, nodeID)
		}
		if v >= 2 && text(r.ClusterID) != n.store.Snapshot().ClusterID {
			t.Errorf("v%d: cluster id %s", v, text(r.ClusterID))
		}
		if len(r.Topics) != 1 || len(r.Topics[0].Partitions) != 3 || r.Topics[0].ErrorCode != 0 {
			t.Fatalf("v%d: topics %+v", v, r.Topics)
		}
		if v >= 10 && r.Topics[0].TopicID != top.ID {
			t.Errorf("v%d: topic id %s, want %s", v, r.Topics[0].TopicID, top.ID)
		}
		for i, p := range r.Topics[0].Partitions {
			if p.ErrorCode != 0 || p.Partition != int32(i) || p.Leader != nodeID || len(p.Replicas) != 1 || len(p.ISR) != 1 || len(p.OfflineReplicas) != 0 {
				t.Errorf("v%d: partition %+v", v, p)
			}
		}
	}
}

// TestMetadataWhichTopics: null, empty, unknown, invalid and repeated names.
func TestMetadataWhichTopics(t *testing.T) {
	n := startAdmin(t, nil)
	n.make("b", 1)
	n.make("a", 1)
	w := n.dial()
	for v := int16(0); v <= metadataMax; v++ {
		f := func(what string, req *kafkaproto.MetadataRequest, want string) {
			t.Helper()
			if got := codesOf(w.metadata(v, req)); got != want {
				t.Errorf("v%d, %s: %q, want %q", v, what, got, want)
			}
		}
		f("null", &kafkaproto.MetadataRequest{}, "a:0 b:0 ") // v0 has no null: it is an empty list there
		if v > 0 {
			f("empty", named(), "")
		}
		f("names", named("b", "nope", "b", "a"), "b:0 nope:3 a:0 ")
		f("invalid names", named("no/slash", "..", ""), "no/slash:17 ..:17 :17 ")
	}
	if len(n.store.Snapshot().Topics) != 2 {
		t.Error("a question made a topic")
	}
}

func TestMetadataByTopicID(t *testing.T) {
	n := startAdmin(t, nil)
	top, unknown := n.make("orders", 2), kafkaproto.NewTopicID()
	w := n.dial()
	req := &kafkaproto.MetadataRequest{Topics: []kafkaproto.MetadataRequestTopic{{TopicID: top.ID}, {TopicID: unknown}, {Topic: ptr("orders")}}}
	r := w.metadata(12, req)
	if len(r.Topics) != 3 || text(r.Topics[0].Topic) != "orders" || r.Topics[0].TopicID != top.ID || len(r.Topics[0].Partitions) != 2 {
		t.Fatalf("by id: %+v", r.Topics)
	}
	if u := r.Topics[1]; u.Topic != nil || u.TopicID != unknown || u.ErrorCode != int16(kafkaproto.UnknownTopicID) {
		t.Errorf("unknown id: %s %s %d", text(u.Topic), u.TopicID, u.ErrorCode)
	}
	wantCode(t, "a name beside ids", r.Topics[2].ErrorCode, kafkaproto.None)
	for _, v := range []int16{10, 11} { // the field is there, its use is not
		r := w.metadata(v, req)
		wantCode(t, fmt.Sprintf("v%d by id", v), r.Topics[0].ErrorCode, kafkaproto.InvalidRequest)
		wantCode(t, fmt.Sprintf("v%d by name", v), r.Topics[2].ErrorCode, kafkaproto.None)
	}
}

// TestMetadataLeaderEpoch: the higher of what the metadata and the log know.
func TestMetadataLeaderEpoch(t *testing.T) {
	n := startAdmin(t, nil)
	top := n.make("orders", 2)
	n.on(top, 0, func(p *shard.Partition) { p.SetLeaderEpoch(9) })
	check(t, n.store.RaiseLeaderEpochs(t.Context(), top.ID, 0, map[int32]int32{1: 4}))
	w := n.dial()
	eventually(t, "metadata shows both epochs", func() bool {
		p := w.metadata(7, named("orders")).Topics[0].Partitions
		return p[0].LeaderEpoch == 9 && p[1].LeaderEpoch == 4
	})
}

// TestMetadataOfflinePartition: closed for now, and never opened.
func TestMetadataOfflinePartition(t *testing.T) {
	n := startAdmin(t, nil)
	away := n.make("away", 2)
	check(t, n.group.Remove(shard.PartitionID{Topic: away.ID, Index: 1}, false))
	check(t, os.WriteFile(n.dir+"/data/broken-0", []byte("a file where the partition's directory should be"), 0o600))
	n.make("broken", 1)
	w := n.dial()
	for v := int16(5); v <= metadataMax; v++ {
		r := w.metadata(v, named("away", "broken"))
		wantCode(t, "open", r.Topics[0].Partitions[0].ErrorCode, kafkaproto.None)
		f := func(what string, p kafkaproto.MetadataResponseTopicPartition, want kafkaproto.ErrorCode) {
			t.Helper()
			wantCode(t, what, p.ErrorCode, want)
			if p.Leader != -1 || len(p.ISR) != 0 || len(p.OfflineReplicas) != 1 || len(p.Replicas) != 1 {
				t.Errorf("v%d, %s: %+v", v, what, p)
			}
		}
		f("closed", r.Topics[0].Partitions[1], kafkaproto.LeaderNotAvailable)
		f("does not open", r.Topics[1].Partitions[0], kafkaproto.KafkaStorageError)
	}
}

func TestMetadataAuthorizedOperations(t *testing.T) {
	n := startAdmin(t, nil)
	n.make("orders", 1)
	w := n.dial()
	for v := int16(8); v <= metadataMax; v++ {
		req := named("orders", "nope")
		r := w.metadata(v, req)
		if r.AuthorizedOperations != kafkaproto.AuthorizedOperationsNone || r.Topics[0].AuthorizedOperations != kafkaproto.AuthorizedOperationsNone {
			t.Errorf("v%d: operations that nobody asked for: %d, %d", v, r.AuthorizedOperations, r.Topics[0].AuthorizedOperations)
		}
		req.IncludeTopicAuthorizedOperations, req.IncludeClusterAuthorizedOperations = true, true
		r = w.metadata(v, req)
		if got := r.Topics[0].AuthorizedOperations; got != 0b1101_1111_1000 {
			t.Errorf("v%d: topic operations %b", v, got)
		}
		if got := r.Topics[1].AuthorizedOperations; got != kafkaproto.AuthorizedOperationsNone {
			t.Errorf("v%d: operations of a topic that is not there: %b", v, got)
		}
		if got := r.AuthorizedOperations; v <= 10 && got != 0b1_1111_1010_0000 {
			t.Errorf("v%d: cluster operations %b", v, got)
		}
	}
}

// TestAutoCreation: the broker must allow it, the request must, the name must
// be valid, no other name may collide, and no link may take it.
func TestAutoCreation(t *testing.T) {
	n := startAdminRig(t, rig{properties: map[string]string{"auto.create.topics.enable": "true", "num.partitions": "3"},
		broker: broker.Config{AutoCreateWait: time.Minute}}) // for a hang: a slow disk takes what it takes
	n.link("dr", "shadowed-*")
	n.make("with.dot", 1)
	w := n.dial()
	for v := int16(0); v <= metadataMax; v++ {
		mine := fmt.Sprintf("made-by-v%d", v)
		req := named(mine, "shadowed-1", "with_dot", "bad/name", "__consumer_offsets")
		if v >= 4 {
			wantCode(t, "forbidden by the request", w.metadata(v, req).Topics[0].ErrorCode, kafkaproto.UnknownTopicOrPartition)
		}
		req.AllowAutoTopicCreation = true
		r := w.metadata(v, req)
		if got, want := codesOf(r), mine+":0 shadowed-1:3 with_dot:17 bad/name:17 __consumer_offsets:3 "; got != want {
			t.Errorf("v%d: %q, want %q", v, got, want)
		}
		if p := r.Topics[0].Partitions; len(p) != 3 || p[0].Leader != nodeID {
			t.Errorf("v%d: the new topic has partitions %+v, want 3 that are open", v, p)
		}
	}
	if got := len(n.store.Snapshot().Topics); got != 1+metadataMax+1 {
		t.Errorf("%d topics", got)
	}
}

func TestAutoCreationIsOffByDefault(t *testing.T) {
	n := startAdmin(t, nil)
	w := n.dial()
	for _, v := range []int16{0, 3, 4, 12} {
		req := named("orders")
		req.AllowAutoTopicCreation = true
		wantCode(t, "unknown topic", w.metadata(v, req).Topics[0].ErrorCode, kafkaproto.UnknownTopicOrPartition)
	}
}

// TestMetadataShowsShadowsLikeTopics: they can be read, in every state.
func TestMetadataShowsShadowsLikeTopics(t *testing.T) {
	n := startAdmin(t, nil)
	n.link("dr", "orders*")
	top := n.shadow("dr", "orders", 2)
	w := n.dial()
	for _, e := range []spec.Event{spec.EventPause, spec.EventFault, spec.EventFailover, spec.EventFailoverDone} {
		r := w.metadata(12, named("orders"))
		if r.Topics[0].TopicID != top.Shadow.SourceID || r.Topics[0].Partitions[1].Leader != nodeID {
			t.Errorf("before %s: %+v", e, r.Topics[0])
		}
		n.moveShadow(top, e)
	}
}

// TestMetadataLarge: an answer about many partitions is made away from the
// loop, and requests behind it are answered after it.
func TestMetadataLarge(t *testing.T) {
	n := startAdmin(t, nil)
	n.make("large", 1100)
	n.make("small", 1)
	w := n.dial()
	for v := int16(0); v <= metadataMax; v++ {
		for _, req := range []*kafkaproto.MetadataRequest{{}, named("large", "small")} {
			w.send(kafkaproto.KeyMetadata, v, req)
			first := w.corr
			w.send(kafkaproto.KeyMetadata, v, named("small"))
			var large kafkaproto.MetadataResponse
			w.next(kafkaproto.KeyMetadata, v, first, &large)
			if len(large.Topics) != 2 || len(large.Topics[0].Partitions) != 1100 || large.Topics[0].Partitions[1099].Leader != nodeID {
				t.Errorf("v%d: %d topics", v, len(large.Topics))
			}
			if small := receive[kafkaproto.MetadataResponse](w, kafkaproto.KeyMetadata, v); codesOf(small) != "small:0 " {
				t.Errorf("v%d: behind it: %s", v, codesOf(small))
			}
		}
	}
}
