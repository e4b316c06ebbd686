package main

import (
	"time"

	"umbra/admin/api"
)

// The documents that the golden files show: a daemon with a healthy link, one
// whose source is gone, a faulted one, a paused one and one that did its work.

func at(clock string) time.Time {
	t, err := time.Parse(time.DateTime, "2026-11-22 "+clock)
	if err != nil {
		panic(err)
	}
	return t
}

func exact(records, bytes int64, seconds float64) api.Lag {
	return api.Lag{Records: records, Bytes: bytes, Seconds: seconds, Bound: api.Exact, AsOf: at("03:05:12")}
}

func atLeast(records, bytes int64, seconds float64) api.Lag {
	return api.Lag{Records: records, Bytes: bytes, Seconds: seconds, Bound: api.AtLeast, AsOf: at("02:58:11")}
}

func summaries() []api.LinkSummary {
	return []api.LinkSummary{
		{
			Name: "dr-east", State: api.StateActive, Topics: 42, Partitions: 336,
			Source: api.Source{Bootstrap: []string{"prod-1:9092", "prod-2:9092"}, Brokers: 3, Reachable: true, LastSeen: at("03:05:12"), Software: "Kafka 4.1", ClusterID: "Zx1"},
			RPO:    api.RPO{Seconds: 0.8, Bound: api.Exact, AsOf: at("03:05:12"), TargetSeconds: 5},
			Lag:    exact(1204, 1<<20, 0.8), TopicsByState: map[string]int{api.StateActive: 42},
			RecordsPerSec: 210_000, BytesPerSecond: 212 << 20,
		},
		{
			Name: "drill", State: api.StatePaused, Topics: 1, Partitions: 4,
			Source: api.Source{Bootstrap: []string{"lab:9092"}, Brokers: 1, Reachable: true, LastSeen: at("03:05:12")},
			RPO:    api.RPO{Seconds: 7200, Bound: api.Exact, AsOf: at("03:05:12")},
			Lag:    exact(0, 0, 0), TopicsByState: map[string]int{api.StatePaused: 1},
		},
		{
			Name: "eu-copy", State: api.StateUnreachable, Topics: 18, Partitions: 90,
			Source: api.Source{Bootstrap: []string{"kafka-eu:9093"}, LastSeen: at("02:58:11"), Error: "connection refused"},
			RPO:    api.RPO{Seconds: 422, Bound: api.AtLeast, AsOf: at("02:58:11"), TargetSeconds: 30},
			Lag:    atLeast(88_310, 90<<20, 422), TopicsByState: map[string]int{api.StateActive: 17, api.StateFaulted: 1}, Faulted: 12,
		},
		{
			Name: "fresh", State: api.StateFaulted, Topics: 2, Partitions: 2,
			Reason: &api.Reason{Code: "SOURCE_UNREACHABLE", Title: "no source broker answers", Detail: "dial new:9092: no such host", Next: "check the address"},
			Source: api.Source{Bootstrap: []string{"new:9092"}},
			RPO:    api.RPO{}, Lag: api.Lag{}, TopicsByState: map[string]int{},
		},
		{
			Name: "moved", State: api.StateFailedOver, Topics: 3, Partitions: 9,
			Source: api.Source{Bootstrap: []string{"old:9092"}, LastSeen: at("01:00:00").AddDate(0, 0, -3), Error: "no route to host"},
			RPO:    api.RPO{Seconds: 0.4, Bound: api.AtLeast, AsOf: at("01:00:00").AddDate(0, 0, -3), TargetSeconds: 0.1},
			Lag:    atLeast(12, 1200, 0.4), TopicsByState: map[string]int{api.StateFailedOver: 3},
		},
	}
}

func statusDoc() *api.Status {
	s := &api.Status{
		Now: at("03:05:13"), Topics: 45, Partitions: 440, Links: summaries(),
		Disk: api.Disk{FreeBytes: 610 << 30, TotalBytes: 1000 << 30},
		Broker: api.BrokerInfo{Version: "0.1.0", PID: 812, StartedAt: at("00:00:10"), ClusterID: "umbra-1", Listen: "0.0.0.0:9092",
			Advertise: "kafka-dr.example.com:9092", DataDir: "/var/lib/umbra", Shards: 4, Engine: "io_uring", EngineReason: "probe passed"},
	}
	s.Judge()
	return s
}

func linkDoc(name string) *api.LinkStatus {
	for _, s := range summaries() {
		if s.Name == name {
			return &api.LinkStatus{Now: at("03:05:13"), LinkSummary: s,
				Definition: api.LinkDefinition{Name: name, Bootstrap: s.Source.Bootstrap, Topics: []string{"orders*", "pay-*"}, CreatedAt: at("00:00:00")}}
		}
	}
	panic("no link " + name)
}

// awayDoc is a link on disaster day.
func awayDoc() *api.LinkStatus {
	l := linkDoc("eu-copy")
	recreated := &api.Reason{Code: "SOURCE_RECREATED", Title: "the source made a new topic of the same name", Detail: "topic id AQ here, Ag at the source",
		Next: "umbra failover eu-copy --topic orders-eu, or delete it here and resume"}
	l.TopicRows = []api.TopicRow{
		{Topic: "pay-auth", TopicID: "AAAAAAAAAAAAAAAAAAAAAQ", State: api.StateActive, Partitions: 24, Lag: atLeast(511, 4000, 0.9)},
		{Topic: "orders-eu", TopicID: "AAAAAAAAAAAAAAAAAAAAAg", State: api.StateFaulted, Reason: recreated, Partitions: 12, Lag: atLeast(4402, 9000, 431)},
		{Topic: "never-asked", State: api.StateActive, Partitions: 1},
	}
	for i := range 12 {
		l.TopicRows = append(l.TopicRows, api.TopicRow{Topic: "quiet-" + string(rune('a'+i)), State: api.StateActive, Partitions: 1, Lag: atLeast(0, 0, 0)})
	}
	partition := int32(7)
	l.Excluded = []api.ExcludedTopic{{Topic: "orders-tmp", Reason: "excluded", Detail: "*-tmp"}, {Topic: "__consumer_offsets", Reason: "internal"}}
	l.ExcludedTotal, l.RefusedAnswers = 12, 3
	l.Definition.Exclude = []string{"*-tmp"}
	l.Definition.RPOTargetSeconds = 30
	l.Definition.Options = map[string]string{"client_id": "dr-site", "fetch_max_wait": "500ms", "rpo_target": "30s", "newer_than_this_client": "1"}
	l.Gaps = []api.Gap{{Topic: "pay-auth", Partition: 3, From: 1000, To: 1500, Cause: "source retention", At: at("01:00:00")}}
	l.Cuts = []api.Cut{{Topic: "orders-eu", Partition: 7, From: 88, To: 91, Bytes: 2048, File: "/var/lib/umbra/cuts/orders-eu-7-88.log", At: at("02:00:00")}}
	l.Events = []api.Event{
		{Sequence: 1, At: at("02:58:12"), Level: "warn", Type: "source_unreachable", Link: "eu-copy", Message: "no broker answers"},
		{Sequence: 2, At: at("02:59:00"), Level: "error", Type: "topic_faulted", Link: "eu-copy", Topic: "orders-eu", Partition: &partition, Message: "faulted"},
	}
	return l
}

// partialDoc is a link of whose topic two partitions have stopped.
func partialDoc() *api.LinkStatus {
	l := linkDoc("dr-east")
	l.State, l.Faulted, l.TopicsByState = api.StateFaulted, 2, map[string]int{api.StateActive: 41, api.StateFaulted: 1}
	l.Lag, l.RPO.Bound, l.RPO.Seconds = atLeast(1310, 1<<20, 422), api.AtLeast, 422
	l.TopicRows = []api.TopicRow{
		{Topic: "pay-auth", State: api.StateActive, Partitions: 24, Lag: exact(511, 4000, 0.9)},
		{Topic: "orders", State: api.StateFaulted, Reason: halfReason(), Partitions: 12, Lag: atLeast(1300, 9000, 422), Partial: halfStopped()},
		{Topic: "one", State: api.StateActive, Partitions: 1, Lag: exact(0, 0, 0)},
	}
	return l
}

func halfReason() *api.Reason {
	return &api.Reason{Code: "CORRUPT_SOURCE", Title: "the source sends wrong bytes", Detail: "2 of 12 partitions stopped: partition 3: crc; partition 9: SOURCE_DIVERGED: shorter",
		Next: "repair the source, then umbra link resume dr-east", Since: at("02:58:11")}
}

func halfStopped() api.Partial {
	others := exact(12, 1200, 0.2)
	return api.Partial{OthersLag: &others, Stopped: []api.StoppedPartition{
		{Partition: 3, Reason: api.Reason{Code: "CORRUPT_SOURCE", Detail: "crc", Since: at("02:58:11")}},
		{Partition: 9, Reason: api.Reason{Code: "SOURCE_DIVERGED", Detail: "shorter", Since: at("03:00:00")}}}}
}

func partialTopicDoc() *api.TopicDescription {
	d := topicDoc()
	lag, stopped, going := atLeast(1300, 9000, 422), atLeast(1288, 8000, 422), exact(12, 1200, 0.2)
	d.Reason, d.Lag, d.Partial = halfReason(), &lag, halfStopped()
	d.Configs = nil
	d.PartitionRows = []api.TopicPartition{
		{Partition: 2, State: api.StateActive, Shard: 0, LeaderEpoch: 42, HighWatermark: 20, LastStableOffset: 20, EndOffset: 20, SizeBytes: 1 << 20, Lag: &going},
		{Partition: 3, State: api.StateFaulted, Shard: 1, LeaderEpoch: 42, HighWatermark: 7, LastStableOffset: 7, EndOffset: 7, SizeBytes: 1 << 10, Lag: &stopped, Reason: &d.Stopped[0].Reason},
	}
	return d
}

func partitionsDoc() *api.PartitionList {
	return &api.PartitionList{Now: at("03:05:13"), Link: "eu-copy", Total: 90, Partitions: []api.PartitionRow{
		{Topic: "never-asked", Partition: 0, State: api.StateActive, EndOffset: 0, SourceLeaderID: -1, SourceLeaderEpoch: -1},
		{Topic: "orders-eu", Partition: 7, Shard: 1, State: api.StateFaulted, Lag: atLeast(4402, 9000, 431), StartOffset: 0, EndOffset: 1_204_551,
			SourceEndOffset: api.KnownOffset(1_208_953), LeaderEpoch: 42, SourceLeaderID: 2, SourceLeaderEpoch: 41, Reason: &api.Reason{Code: "SOURCE_RECREATED"}},
		{Topic: "pay-auth", Partition: 3, State: api.StateActive, Lag: exact(0, 0, 0), StartOffset: 1500, EndOffset: 9_113_020,
			SourceEndOffset: api.KnownOffset(9_113_020), LeaderEpoch: 7, SourceLeaderID: 1, SourceLeaderEpoch: 7, Error: "connection reset"},
	}}
}

func linkPlanDoc(dryRun bool) *api.LinkPlan {
	return &api.LinkPlan{
		DryRun: dryRun, Partitions: 36, Link: api.LinkDefinition{Name: "dr", Bootstrap: []string{"prod-1:9092"}},
		Source:   api.Source{Brokers: 3, Software: "Kafka 4.1", Reachable: true},
		Topics:   []api.PlannedTopic{{Topic: "orders", TopicID: "AAAAAAAAAAAAAAAAAAAAAQ", Partitions: 24, Records: api.KnownOffset(18_204_551)}, {Topic: "pay-auth", Partitions: 12}},
		Excluded: []api.ExcludedTopic{{Topic: "orders-tmp", Reason: "excluded", Detail: "*-tmp"}},
		Warnings: []string{"topic orders-old has batches in message format 1 and will be FAULTED"},
	}
}

func failoverPlanDoc() *api.FailoverPlan {
	p := &api.FailoverPlan{
		Now: at("03:05:13"), Link: "eu-copy", Partitions: 37, EstimatedLoss: atLeast(1310, 1_153_434, 0.9),
		Source: api.Source{LastSeen: at("02:58:11"), Error: "connection refused"},
		Checks: []api.Check{
			{Name: "source", Level: api.CheckOK, Detail: "unreachable from 3 of 3 brokers"},
			{Name: "topics", Level: api.CheckWarn, Detail: "orders-eu is FAULTED and is cut where it stands"},
		},
		Skipped: []api.SkippedTopic{{Topic: "moved-before", Why: "it is FAILED_OVER already"}},
		Topics: []api.FailoverTopic{
			{Topic: "orders-eu", State: api.StateFaulted, Partitions: 12, Loss: api.Lag{}, Reason: &api.Reason{Code: "SOURCE_RECREATED"}},
			{Topic: "pay-auth", State: api.StateActive, Partitions: 24, Loss: atLeast(1310, 1_153_434, 0.9)},
		},
	}
	return p
}

// partialPlanDoc has a topic of which some partitions are stopped.
func partialPlanDoc() *api.FailoverPlan {
	p := failoverPlanDoc()
	p.Topics[1].State, p.Topics[1].Reason, p.Topics[1].Partial = api.StateFaulted, halfReason(), halfStopped()
	return p
}

func receiptDoc(outcome string) *api.Receipt {
	r := &api.Receipt{
		Version: api.ReceiptVersion, Umbra: "0.1.0", Link: "eu-copy", ClusterID: "umbra-1", Outcome: outcome,
		StartedAt: at("03:05:13"), FinishedAt: at("03:05:14"), Seconds: 0.36, EstimatedLoss: atLeast(1310, 1_153_434, 0.9), ProducerIDFloor: 42_000,
		Bootstrap: []string{"kafka-dr.example.com:9092"},
		Topics: []api.ReceiptTopic{
			{Topic: "orders-eu", StateBefore: api.StateFaulted, State: api.StateFailedOver, Partitions: []api.ReceiptPartition{
				{Partition: 0, FinalOffset: 1_204_551, EndOffset: 1_204_552, LeaderEpochBefore: 42, LeaderEpochAfter: 43,
					Aborted: []api.AbortedTransaction{{ProducerID: 41_000, FirstOffset: 1_204_000, MarkerOffset: 1_204_551}},
					Cuts:    []api.Cut{{Topic: "orders-eu"}}}}},
			{Topic: "pay-auth", StateBefore: api.StateActive, State: api.StateFailedOver, Loss: atLeast(1310, 1_153_434, 0.9), Partitions: []api.ReceiptPartition{
				{Partition: 0, StartOffset: 1500, FinalOffset: 9_113_020, EndOffset: 9_113_020, Gaps: []api.Gap{{Topic: "pay-auth"}}},
				{Partition: 1, FinalOffset: 7, EndOffset: 7, Stopped: &api.Reason{Code: "CORRUPT_SOURCE", Detail: "crc"}}}},
		},
	}
	if outcome == api.OutcomePartial {
		r.Topics[0].State = api.StateFaulted
		r.Topics[0].Reason = &api.Reason{Code: "LOCAL_STORAGE_FULL", Detail: "flush of partition 0: no space left on device"}
	}
	return r
}

// storedReceiptDoc is a receipt as the daemon keeps it.
func storedReceiptDoc() *api.Receipt {
	r := receiptDoc(api.OutcomeFailedOver)
	r.Operation, r.RequestedBy.UID = "op-00ff", 1000
	return r
}

// shortReceiptDoc is one that had too many partitions to keep their rows.
func shortReceiptDoc() *api.Receipt {
	r := storedReceiptDoc()
	r.PartitionsLeftOut = true
	for i := range r.Topics {
		r.Topics[i].Partitions = nil
	}
	return r
}

func verifyDoc(result api.VerifyResult) *api.VerifyReport {
	r := &api.VerifyReport{
		Link: "dr-east", Result: result, StartedAt: at("03:00:00"), FinishedAt: at("03:06:12"), Seconds: 372, Partitions: 48, Batches: 1_522_452, Bytes: 54_546_000_000,
		Topics: []api.VerifyTopic{
			{Topic: "orders", Partitions: 24, From: 0, To: 18_204_552, Batches: 1_120_334, Bytes: 44_023_414_784, Result: api.Identical},
			{Topic: "pay-auth", Partitions: 24, From: 1500, To: 9_113_021, Batches: 402_118, Bytes: 10_522_669_875, Result: api.Identical},
		},
		NotCompared: []api.Uncompared{{Topic: "orders", Partition: 3, From: 18_204_552, To: 18_205_756, Why: "still on their way"}},
	}
	switch result {
	case api.Different:
		r.Topics[1].Result = api.Different
		r.DifferencesTotal = 3
		r.Differences = []api.Difference{
			{Topic: "pay-auth", Partition: 2, Offset: 77, What: "bytes", Source: "crc 0x1234abcd, 512 bytes", Shadow: "crc 0x1234abce, 512 bytes"},
			{Topic: "pay-auth", Partition: 2, Offset: 90, What: "missing here"}}
	case api.Nothing:
		r.Topics, r.Partitions, r.Batches, r.Bytes = []api.VerifyTopic{{Topic: "orders", Partitions: 24, Result: api.Nothing}}, 0, 0, 0
		r.NotCompared = []api.Uncompared{{Topic: "orders", Partition: -1, Why: "the source does not answer"}}
	}
	return r
}

func topicListDoc() *api.TopicList {
	return &api.TopicList{Topics: []api.TopicSummary{
		{Topic: "audit", TopicID: "AAAAAAAAAAAAAAAAAAAAAw", State: api.StateLocal, Writable: true, Partitions: 1, SizeBytes: 12},
		{Topic: "pay-auth", TopicID: "AAAAAAAAAAAAAAAAAAAAAQ", State: api.StateActive, Link: "eu-copy", Partitions: 24, SizeBytes: 10_522_669_875},
		{Topic: "orders-eu", TopicID: "AAAAAAAAAAAAAAAAAAAAAg", State: api.StateFaulted, Link: "eu-copy", Partitions: 12, Faulted: 12, SizeBytes: 9 << 30, Reason: &api.Reason{Code: "SOURCE_RECREATED"}},
		{Topic: "half", TopicID: "AAAAAAAAAAAAAAAAAAAABA", State: api.StateFaulted, Link: "eu-copy", Partitions: 12, Faulted: 2, SizeBytes: 9 << 20, Reason: halfReason()},
	}}
}

func topicDoc() *api.TopicDescription {
	return &api.TopicDescription{
		TopicSummary:  topicListDoc().Topics[2],
		SourceTopicID: "AAAAAAAAAAAAAAAAAAAAAg", SourceClusterID: "Zx1",
		Configs: map[string]string{"retention.ms": "604800000", "cleanup.policy": "compact"},
		PartitionRows: []api.TopicPartition{
			{Partition: 0, State: api.StateFaulted, Shard: 0, LeaderEpoch: 42, StartOffset: 5, HighWatermark: 1_204_551, LastStableOffset: 1_204_000, EndOffset: 1_204_551, SizeBytes: 1 << 30},
			{Partition: 1, State: api.StateFaulted, Shard: 1, LeaderEpoch: 42},
		},
	}
}
