package link

import (
	"context"
	"time"

	"umbra/core/link/replicate"
	"umbra/core/link/spec"
	"umbra/core/metadata"
	"umbra/shard"
)

// Status is a moment's view of a link, for status, metrics and plans.
type Status struct {
	Link      *spec.Link
	At        time.Time
	Reachable bool      // the control plane got through, or a broker is being read from
	LastSeen  time.Time // the last answer of any source broker; zero: never
	Failure   error     // why it is not reachable
	Brokers   int
	ClusterID string
	Topics    []TopicStatus // worst first is for the reader; here by name
	Lag       Lag
	Excluded  []string // source topics the filter leaves out, at most excludedShown
	ExcludedN int
	Refused   int64 // answers dropped because their bytes were wrong
	Rate      Rate
	Shards    []replicate.Counters // by shard, since the link began to run in this process
	Totals    Totals
}

// Rate is what a link copied per second, over at least rateSpan.
type Rate struct{ Records, Bytes float64 }

const rateSpan = time.Second

// rateSample is where the counters stood when the last rate was taken.
type rateSample struct {
	at             time.Time
	records, bytes int64
	rate           Rate
}

// next is the sample after the counters moved on; calls that come too soon
// after each other see the same rate.
func (r rateSample) next(at time.Time, records, bytes int64) rateSample {
	if r.at.IsZero() {
		return rateSample{at: at, records: records, bytes: bytes}
	}
	span := at.Sub(r.at)
	if span < rateSpan {
		return r
	}
	per := func(now, then int64) float64 { return float64(max(0, now-then)) / span.Seconds() }
	return rateSample{at: at, records: records, bytes: bytes, rate: Rate{Records: per(records, r.records), Bytes: per(bytes, r.bytes)}}
}

// TopicStatus is one shadow topic.
type TopicStatus struct {
	Topic      *metadata.Topic
	State      spec.TopicState // PAUSED also when the whole link is
	Reason     spec.Reason
	Lag        Lag
	Partitions []PartitionStatus // by index
}

// PartitionStatus is one partition of a shadow topic.
type PartitionStatus struct {
	replicate.PartitionStatus
	Lag  Lag
	Err  error // its local log does not open
	Open bool
}

// Status reads the link from the metadata and from every shard.
func (l *Link) Status(ctx context.Context) (*Status, error) {
	def := l.definition()
	if def == nil {
		return nil, ErrNotFound
	}
	parts, counters, err := l.progress(ctx)
	if err != nil {
		return nil, err
	}
	st := &Status{Link: def, At: l.cfg.Now(), Shards: counters}
	var lags []Lag
	var records, bytes int64
	for _, t := range l.cfg.Store.Snapshot().ShadowsOf(def) {
		ts := l.topicStatus(def, t, parts, st.At)
		if !ts.State.Writable() {
			lags = append(lags, ts.Lag)
		}
		for _, p := range ts.Partitions {
			st.Refused += p.Refused
			records, bytes = records+p.FetchedRecords, bytes+p.FetchedBytes
			if p.SeenAt.After(st.LastSeen) {
				st.LastSeen = p.SeenAt
			}
		}
		st.Topics = append(st.Topics, ts)
	}
	st.Lag = Worst(lags)
	l.sourceStatus(st)
	l.mu.Lock()
	l.state.rate = l.state.rate.next(st.At, records, bytes)
	st.Rate = l.state.rate.rate
	l.mu.Unlock()
	return st, nil
}

// sourceStatus adds what the control plane and the connections know.
func (l *Link) sourceStatus(st *Status) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := &l.state
	st.Excluded, st.ExcludedN = s.excluded, s.excludedN
	st.Totals = s.totals.clone()
	if s.cluster == nil && len(st.Topics) == 0 {
		st.Lag = Lag{Bound: Unknown} // there may be much to copy: nobody has said
	}
	if s.refreshed.After(st.LastSeen) {
		st.LastSeen = s.refreshed
	}
	if s.cluster != nil {
		st.Brokers, st.ClusterID = len(s.cluster.Brokers), s.cluster.ID
	}
	st.Failure = s.failure
	for _, b := range s.brokers {
		for _, up := range b.up {
			if up {
				st.Reachable = true
			}
		}
		if st.Failure == nil && b.err != nil {
			st.Failure = b.err
		}
	}
	if s.failure == nil && s.cluster != nil {
		st.Reachable = st.Reachable || st.At.Sub(s.refreshed) < 2*st.Link.WithDefaults().Options.MetadataRefresh
	}
	if st.Reachable {
		st.Failure = nil
	}
}

func (l *Link) topicStatus(def *spec.Link, t *metadata.Topic, parts map[shard.PartitionID]replicate.PartitionStatus, now time.Time) TopicStatus {
	ts := TopicStatus{Topic: t, State: t.Shadow.State, Reason: t.Shadow.Reason}
	if def.Paused && ts.State == spec.Active {
		ts.State = spec.Paused
	}
	lags := make([]Lag, 0, len(t.Partitions))
	for i := range t.Partitions {
		id := shard.PartitionID{Topic: t.ID, Index: int32(i)}
		p := PartitionStatus{PartitionStatus: replicate.PartitionStatus{Partition: id, Topic: t.Name, Progress: replicate.Progress{SourceHighWatermark: -1, SourceStart: -1}}}
		if got, ok := parts[id]; ok {
			p.PartitionStatus = got
		}
		if pub, ok := l.cfg.Group.Published(id); ok {
			p.Open, p.LogStart, p.LogEnd = true, pub.LogStart, pub.LogEnd
		} else {
			p.Err = l.cfg.Keeper.Err(id)
		}
		p.Lag = lagOf(p.PartitionStatus, def.Options.FetchMaxWait, t.Created, now)
		lags = append(lags, p.Lag)
		ts.Partitions = append(ts.Partitions, p)
	}
	ts.Lag = Worst(lags)
	return ts
}

// progress asks every shard for the partitions it copies and for its counters.
// What a shard answers is put together here: a loop whose answer comes too late
// must not write to what the caller has gone away with.
func (l *Link) progress(ctx context.Context) (map[shard.PartitionID]replicate.PartitionStatus, []replicate.Counters, error) {
	parts := map[shard.PartitionID]replicate.PartitionStatus{}
	counters := make([]replicate.Counters, len(l.workers))
	for i, w := range l.workers {
		var of []replicate.PartitionStatus
		var c replicate.Counters
		err := l.cfg.Group.Shard(i).Call(ctx, func() {
			w.Visit(func(p replicate.PartitionStatus) { of = append(of, p) })
			c = w.Counters()
		})
		if err != nil {
			return nil, nil, err
		}
		for _, p := range of {
			parts[p.Partition] = p
		}
		counters[i] = c
	}
	return parts, counters, nil
}
