package broker_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"umbra/kafkaproto"
)

type gone = kafkaproto.DeleteTopicsRequestTopic

// remove sends DeleteTopics by name, in whatever form the version has.
func (w *wire) remove(version int16, names ...string) []kafkaproto.DeleteTopicsResponseTopic {
	w.t.Helper()
	req := &kafkaproto.DeleteTopicsRequest{TopicNames: names, TimeoutMillis: long}
	for _, name := range names {
		req.Topics = append(req.Topics, gone{Topic: &name})
	}
	return ask[kafkaproto.DeleteTopicsResponse](w, kafkaproto.KeyDeleteTopics, version, req).Topics
}

// TestDeleteTopics: when the answer is there, Metadata does not show the topic
// and its files are gone.
func TestDeleteTopics(t *testing.T) {
	n := startAdmin(t, nil)
	w := n.dial()
	for v := int16(1); v <= 6; v++ {
		name := fmt.Sprintf("v%d", v)
		top := n.make(name, 2)
		n.make(name+"-stays", 1)
		a := w.remove(v, name, "nope")
		wantCode(t, "deleted", a[0].ErrorCode, kafkaproto.None)
		wantCode(t, "unknown", a[1].ErrorCode, kafkaproto.UnknownTopicOrPartition)
		if text(a[0].Topic) != name || v >= 6 && a[0].TopicID != top.ID || a[0].ErrorMessage != nil {
			t.Errorf("v%d: %+v", v, a[0])
		}
		if says := text(a[1].ErrorMessage); v >= 5 && !strings.Contains(says, "nope") {
			t.Errorf("v%d: message %q", v, says)
		}
		wantCode(t, "metadata", w.metadata(12, named(name)).Topics[0].ErrorCode, kafkaproto.UnknownTopicOrPartition)
		for i := range 2 {
			if _, err := os.Stat(fmt.Sprintf("%s/data/%s-%d", n.dir, name, i)); !os.IsNotExist(err) {
				t.Errorf("v%d: the directory of partition %d: %v", v, i, err)
			}
		}
		wantCode(t, "another topic", w.metadata(12, named(name+"-stays")).Topics[0].ErrorCode, kafkaproto.None)
	}
}

func TestDeleteTopicsByID(t *testing.T) {
	n := startAdmin(t, nil)
	byID, byName, both := n.make("by-id", 1), n.make("by-name", 1), n.make("both", 1)
	unknown := kafkaproto.NewTopicID()
	r := ask[kafkaproto.DeleteTopicsResponse](n.dial(), kafkaproto.KeyDeleteTopics, 6, &kafkaproto.DeleteTopicsRequest{TimeoutMillis: long, Topics: []gone{
		{TopicID: byID.ID}, {TopicID: unknown}, {Topic: ptr("by-name")}, {}, {Topic: ptr("both"), TopicID: both.ID}}})
	want := []kafkaproto.ErrorCode{kafkaproto.None, kafkaproto.UnknownTopicID, kafkaproto.None, kafkaproto.InvalidRequest, kafkaproto.InvalidRequest}
	for i, a := range r.Topics {
		wantCode(t, fmt.Sprintf("entry %d", i), a.ErrorCode, want[i])
	}
	if a := r.Topics[0]; text(a.Topic) != "by-id" || a.TopicID != byID.ID {
		t.Errorf("by id: %s %s", text(a.Topic), a.TopicID)
	}
	if a := r.Topics[1]; a.Topic != nil || a.TopicID != unknown {
		t.Errorf("unknown id: %s %s", text(a.Topic), a.TopicID)
	}
	if a := r.Topics[2]; a.TopicID != byName.ID {
		t.Errorf("by name: %s, want its id %s", a.TopicID, byName.ID)
	}
	if n.store.Snapshot().Topics["both"] == nil {
		t.Error("a topic named by name and id at once was deleted")
	}
}

func TestDeleteTopicsTwiceInOneRequest(t *testing.T) {
	n := startAdmin(t, nil)
	top := n.make("twice", 1)
	w := n.dial()
	for _, again := range []gone{{Topic: ptr("twice")}, {TopicID: top.ID}} {
		r := ask[kafkaproto.DeleteTopicsResponse](w, kafkaproto.KeyDeleteTopics, 6, &kafkaproto.DeleteTopicsRequest{TimeoutMillis: long, Topics: []gone{{Topic: ptr("twice")}, again}})
		for _, a := range r.Topics {
			wantCode(t, "twice", a.ErrorCode, kafkaproto.InvalidRequest)
		}
	}
	if n.store.Snapshot().Topics["twice"] == nil {
		t.Error("it was deleted")
	}
}

func TestDeleteTopicsSwitchedOff(t *testing.T) {
	n := startAdmin(t, map[string]string{"delete.topic.enable": "false"})
	n.make("orders", 1)
	w := n.dial()
	for v := int16(1); v <= 6; v++ {
		want := kafkaproto.TopicDeletionDisabled
		if v < 3 {
			want = kafkaproto.InvalidRequest // those clients do not know the other code
		}
		wantCode(t, fmt.Sprintf("v%d", v), w.remove(v, "orders")[0].ErrorCode, want)
	}
	if n.store.Snapshot().Topics["orders"] == nil {
		t.Error("it was deleted")
	}
}

// TestDeleteAndCreateAgain: the new topic has another id, begins at offset 0,
// and the old id is unknown.
func TestDeleteAndCreateAgain(t *testing.T) {
	n := startAdmin(t, nil)
	old := n.make("orders", 1)
	n.fill(old, 0, 3)
	w := n.dial()
	wantCode(t, "deleted", w.remove(6, "orders")[0].ErrorCode, kafkaproto.None)
	again := w.create(7, wanted("orders"))["orders"]
	wantCode(t, "created", again.ErrorCode, kafkaproto.None)
	if again.TopicID == old.ID {
		t.Error("the new topic has the old id")
	}
	if p := n.published(n.store.Snapshot().Topics["orders"], 0); p.LogEnd != 0 || p.LogStart != 0 {
		t.Errorf("the new topic begins with %+v", p)
	}
	r := w.metadata(12, &kafkaproto.MetadataRequest{Topics: []kafkaproto.MetadataRequestTopic{{TopicID: old.ID}}})
	wantCode(t, "the old id", r.Topics[0].ErrorCode, kafkaproto.UnknownTopicID)
}

// TestDeleteTopicsWithoutWaiting: a timeout of 0 deletes and says
// REQUEST_TIMED_OUT.
func TestDeleteTopicsWithoutWaiting(t *testing.T) {
	n := startAdmin(t, nil)
	n.make("orders", 200)
	w := n.dial()
	r := ask[kafkaproto.DeleteTopicsResponse](w, kafkaproto.KeyDeleteTopics, 5, &kafkaproto.DeleteTopicsRequest{TopicNames: []string{"orders"}})
	wantCode(t, "not waited for", r.Topics[0].ErrorCode, kafkaproto.RequestTimedOut)
	if n.store.Snapshot().Topics["orders"] != nil {
		t.Error("it is not deleted")
	}
	eventually(t, "its files are gone", func() bool {
		_, err := os.Stat(n.dir + "/data/orders-199")
		return os.IsNotExist(err)
	})
}
