package observe

import (
	"errors"
	"strconv"
	"time"

	"umbra/core/link"
	"umbra/core/link/replicate"
	"umbra/core/metadata"
)

// PerPartition says whether series per partition are exposed.
type PerPartition struct {
	Mode string // auto, on or off
	Max  int    // partitions of the cluster up to which auto exposes them
}

func (p PerPartition) on(s *metadata.Snapshot) bool {
	return p.Mode == "on" || p.Mode == "auto" && partitionsOf(s) <= p.Max
}

func partitionsOf(s *metadata.Snapshot) (n int) {
	for _, t := range s.Topics {
		n += len(t.Partitions)
	}
	return n
}

// CollectLinks emits what the links know of their sources, and what they did.
// Lag is link.Lag and nothing else; a lag that nobody knows has no series.
func CollectLinks(m *link.Manager, snapshot func() *metadata.Snapshot, per PerPartition) func(*Emit) {
	return func(e *Emit) {
		partitions := per.on(snapshot())
		for _, l := range m.Links() {
			st, err := l.Status(e.Context())
			switch {
			case errors.Is(err, link.ErrNotFound): // deleted a moment ago
			case err != nil:
				e.Missing("links", err)
			default:
				emitLink(e, st, partitions)
			}
		}
	}
}

func emitLink(e *Emit, st *link.Status, partitions bool) {
	name := st.Link.Name
	e.Bool("umbra_link_source_up", st.Reachable, name)
	e.Time("umbra_link_source_last_seen_timestamp_seconds", st.LastSeen, name)
	if st.Lag.Bound != link.Unknown {
		e.Value("umbra_link_rpo_seconds", st.Lag.Seconds, name)
	}
	unseen := 0
	for i := range st.Topics {
		unseen += emitTopicLag(e, name, &st.Topics[i], partitions)
		emitVerified(e, name, &st.Topics[i], st.Totals)
	}
	e.Value("umbra_link_partitions_unseen", float64(unseen), name)
	emitCopied(e, name, st.Shards, st.Totals)
	emitTotals(e, name, st.Totals)
}

// emitTopicLag returns how many partitions' lag is not known. A topic that was
// failed over has none any more.
func emitTopicLag(e *Emit, name string, t *link.TopicStatus, partitions bool) (unseen int) {
	if t.State.Writable() {
		return 0
	}
	topic := t.Topic.Name
	var most int64
	for i, p := range t.Partitions {
		if p.Lag.Bound == link.Unknown {
			unseen++
			continue
		}
		most = max(most, p.Lag.Records)
		if partitions {
			index := strconv.Itoa(i)
			e.Value("umbra_link_lag_records", float64(p.Lag.Records), name, topic, index)
			e.Value("umbra_link_lag_seconds", p.Lag.Seconds, name, topic, index)
		}
	}
	if t.Lag.Bound != link.Unknown {
		e.Value("umbra_link_topic_lag_records_max", float64(most), name, topic)
		e.Value("umbra_link_topic_lag_records_sum", float64(t.Lag.Records), name, topic)
		e.Value("umbra_link_topic_lag_seconds_max", t.Lag.Seconds, name, topic)
	}
	return unseen
}

func emitVerified(e *Emit, name string, t *link.TopicStatus, totals link.Totals) {
	if v, ok := totals.Verified[t.Topic.ID]; ok {
		e.Time("umbra_link_verify_last_success_timestamp_seconds", v.Equal, name, t.Topic.Name)
		e.Value("umbra_link_verify_mismatches_total", float64(v.Mismatches), name, t.Topic.Name)
	}
}

// emitCopied emits what the shards copied.
func emitCopied(e *Emit, name string, shards []replicate.Counters, totals link.Totals) {
	var all replicate.Counters
	for i, c := range shards {
		id := strconv.Itoa(i)
		e.Value("umbra_link_fetched_bytes_total", float64(c.FetchedBytes), name, id)
		e.Value("umbra_link_fetched_records_total", float64(c.FetchedRecords), name, id)
		e.Value("umbra_link_written_bytes_total", float64(c.WrittenBytes), name, id)
		e.Value("umbra_link_written_records_total", float64(c.WrittenRecords), name, id)
		e.Value("umbra_link_discarded_bytes_total", float64(c.DiscardedBytes), name, id)
		e.Value("umbra_link_backlog_seconds_total", time.Duration(c.BacklogNanos).Seconds(), name, id)
		all.Add(c)
	}
	e.Value("umbra_link_refused_total", float64(all.Refused), name)
	e.Histogram("umbra_link_fetch_seconds", all.Fetch.Buckets[:], all.Fetch.Sum, name)
	e.Histogram("umbra_link_apply_seconds", all.Apply.Buckets[:], all.Apply.Sum, name)
	for k, n := range all.Errors {
		e.Value("umbra_link_errors_total", float64(n), name, string(k.Kind), k.Broker)
	}
	e.Value("umbra_link_errors_total", float64(totals.ControlErrors), name, "control", "bootstrap")
}

func emitTotals(e *Emit, name string, t link.Totals) {
	e.Value("umbra_link_gap_records_total", float64(t.GapRecords), name)
	e.Value("umbra_link_cut_records_total", float64(t.CutRecords), name)
	for _, r := range link.FailoverResults() {
		e.Value("umbra_failovers_total", float64(t.Failovers[r]), name, string(r))
	}
	e.Histogram("umbra_failover_duration_seconds", t.FailoverSeconds.Buckets[:], t.FailoverSeconds.Sum, name)
}
