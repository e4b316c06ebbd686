package observe

import (
	"errors"
	"strings"
	"testing"
	"time"

	"umbra/core/link"
	"umbra/core/link/replicate"
	"umbra/core/link/spec"
	"umbra/core/metadata"
	"umbra/kafkaproto"
)

// exposition is what a collector emits.
func exposition(t *testing.T, collect func(*Emit)) string {
	t.Helper()
	r := NewRegistry(quiet())
	r.Register(collect)
	text := scrape(t, r)
	checkFormat(t, text)
	if !strings.Contains(text, "umbra_metrics_errors_total 0\n") {
		t.Error("samples were left out")
	}
	return text
}

func has(t *testing.T, text string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("no line %q", line)
		}
	}
}

func lacks(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if strings.Contains(text, part) {
			t.Errorf("there is %q", part)
		}
	}
}

func topicStatus(name string, state spec.TopicState, lags ...link.Lag) link.TopicStatus {
	ts := link.TopicStatus{Topic: &metadata.Topic{Name: name, ID: kafkaproto.NewTopicID()}, State: state, Lag: link.Worst(lags)}
	for _, l := range lags {
		ts.Partitions = append(ts.Partitions, link.PartitionStatus{Lag: l})
	}
	return ts
}

func TestUnknownLagHasNoSeries(t *testing.T) {
	unknown := link.Lag{Bound: link.Unknown}
	behind := link.Lag{Records: 7, Seconds: 94, Bound: link.AtLeast}
	far := link.Lag{Records: 9, Seconds: 3, Bound: link.Exact}
	st := &link.Status{Link: &spec.Link{Definition: spec.Definition{Name: "dr"}}, Topics: []link.TopicStatus{
		topicStatus("seen", spec.Active, behind, unknown, far),
		topicStatus("unseen", spec.Active, unknown, unknown),
		topicStatus("over", spec.FailedOver, behind),
	}}
	st.Lag = link.Worst([]link.Lag{st.Topics[0].Lag, st.Topics[1].Lag})
	text := exposition(t, func(e *Emit) { emitLink(e, st, true) })
	has(t, text, `umbra_link_lag_records{link="dr",topic="seen",partition="0"} 7`, `umbra_link_lag_seconds{link="dr",topic="seen",partition="0"} 94`,
		`umbra_link_lag_records{link="dr",topic="seen",partition="2"} 9`, `umbra_link_topic_lag_records_max{link="dr",topic="seen"} 9`,
		`umbra_link_topic_lag_records_sum{link="dr",topic="seen"} 16`, `umbra_link_topic_lag_seconds_max{link="dr",topic="seen"} 94`,
		`umbra_link_rpo_seconds{link="dr"} 94`, `umbra_link_partitions_unseen{link="dr"} 3`, `umbra_link_source_up{link="dr"} 0`)
	lacks(t, text, `topic="unseen"`, `topic="over"`, `topic="seen",partition="1"`, "umbra_link_source_last_seen_timestamp_seconds{")

	st.Topics, st.Lag = st.Topics[1:2], unknown
	lacks(t, exposition(t, func(e *Emit) { emitLink(e, st, true) }), "umbra_link_rpo_seconds{", "umbra_link_lag", "umbra_link_topic_lag")
}

func TestPerPartitionSeries(t *testing.T) {
	snap := &metadata.Snapshot{Topics: map[string]*metadata.Topic{"a": {Partitions: make([]metadata.Partition, 3)}, "b": {Partitions: make([]metadata.Partition, 2)}}}
	f := func(mode string, most int, want bool) {
		t.Helper()
		if got := (PerPartition{mode, most}).on(snap); got != want {
			t.Errorf("%s with at most %d and 5 partitions: %v", mode, most, got)
		}
	}
	f("auto", 5, true)
	f("auto", 4, false)
	f("on", 1, true)
	f("off", 100, false)
	st := &link.Status{Link: &spec.Link{Definition: spec.Definition{Name: "dr"}}, Topics: []link.TopicStatus{topicStatus("t", spec.Active, link.Lag{Records: 4, Bound: link.Exact})}}
	text := exposition(t, func(e *Emit) { emitLink(e, st, false) })
	has(t, text, `umbra_link_topic_lag_records_sum{link="dr",topic="t"} 4`)
	lacks(t, text, "umbra_link_lag_records{")
}

func TestLinkCountersAndTotals(t *testing.T) {
	topic := topicStatus("t", spec.Active, link.Lag{Bound: link.Exact})
	other := topicStatus("never", spec.Active)
	var fetches replicate.Histogram
	fetches.Observe(time.Millisecond)
	st := &link.Status{Link: &spec.Link{Definition: spec.Definition{Name: "dr"}}, Reachable: true, LastSeen: time.Unix(12, 0), Topics: []link.TopicStatus{topic, other},
		Shards: []replicate.Counters{
			{FetchedBytes: 5, Refused: 1, Fetch: fetches, Errors: map[replicate.ErrorKey]int64{{Kind: replicate.ErrorSlow, Broker: "b:1"}: 2}},
			{FetchedBytes: 6, FetchedRecords: 7, WrittenBytes: 8, WrittenRecords: 9, DiscardedBytes: 10, Refused: 2, Fetch: fetches,
				Errors: map[replicate.ErrorKey]int64{{Kind: replicate.ErrorSlow, Broker: "b:1"}: 3}}},
		Totals: link.Totals{ControlErrors: 4, GapRecords: 11, CutRecords: 12, Failovers: map[link.FailoverResult]int64{link.FailoverPartial: 1},
			FailoverSeconds: fetches, Verified: map[kafkaproto.TopicID]link.TopicVerified{topic.Topic.ID: {Equal: time.Unix(99, 0), Mismatches: 3}}}}
	text := exposition(t, func(e *Emit) { emitLink(e, st, true) })
	has(t, text, `umbra_link_fetched_bytes_total{link="dr",shard="0"} 5`, `umbra_link_fetched_bytes_total{link="dr",shard="1"} 6`, `umbra_link_fetched_records_total{link="dr",shard="1"} 7`,
		`umbra_link_written_bytes_total{link="dr",shard="1"} 8`, `umbra_link_written_records_total{link="dr",shard="1"} 9`, `umbra_link_discarded_bytes_total{link="dr",shard="1"} 10`,
		`umbra_link_refused_total{link="dr"} 3`, `umbra_link_errors_total{link="dr",kind="slow",broker="b:1"} 5`, `umbra_link_errors_total{link="dr",kind="control",broker="bootstrap"} 4`,
		`umbra_link_fetch_seconds_count{link="dr"} 2`, `umbra_link_fetch_seconds_sum{link="dr"} 0.002`, `umbra_link_apply_seconds_count{link="dr"} 0`,
		`umbra_link_gap_records_total{link="dr"} 11`, `umbra_link_cut_records_total{link="dr"} 12`, `umbra_failover_duration_seconds_count{link="dr"} 1`,
		`umbra_failovers_total{link="dr",result="partial"} 1`, `umbra_failovers_total{link="dr",result="done"} 0`, `umbra_failovers_total{link="dr",result="failed"} 0`,
		`umbra_link_verify_mismatches_total{link="dr",topic="t"} 3`, `umbra_link_verify_last_success_timestamp_seconds{link="dr",topic="t"} 99`,
		`umbra_link_source_up{link="dr"} 1`, `umbra_link_source_last_seen_timestamp_seconds{link="dr"} 12`)
	lacks(t, text, `verify_mismatches_total{link="dr",topic="never"`)
}

func TestFiguresThatDoNotComeAreCounted(t *testing.T) {
	r := NewRegistry(quiet())
	r.Register(func(e *Emit) {
		if _, ok := e.Context().Deadline(); !ok {
			t.Error("a scrape may take for ever")
		}
		e.Missing("links", errors.New("shard 1 does not answer"))
	})
	scrape(t, r)
	has(t, scrape(t, r), "umbra_metrics_errors_total 1")
}
