package link

import (
	"context"
	"time"

	"umbra/core/link/replicate"
	"umbra/core/link/source"
	"umbra/core/link/spec"
	"umbra/core/metadata"
	"umbra/kafkaproto"
	"umbra/shard"
)

// attempt is what is remembered of a partition's placement, so that one that
// keeps coming back is not tried as fast as it comes.
type attempt struct {
	want   replicate.Assignment
	times  int       // in a row
	landed time.Time // the last one
	not    time.Time // before this
	waits  time.Time // since when the source does not fit the copy; zero: it does
}

// settleAfter is how long a partition must have been followed for its earlier
// attempts to be forgotten.
const settleAfter = 10 * time.Second

// placeEvery is how long topics that open are gathered.
const placeEvery = 100 * time.Millisecond

func (l *Link) placeSoon() {
	if l.placing.IsZero() {
		l.placing = l.cfg.Now().Add(placeEvery)
	}
}

// placeAgain places what could not be placed when the source was looked at: logs
// that were not open, brokers another flight was with. The source is not asked
// for its topics again.
func (l *Link) placeAgain(ctx context.Context) {
	l.placing = time.Time{}
	def := l.definition()
	l.mu.Lock()
	cl, failure := l.state.cluster, l.state.failure
	l.mu.Unlock()
	if def == nil || def.Paused || cl == nil || failure != nil {
		return // the next look places
	}
	if err := l.place(ctx, def, cl); err != nil && ctx.Err() == nil {
		l.log.Warn("partitions not placed", "err", err)
	}
}

// place sets every partition going that should be copied and is not: new ones,
// those whose leader moved, and those that stopped because they do not fit the
// source. Each is aligned first, while nothing is appended to it, by a flight
// to the broker that leads it.
func (l *Link) place(ctx context.Context, def *spec.Link, cl *source.Cluster) error {
	list, err := l.candidates(ctx, def, cl)
	if err != nil {
		return err
	}
	if err := l.rule(ctx, l.untold(def)); err != nil {
		return err
	}
	groups := map[string][]*candidate{}
	for _, c := range list {
		groups[c.want.Broker.Addr] = append(groups[c.want.Broker.Addr], c)
	}
	for addr, group := range groups {
		l.launch(ctx, def, addr, group)
	}
	return nil
}

// candidates compares what should be copied with what the shards do, and stops
// what should not be copied.
func (l *Link) candidates(ctx context.Context, def *spec.Link, cl *source.Cluster) ([]*candidate, error) {
	at := make(map[string]*source.Topic, len(cl.Topics))
	for i := range cl.Topics {
		at[cl.Topics[i].Name] = &cl.Topics[i]
	}
	running, err := l.running(ctx)
	if err != nil {
		return nil, err
	}
	flying := l.flying()
	moved := l.cfg.Keeper.Moved()
	var out []*candidate
	for _, t := range l.cfg.Store.Snapshot().ShadowsOf(def) {
		s := at[t.Name]
		l.holdStopped(ctx, t, running)
		if !t.Shadow.Copying() || s == nil || s.Err != kafkaproto.None {
			continue
		}
		if !l.cfg.Keeper.Opened(t) {
			l.opening = moved // it wakes us; the others need not wait
			continue
		}
		for i := range min(len(t.Partitions), len(s.Partitions)) {
			if !t.Shadow.Copies(int32(i)) {
				continue
			}
			if c := l.candidate(t, s, cl, int32(i), running, flying); c != nil {
				out = append(out, c)
			}
		}
	}
	return out, nil
}

// candidate is the partition if it has to be placed now, else nil.
func (l *Link) candidate(t *metadata.Topic, s *source.Topic, cl *source.Cluster, index int32, running map[shard.PartitionID]replicate.Assignment, flying map[shard.PartitionID]*flight) *candidate {
	p := s.Partitions[index]
	addr, ok := cl.Leader(p)
	if !ok {
		return nil // no leader now; the next look tells
	}
	id := shard.PartitionID{Topic: t.ID, Index: index}
	want := replicate.Assignment{Partition: id, Topic: t.Name, Term: t.Shadow.Term,
		Broker: replicate.Broker{ID: p.Leader, Addr: addr}, LeaderEpoch: p.LeaderEpoch}
	if cl.TopicIDs && s.ID == t.Shadow.SourceID {
		want.SourceID = s.ID
	}
	if f := flying[id]; f != nil {
		if f.wants[id] != want {
			f.cancel() // it waits for a broker that does not lead any more; try again when it is down
		}
		return nil
	}
	if now, following := running[id]; following && (now == want || outdated(now, want)) {
		return nil
	}
	if l.cfg.Keeper.Err(id) != nil {
		return nil // its log does not open; status shows it
	}
	a := l.tries[id]
	if a == nil || a.want != want {
		a = &attempt{want: want}
		l.tries[id] = a
	}
	now := l.cfg.Now()
	if now.Before(a.not) {
		l.sched.at(a.not)
		return nil
	}
	if now.Sub(a.landed) > settleAfter && a.waits.IsZero() {
		a.times = 0
	}
	return &candidate{topic: t, index: index, want: want, settled: l.marks.settled(t, index), waits: a.waits}
}

// outdated: a metadata answer may come from a broker that has not heard of the
// election that the one before told of.
func outdated(now, want replicate.Assignment) bool {
	return want.LeaderEpoch >= 0 && want.LeaderEpoch < now.LeaderEpoch && want.Term == now.Term
}

// running is what the shards copy right now. What partitions wait for is taken
// along: an event about it may have been lost.
func (l *Link) running(ctx context.Context) (map[shard.PartitionID]replicate.Assignment, error) {
	out := make(map[shard.PartitionID]replicate.Assignment, len(l.tries))
	type row struct {
		a     replicate.Assignment
		waits replicate.Waits
	}
	for i, w := range l.workers {
		rows, err := ofPartitions(ctx, l.cfg.Group.Shard(i), w, func(id shard.PartitionID) (row, bool) {
			a, waits, ok := w.Following(id)
			return row{a, waits}, ok
		})
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			out[r.a.Partition] = r.a
			if r.waits == (replicate.Waits{}) {
				delete(l.waits, r.a.Partition)
			}
		}
	}
	return out, nil
}

// holdStopped stops those partitions of a topic that must not be copied (now):
// all of them, or the ones that a fault has stopped, none of which is being
// copied as a rule.
func (l *Link) holdStopped(ctx context.Context, t *metadata.Topic, running map[shard.PartitionID]replicate.Assignment) {
	if t.Shadow.State == spec.Active {
		return
	}
	byShard := map[int][]shard.PartitionID{}
	for i, p := range t.Partitions {
		if t.Shadow.Copies(int32(i)) {
			continue
		}
		id := shard.PartitionID{Topic: t.ID, Index: int32(i)}
		delete(l.waits, id)
		if _, ok := running[id]; ok {
			byShard[p.Shard] = append(byShard[p.Shard], id)
		}
	}
	for n, ids := range byShard {
		w := l.workers[n]
		err := l.cfg.Group.Shard(n).CallEach(ctx, len(ids), func(i int) { w.Hold(ids[i]) })
		if err != nil && ctx.Err() == nil {
			l.log.Error("shard was not told to stop copying", "topic", t.Name, "shard", n, "err", err)
		}
	}
}
