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

// SourceStatus is what is known of a link's source.
type SourceStatus struct {
	Bootstrap []string  `json:"bootstrap"`
	ClusterID string    `json:"cluster_id"`
	Brokers   int       `json:"brokers"`
	Reachable bool      `json:"reachable"`
	LastSeen  time.Time `json:"last_seen,omitzero"` // zero: never
	Failure   string    `json:"failure,omitempty"`  // why it is not reachable
}

// Source is the source's part of the status.
func (st *Status) Source() SourceStatus {
	s := SourceStatus{Bootstrap: st.Link.Bootstrap, ClusterID: st.ClusterID, Brokers: st.Brokers, Reachable: st.Reachable, LastSeen: st.LastSeen}
	if st.Failure != nil {
		s.Failure = st.Failure.Error()
	}
	return s
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
	Lag        Lag               // of all partitions
	Copied     Lag               // of those that go on where a fault has stopped others (Partial); else of all
	Partitions []PartitionStatus // by index
}

// PartitionStatus is one partition of a shadow topic.
type PartitionStatus struct {
	replicate.PartitionStatus
	State  spec.TopicState // the topic's, but for the partitions that go on while others are FAULTED
	Reason spec.Reason     // the topic's, or why this partition is FAULTED
	Lag    Lag
	Err    error // its local log does not open
	Open   bool
}

// Status reads the link from the metadata and from every shard.
func (l *Link) Status(ctx context.Context) (*Status, error) {
	snap := l.cfg.Store.Snapshot()
	topics := l.topics(snap)
	def := l.shown(topics)
	if def == nil {
		return nil, ErrNotFound
	}
	parts, err := l.progress(ctx)
	if err != nil {
		return nil, err
	}
	st := &Status{Link: def, At: l.cfg.Now(), Shards: parts.counters}
	var lags []Lag
	var records, bytes int64
	for _, t := range topics {
		ts := l.topicStatus(def, t, parts.of, st.At)
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
	l.sourceStatus(st, parts)
	l.mu.Lock()
	l.state.rate = l.state.rate.next(st.At, records, bytes)
	st.Rate = l.state.rate.rate
	l.mu.Unlock()
	return st, nil
}

// sourceStatus adds what the control plane and the connections know.
func (l *Link) sourceStatus(st *Status, parts progress) {
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
	for _, b := range parts.brokers {
		if b.answered.After(st.LastSeen) {
			st.LastSeen = b.answered
		}
		st.Reachable = st.Reachable || b.connected && st.At.Sub(b.answered) < reachableFor
		if err := s.lost[b.addr]; st.Failure == nil && !b.connected && err != nil {
			st.Failure = err
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
	going := spec.Active
	if def.Paused {
		going = spec.Paused
	}
	ts := TopicStatus{Topic: t, State: t.Shadow.State, Reason: t.Shadow.Reason}
	if ts.State == spec.Active {
		ts.State = going
	}
	lags := make([]Lag, 0, len(t.Partitions))
	var copied []Lag
	for i := range t.Partitions {
		id := shard.PartitionID{Topic: t.ID, Index: int32(i)}
		p := PartitionStatus{PartitionStatus: neverSeen(id, t.Name)}
		if got, ok := parts[id]; ok {
			p.PartitionStatus = got
		}
		l.marks.recall(&p.PartitionStatus)
		if pub, ok := l.cfg.Group.Published(id); ok {
			p.Open, p.LogStart, p.LogEnd = true, pub.LogStart, pub.LogEnd
		} else {
			p.Err = l.cfg.Keeper.Err(id)
		}
		p.Lag = lagOf(p.PartitionStatus, def.Options.FetchMaxWait, t.Created, now)
		if p.State, p.Reason = t.Shadow.StateOf(int32(i)); p.State == spec.Active {
			p.State = going
		}
		if p.State != spec.Faulted {
			copied = append(copied, p.Lag)
		}
		lags = append(lags, p.Lag)
		ts.Partitions = append(ts.Partitions, p)
	}
	ts.Lag = Worst(lags)
	if ts.Copied = ts.Lag; ts.Partial() {
		ts.Copied = Worst(copied)
	}
	return ts
}

// Partial reports whether a fault has stopped some partitions of the topic and
// others go on.
func (ts *TopicStatus) Partial() bool {
	n := ts.Topic.Stopped()
	return n > 0 && n < len(ts.Partitions)
}

// reachableFor is how long after its last answer a connected source broker
// counts as reachable.
const reachableFor = 10 * time.Second

// shown is the link as status shows it: as it was defined, or, when it was
// deleted by force, what its topics still say of it; nil: nothing is left.
func (l *Link) shown(topics []*metadata.Topic) *spec.Link {
	if def := l.definition(); def != nil {
		return def
	}
	for _, t := range topics {
		if t.Shadow.Reason.Code == spec.LinkDeleted || t.Shadow.Failover != nil {
			return &spec.Link{Definition: spec.Definition{Name: l.name}.WithDefaults(), ID: l.id,
				Reason: spec.Reason{Code: spec.LinkDeleted, Since: t.Shadow.Reason.Since}}
		}
	}
	return nil
}

func neverSeen(id shard.PartitionID, topic string) replicate.PartitionStatus {
	return replicate.PartitionStatus{Partition: id, Topic: topic, LeaderEpoch: -1, Progress: replicate.Progress{SourceHighWatermark: -1, SourceStart: -1}}
}

// progress is what the shards know.
type progress struct {
	of       map[shard.PartitionID]replicate.PartitionStatus
	counters []replicate.Counters // by shard
	brokers  []brokerNow
}

// brokerNow is one shard's connection to one source broker.
type brokerNow struct {
	addr      string
	connected bool
	answered  time.Time
}

// progress asks every shard for the partitions it copies and for its counters.
// What a shard answers is put together here: a loop whose answer comes too late
// must not write to what the caller has gone away with.
func (l *Link) progress(ctx context.Context) (progress, error) {
	out := progress{of: map[shard.PartitionID]replicate.PartitionStatus{}, counters: make([]replicate.Counters, len(l.workers))}
	for i, w := range l.workers {
		var brokers []brokerNow
		var c replicate.Counters
		err := l.cfg.Group.Shard(i).Call(ctx, func() {
			w.VisitBrokers(func(b replicate.Broker, connected bool, answered time.Time, _ replicate.FetcherStats) {
				brokers = append(brokers, brokerNow{b.Addr, connected, answered})
			})
			c = w.Counters()
		})
		if err != nil {
			return out, err
		}
		of, err := ofPartitions(ctx, l.cfg.Group.Shard(i), w, w.Status)
		if err != nil {
			return out, err
		}
		for _, p := range of {
			out.of[p.Partition] = p
		}
		out.counters[i], out.brokers = c, append(out.brokers, brokers...)
	}
	return out, nil
}

// ofPartitions asks about every partition that a worker copies, where there is something to
// tell, and keeps the shard's other work waiting for none of them but the one in hand.
func ofPartitions[T any](ctx context.Context, s *shard.Shard, w *replicate.Worker, ask func(shard.PartitionID) (T, bool)) ([]T, error) {
	var ids []shard.PartitionID
	if err := s.Call(ctx, func() { ids = w.Partitions() }); err != nil {
		return nil, err
	}
	out := make([]T, 0, len(ids))
	err := s.CallEach(ctx, len(ids), func(i int) {
		if t, ok := ask(ids[i]); ok {
			out = append(out, t)
		}
	})
	if err != nil {
		return nil, err // and out is left to a loop whose answer comes too late
	}
	return out, nil
}
