package backend

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"umbra/admin/api"
	"umbra/core/config"
	"umbra/core/link"
	"umbra/core/link/replicate"
	"umbra/core/link/spec"
	"umbra/core/metadata"
	"umbra/kafkaproto"
)

func levels(checks []api.Check) map[string]api.CheckLevel {
	out := map[string]api.CheckLevel{}
	for _, c := range checks {
		out[c.Name] = c.Level
	}
	return out
}

func TestChecksBeforeAFailover(t *testing.T) {
	b := &Backend{Settings: &config.Config{}}
	b.Settings.Storage.Dir = t.TempDir()
	f := func(reachable bool, topics []api.FailoverTopic, source, ready api.CheckLevel) {
		t.Helper()
		got := levels(b.checks(&link.Status{Reachable: reachable}, &api.FailoverPlan{Topics: topics}))
		if got["source"] != source || got["topics"] != ready || got["groups"] != api.CheckWarn || got["disk"] == "" {
			t.Errorf("reachable %v, %v: %v", reachable, topics, got)
		}
	}
	active, faulted := api.FailoverTopic{State: api.StateActive}, api.FailoverTopic{State: api.StateFaulted}
	f(false, []api.FailoverTopic{active}, api.CheckOK, api.CheckOK)
	f(true, []api.FailoverTopic{active, faulted}, api.CheckWarn, api.CheckWarn)
	f(false, nil, api.CheckOK, api.CheckFail)
	// A disk whose room cannot be told is no disk with room.
	b.Settings.Storage.Dir += "/missing"
	if got := levels(b.checks(&link.Status{}, &api.FailoverPlan{})); got["disk"] != api.CheckWarn {
		t.Errorf("no such disk: %v", got)
	}
}

// Every step that a failover tells of has a name for a person, each its own.
func TestStepNames(t *testing.T) {
	seen := map[string]spec.FailoverStep{}
	for _, s := range spec.FailoverSteps() {
		name := stepName(s)
		if other, twice := seen[name]; name == "" || twice {
			t.Errorf("steps %v and %v are both %q", s, other, name)
		}
		seen[name] = s
	}
}

func TestReceiptHasEverything(t *testing.T) {
	id := kafkaproto.NewTopicID()
	loss := link.Lag{Records: 5, Bound: link.AtLeast, AsOf: at(1)}
	b := &Backend{Info: api.BrokerInfo{Advertise: "dr:9092"}}
	r := &link.Receipt{Umbra: "v", Operation: "op", Link: "dr", ClusterID: "here", Started: at(1), Finished: at(4), ProducerIDFloor: 42, Loss: loss,
		Phases: []link.Phase{{Name: "fence", Seconds: 0.5}},
		By:     spec.Caller{UID: 3, GID: 4, PID: 5}, Source: link.SourceStatus{ClusterID: "there"},
		Topics: []link.ReceiptTopic{{Topic: "orders", ID: id, State: spec.FailedOver, Before: spec.Faulted, Reason: spec.Reason{Code: spec.SourceUnreachable}, Loss: loss, Partitions: []link.ReceiptPartition{
			{FinalPartition: spec.FinalPartition{Partition: 1, LogStart: 2, LogEnd: 9, SourceEnd: -1, LeaderEpoch: 3}, End: 10, EpochAfter: 4, Loss: loss,
				Aborted: []link.AbortedTxn{{ProducerID: 7, ProducerEpoch: 1, FirstOffset: 5, MarkerOffset: 9}},
				Gaps:    []spec.GapRecord{{Topic: "orders", From: 0, To: 2}}, Cuts: []spec.CutRecord{{Topic: "orders", File: "f"}}}}}}}
	doc := b.receiptDoc(r)
	if doc.Outcome != api.OutcomeFailedOver || doc.Version != api.ReceiptVersion || doc.Umbra != "v" || doc.Operation != "op" || doc.Link != "dr" || doc.ClusterID != "here" ||
		doc.Seconds != 3 || doc.RequestedBy != (api.Caller{UID: 3, GID: 4, PID: 5}) || doc.Source.ClusterID != "there" || doc.ProducerIDFloor != 42 || doc.EstimatedLoss != lagDoc(loss) ||
		!reflect.DeepEqual(doc.Bootstrap, []string{"dr:9092"}) || !reflect.DeepEqual(doc.Phases, []api.Phase{{Name: "fence", Seconds: 0.5}}) {
		t.Errorf("%+v", doc)
	}
	topic := doc.Topics[0]
	if topic.Topic != "orders" || topic.TopicID != id.String() || topic.StateBefore != api.StateFaulted || topic.State != api.StateFailedOver || topic.ReasonBefore.Code != "SOURCE_UNREACHABLE" || topic.Reason != nil {
		t.Errorf("%+v", topic)
	}
	want := api.ReceiptPartition{Partition: 1, StartOffset: 2, FinalOffset: 9, EndOffset: 10, SourceEndOffset: nil, Loss: lagDoc(loss), LeaderEpochBefore: 3, LeaderEpochAfter: 4,
		Aborted: []api.AbortedTransaction{{ProducerID: 7, ProducerEpoch: 1, FirstOffset: 5, MarkerOffset: 9}}, Gaps: []api.Gap{{Topic: "orders", To: 2}}, Cuts: []api.Cut{{Topic: "orders", File: "f"}}}
	if !reflect.DeepEqual(topic.Partitions, []api.ReceiptPartition{want}) {
		t.Errorf("%+v", topic.Partitions)
	}

	r.Topics = append(r.Topics, link.ReceiptTopic{Topic: "stuck", State: spec.FailingOver, Before: spec.Active, Failure: "disk full"})
	doc = b.receiptDoc(r)
	if doc.Outcome != api.OutcomePartial || doc.Topics[0].Reason != nil || doc.Topics[1].Reason == nil || doc.Topics[1].Reason.Detail != "disk full" || doc.Topics[1].State != api.StateFailingOver {
		t.Errorf("%s: %+v", doc.Outcome, doc.Topics)
	}
}

// What is not known of a source's partition is not 0.
func TestPartitionThatWasNeverSeen(t *testing.T) {
	top := link.TopicStatus{Topic: &metadata.Topic{Name: "orders", Partitions: []metadata.Partition{{Shard: 1, LeaderEpoch: 6}}}, State: spec.Active}
	b := &Backend{Group: newNode(t).Group}
	got := b.partitionDoc(top, 0, link.PartitionStatus{PartitionStatus: replicate.PartitionStatus{LogEnd: 4, LeaderEpoch: 9, Progress: replicate.Progress{SourceStart: -1, SourceHighWatermark: -1}},
		Lag: link.Lag{Bound: link.Unknown}, Err: errors.New("does not open")})
	if got.SourceStartOffset != nil || got.SourceEndOffset != nil || got.SourceLeaderID != -1 || got.SourceLeaderEpoch != -1 || got.LeaderEpoch != 6 || got.Shard != 1 ||
		got.EndOffset != 4 || got.Lag.Known() || got.Error != "does not open" {
		t.Errorf("%+v", got)
	}
	seen := replicate.PartitionStatus{Broker: replicate.Broker{ID: 3, Addr: "a:1"}, LeaderEpoch: 9, Progress: replicate.Progress{SourceHighWatermark: 8, SeenAt: time.Now()}}
	if got = b.partitionDoc(top, 0, link.PartitionStatus{PartitionStatus: seen}); *got.SourceEndOffset != 8 || got.SourceLeaderID != 3 || got.SourceLeaderEpoch != 9 {
		t.Errorf("%+v", got)
	}
}
