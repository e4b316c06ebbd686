package link

import (
	"errors"
	"testing"

	"umbra/core/link/spec"
	"umbra/core/metadata"
	"umbra/kafkaproto"
)

// TestRulings: of several rulings about one topic one is left, and it does to the
// topic what the worst of them says.
func TestRulings(t *testing.T) {
	topic := func(state spec.TopicState, faults ...spec.PartitionFault) *metadata.Topic {
		return &metadata.Topic{Name: "orders", ID: kafkaproto.TopicID{1}, Partitions: make([]metadata.Partition, 4),
			Shadow: &metadata.Shadow{State: state, Term: 5, Faults: faults, Reason: spec.Faults(faults).Reason(4)}}
	}
	says := func(code spec.Code) ruling { return ruling{reason: spec.Reason{Code: code}} }
	stops := func(code spec.Code) ruling { return ruling{kind: whole, reason: spec.Reason{Code: code}} }
	one := func(index int32, code spec.Code) ruling { return stopPartition(nil, index, spec.Reason{Code: code}) }
	f := func(what string, at *metadata.Topic, list []ruling, state spec.TopicState, term int64, code spec.Code, stopped ...int32) {
		t.Helper()
		for i := range list {
			list[i].topic = at
		}
		left := oneEach(list)
		if len(left) != 1 {
			t.Fatalf("%s: %d rulings are left", what, len(left))
		}
		if err := left[0].apply(at); err != nil && !errors.Is(err, spec.ErrTransition) {
			t.Fatalf("%s: %v", what, err)
		}
		sh := at.Shadow
		same := len(sh.Faults) == len(stopped)
		for i := range min(len(stopped), len(sh.Faults)) {
			same = same && sh.Faults[i].Partition == stopped[i]
		}
		if sh.State != state || sh.Term != term || sh.Reason.Code != code || !same {
			t.Errorf("%s: %s, term %d, %s, %+v; want %s, %d, %s, %v", what, sh.State, sh.Term, sh.Reason.Code, sh.Faults, state, term, code, stopped)
		}
	}
	bad := spec.PartitionFault{Partition: 1, Reason: spec.Reason{Code: spec.CorruptSource}}
	const gap, full = spec.SourceRetentionGap, spec.LocalStorageFull
	f("notes", topic(spec.Active), []ruling{says(gap), says(full)}, spec.Active, 5, full)
	f("a note is over", topic(spec.Active), []ruling{says("")}, spec.Active, 5, "")
	f("partitions and a note", topic(spec.Active), []ruling{one(2, spec.CorruptSource), says(full), one(0, spec.SourceDiverged), one(2, spec.LocalStorage)},
		spec.Faulted, 5, spec.SourceDiverged, 0, 2)
	f("a note first", topic(spec.Active), []ruling{says(gap), one(3, spec.CorruptSource)}, spec.Faulted, 5, spec.CorruptSource, 3)
	f("the topic and a partition", topic(spec.Active), []ruling{one(2, spec.CorruptSource), stops(spec.SourceRecreated), one(1, spec.CorruptSource), stops(spec.SourceShrunk)},
		spec.Faulted, 6, spec.SourceRecreated)
	f("another partition", topic(spec.Faulted, bad), []ruling{one(3, spec.SourceDiverged)}, spec.Faulted, 5, spec.CorruptSource, 1, 3)
	f("a note beside a fault", topic(spec.Faulted, bad), []ruling{says(full)}, spec.Faulted, 5, spec.CorruptSource, 1)
	f("a note is over beside a fault", topic(spec.Faulted, bad), []ruling{says("")}, spec.Faulted, 5, spec.CorruptSource, 1)
	f("the topic after a partition", topic(spec.Faulted, bad), []ruling{stops(spec.SourceRecreated)}, spec.Faulted, 6, spec.SourceRecreated)
	f("a partition of a stopped topic", topic(spec.Faulted), []ruling{one(1, spec.CorruptSource)}, spec.Faulted, 5, "")
	f("in a failover", topic(spec.FailingOver), []ruling{one(1, spec.CorruptSource)}, spec.FailingOver, 5, "")
}
