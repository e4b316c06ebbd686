package link

import (
	"testing"

	"umbra/core/link/source"
	"umbra/core/link/spec"
	"umbra/core/metadata"
	"umbra/kafkaproto"
)

func TestDiscover(t *testing.T) {
	id1, id2 := kafkaproto.NewTopicID(), kafkaproto.NewTopicID()
	patterns, err := spec.ParsePatterns("orders*")
	if err != nil {
		t.Fatal(err)
	}
	l := &spec.Link{ID: "l", Definition: spec.Definition{Name: "dr", Filter: spec.Filter{Include: patterns}}}
	shadow := func(name string, id kafkaproto.TopicID, partitions int, state spec.TopicState, code spec.Code) *metadata.Topic {
		return &metadata.Topic{Name: name, ID: id, Partitions: make([]metadata.Partition, partitions),
			Shadow: &metadata.Shadow{Link: "dr", LinkID: "l", State: state, SourceID: id, Reason: spec.Reason{Code: code}}}
	}
	at := func(name string, id kafkaproto.TopicID, partitions int, code kafkaproto.ErrorCode) source.Topic {
		return source.Topic{Name: name, ID: id, Err: code, Partitions: make([]source.Partition, partitions)}
	}
	f := func(name string, sh *metadata.Topic, src []source.Topic, want changeKind, code spec.Code) {
		t.Helper()
		var shadows []*metadata.Topic
		if sh != nil {
			shadows = append(shadows, sh)
		}
		got := discover(l, shadows, func(string) *metadata.Topic { return nil }, &source.Cluster{Topics: src, TopicIDs: true})
		if len(got) != 1 || got[0].kind != want || got[0].reason.Code != code {
			t.Errorf("%s: got %+v, want one change of kind %d with reason %q", name, got, want, code)
		}
	}
	f("new topic", nil, []source.Topic{at("orders", id1, 3, 0)}, create, "")
	f("same", shadow("orders", id1, 3, spec.Active, ""), []source.Topic{at("orders", id1, 3, 0)}, adopted, "")
	f("more partitions", shadow("orders", id1, 3, spec.Active, ""), []source.Topic{at("orders", id1, 5, 0)}, grow, "")
	f("fewer partitions", shadow("orders", id1, 3, spec.Active, ""), []source.Topic{at("orders", id1, 2, 0)}, fault, spec.SourceShrunk)
	f("created again", shadow("orders", id1, 3, spec.Active, ""), []source.Topic{at("orders", id2, 3, 0)}, fault, spec.SourceRecreated)
	f("deleted", shadow("orders", id1, 3, spec.Active, ""), nil, note, spec.SourceDeleted)
	f("back again", shadow("orders", id1, 3, spec.Active, spec.SourceDeleted), []source.Topic{at("orders", id1, 3, 0)}, unnote, "")
	f("not authorized", shadow("orders", id1, 3, spec.Active, ""), []source.Topic{at("orders", id1, 0, kafkaproto.TopicAuthorizationFailed)}, note, spec.SourceAuthorization)

	none := func(name string, sh *metadata.Topic, src ...source.Topic) {
		t.Helper()
		var shadows []*metadata.Topic
		if sh != nil {
			shadows = append(shadows, sh)
		}
		if got := discover(l, shadows, func(string) *metadata.Topic { return nil }, &source.Cluster{Topics: src, TopicIDs: true}); len(got) != 0 {
			t.Errorf("%s: got %+v, want no change", name, got)
		}
	}
	f("an id since", shadow("orders", kafkaproto.TopicID{}, 3, spec.Active, ""), []source.Topic{at("orders", id1, 3, 0)}, identify, "")
	none("stopped, deleted meanwhile", shadow("orders", id1, 3, spec.Faulted, spec.SourceRecreated))
	none("stopped, more partitions meanwhile", shadow("orders", id1, 3, spec.Faulted, spec.CorruptSource), at("orders", id1, 5, 0))
	half := func(name string, id kafkaproto.TopicID, partitions int) *metadata.Topic {
		t := shadow(name, id, partitions, spec.Faulted, spec.CorruptSource)
		t.Shadow.Faults = spec.Faults{{Partition: 1, Reason: t.Shadow.Reason}}
		return t
	}
	none("a partition is stopped", half("orders", id1, 3), at("orders", id1, 3, 0))
	none("a partition is stopped, deleted meanwhile", half("orders", id1, 3)) // what stopped it is shown, until it is resumed
	none("a partition is stopped, hidden meanwhile", half("orders", id1, 3), at("orders", id1, 0, kafkaproto.TopicAuthorizationFailed))
	f("a partition is stopped, more partitions", half("orders", id1, 3), []source.Topic{at("orders", id1, 5, 0)}, grow, "")
	f("a partition is stopped, an id since", half("orders", kafkaproto.TopicID{}, 3), []source.Topic{at("orders", id1, 3, 0)}, identify, "")
	f("a partition is stopped, created again", half("orders", id1, 3), []source.Topic{at("orders", id2, 3, 0)}, fault, spec.SourceRecreated)
	f("a partition is stopped, fewer partitions", half("orders", id1, 3), []source.Topic{at("orders", id1, 2, 0)}, fault, spec.SourceShrunk)
	none("filtered out", nil, at("payments", id1, 3, 0))
	none("failed over and changed at the source", shadow("orders", id1, 3, spec.FailedOver, ""), at("orders", id2, 9, 0))
	none("failing over, source gone", shadow("orders", id1, 3, spec.FailingOver, ""))
	none("in transition at the source", shadow("orders", id1, 3, spec.Active, ""), at("orders", id1, 0, kafkaproto.LeaderNotAvailable))

	taken := func(string) *metadata.Topic { return &metadata.Topic{Name: "orders", ID: id2} }
	got := discover(l, nil, taken, &source.Cluster{Topics: []source.Topic{at("orders", id1, 3, 0)}, TopicIDs: true})
	if len(got) != 1 || got[0].kind != conflict || got[0].reason.Code != spec.LocalNameConflict {
		t.Errorf("a name that is taken: got %+v", got)
	}
}
