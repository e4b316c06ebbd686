package link

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"umbra/core/link/replicate"
	"umbra/core/link/source"
	"umbra/core/link/spec"
	"umbra/core/metadata"
	"umbra/kafkaproto"
	"umbra/shard"
	"umbra/shard/segment"
)

// alignRounds bounds how often one refresh aligns the same partition: a cut or
// a skip is followed by another look, and a source that changes faster is left
// to the next refresh.
const alignRounds = 8

// candidate is a partition that should be copied and is not, or not from where
// it should be.
type candidate struct {
	topic *metadata.Topic
	index int32
	want  replicate.Assignment
	fresh bool // never followed: the link's start option says where it begins

	local  replicate.LocalEnd
	source replicate.SourceEnd
	err    error // why it waits for the next refresh
}

func (c *candidate) id() shard.PartitionID {
	return shard.PartitionID{Topic: c.topic.ID, Index: c.index}
}

func (c *candidate) key() source.PartitionKey {
	return source.PartitionKey{Topic: c.topic.Name, Index: c.index}
}

func (c *candidate) place() source.Place {
	return source.Place{PartitionKey: c.key(), Addr: c.want.Broker.Addr, LeaderEpoch: c.want.LeaderEpoch}
}

// place sets every partition going that should be copied and is not: new ones,
// those whose leader moved, and those that stopped because they do not fit the
// source. Each is aligned first, while nothing is appended to it.
func (l *Link) place(ctx context.Context, def *spec.Link, cl *source.Cluster) error {
	list, err := l.candidates(ctx, def, cl)
	if err != nil || len(list) == 0 {
		return err
	}
	for round := 0; len(list) > 0 && round < alignRounds; round++ {
		if err := l.halt(ctx, list); err != nil {
			return err
		}
		l.askSource(ctx, def, list)
		if list, err = l.settle(ctx, def, list); err != nil {
			return err
		}
	}
	return nil
}

// candidates compares what should be copied with what the shards do.
func (l *Link) candidates(ctx context.Context, def *spec.Link, cl *source.Cluster) ([]*candidate, error) {
	at := map[string]*source.Topic{}
	for i := range cl.Topics {
		at[cl.Topics[i].Name] = &cl.Topics[i]
	}
	running, err := l.running(ctx)
	if err != nil {
		return nil, err
	}
	var out []*candidate
	for _, t := range l.cfg.Store.Snapshot().ShadowsOf(def) {
		s := at[t.Name]
		if !t.Shadow.State.Replicating() {
			l.hold(t, running)
			continue
		}
		if s == nil || s.Err != kafkaproto.None {
			continue
		}
		if err := l.cfg.Keeper.Wait(ctx, t.ID, len(t.Partitions)); err != nil {
			return nil, err
		}
		out = append(out, l.candidatesOf(t, s, cl, running)...)
	}
	return out, nil
}

func (l *Link) candidatesOf(t *metadata.Topic, s *source.Topic, cl *source.Cluster, running map[shard.PartitionID]replicate.Assignment) []*candidate {
	var out []*candidate
	for i := range min(len(t.Partitions), len(s.Partitions)) {
		p := s.Partitions[i]
		addr, ok := cl.Leader(p)
		if !ok {
			continue // no leader now; the next refresh tells
		}
		c := &candidate{topic: t, index: int32(i)}
		if err := l.cfg.Keeper.Err(c.id()); err != nil {
			continue // its log does not open; status shows it
		}
		c.want = replicate.Assignment{Partition: c.id(), Topic: t.Name, SourceID: t.Shadow.SourceID, Term: t.Shadow.Term,
			Broker: replicate.Broker{ID: p.Leader, Addr: addr}, LeaderEpoch: p.LeaderEpoch}
		if !cl.TopicIDs {
			c.want.SourceID = kafkaproto.TopicID{}
		}
		now, following := running[c.id()]
		if following && now == c.want {
			continue
		}
		_, known := l.followed[c.id()]
		c.fresh = !known
		out = append(out, c)
	}
	return out
}

// running is what the shards copy right now.
func (l *Link) running(ctx context.Context) (map[shard.PartitionID]replicate.Assignment, error) {
	out := map[shard.PartitionID]replicate.Assignment{}
	for i, w := range l.workers {
		err := l.cfg.Group.Shard(i).Call(ctx, func() {
			w.VisitFollowing(func(a replicate.Assignment) { out[a.Partition] = a })
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// hold stops the partitions of a topic that must not be copied (now).
func (l *Link) hold(t *metadata.Topic, running map[shard.PartitionID]replicate.Assignment) {
	for i, p := range t.Partitions {
		id := shard.PartitionID{Topic: t.ID, Index: int32(i)}
		if _, ok := running[id]; ok {
			w := l.workers[p.Shard]
			l.cfg.Group.Shard(p.Shard).Post(func() { w.Hold(id) })
		}
	}
}

// holdAll stops copying for a paused link.
func (l *Link) holdAll(ctx context.Context) {
	for i, w := range l.workers {
		l.cfg.Group.Shard(i).Call(ctx, w.HoldAll)
	}
}

// byShard runs do once per shard that owns candidates, on its loop.
func (l *Link) byShard(ctx context.Context, list []*candidate, do func(w *replicate.Worker, s *shard.Shard, c *candidate)) error {
	groups := map[int][]*candidate{}
	for _, c := range list {
		n := c.topic.Partitions[c.index].Shard
		groups[n] = append(groups[n], c)
	}
	for n, group := range groups {
		s, w := l.cfg.Group.Shard(n), l.workers[n]
		err := s.Call(ctx, func() {
			for _, c := range group {
				do(w, s, c)
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// halt stops the candidates and reads where their logs stand.
func (l *Link) halt(ctx context.Context, list []*candidate) error {
	return l.byShard(ctx, list, func(w *replicate.Worker, s *shard.Shard, c *candidate) {
		w.Hold(c.id())
		p := s.Partition(c.id())
		if p == nil {
			c.err = fmt.Errorf("partition is not open on shard %d", s.ID())
			return
		}
		c.err = nil
		c.local = localEnd(p)
	})
}

// localEnd reads a stopped log. The epoch history is copied out, so that the
// decision needs no loop.
func localEnd(p *shard.Partition) replicate.LocalEnd {
	e := replicate.LocalEnd{Start: p.Log.StartOffset(), End: p.Log.EndOffset(), Epoch: -1}
	if epoch, ok := p.Log.LatestEpoch(); ok && e.End > e.Start {
		e.Epoch = epoch
	}
	e.EpochEnd = p.Log.EpochHistory()
	return e
}

// askSource asks the leaders where the candidates' logs begin and end, and
// where the last epoch that the shadow holds ended there.
func (l *Link) askSource(ctx context.Context, def *spec.Link, list []*candidate) {
	var all, held []source.Place
	epochs := map[source.PartitionKey]int32{}
	for _, c := range list {
		if c.err != nil {
			continue
		}
		all = append(all, c.place())
		if c.local.Epoch >= 0 {
			held = append(held, c.place())
			epochs[c.key()] = c.local.Epoch
		}
	}
	starts := l.client.Offsets(ctx, kafkaproto.TimestampEarliest, all)
	ends := l.client.Offsets(ctx, kafkaproto.TimestampLatest, all)
	history := l.client.EpochEnds(ctx, epochs, held)
	for _, c := range list {
		if c.err != nil {
			continue
		}
		from, to := starts[c.key()], ends[c.key()]
		c.source = replicate.SourceEnd{Start: from.Offset, HighWatermark: to.Offset, LeaderEpoch: c.want.LeaderEpoch, HistoryEpoch: -1}
		c.err = errors.Join(from.Err, to.Err)
		if h, ok := history[c.key()]; ok {
			c.source.HistoryEpoch, c.source.HistoryEnd = h.Epoch, h.End
			c.err = errors.Join(c.err, h.Err)
		}
	}
	l.askStart(ctx, def, list)
}

// askStart moves the start of partitions that are new to the link to where the
// link's start option says.
func (l *Link) askStart(ctx context.Context, def *spec.Link, list []*candidate) {
	if def.Start.Kind == spec.StartEarliest {
		return
	}
	var fresh []source.Place
	for _, c := range list {
		if c.err == nil && c.beginsNow() {
			fresh = append(fresh, c.place())
		}
	}
	at := kafkaproto.TimestampLatest
	if def.Start.Kind == spec.StartTimestamp {
		at = def.Start.At.UnixMilli()
	}
	offsets := l.client.Offsets(ctx, at, fresh)
	for _, c := range list {
		o, ok := offsets[c.key()]
		switch {
		case !ok:
		case o.Err != nil:
			c.err = o.Err
		case o.Offset < 0: // no record is that late: begin at the end
			c.source.Start = c.source.HighWatermark
		default:
			c.source.Start = o.Offset
		}
	}
}

// beginsNow: the log is empty and nothing of it was ever followed.
func (c *candidate) beginsNow() bool {
	return c.fresh && c.local.Start == 0 && c.local.End == 0
}

// settle decides for every candidate and acts; what was skipped or cut is
// returned for another look.
func (l *Link) settle(ctx context.Context, def *spec.Link, list []*candidate) (again []*candidate, err error) {
	var follow []*candidate
	for _, c := range list {
		if c.err != nil {
			l.log.Warn("partition waits for its source", "topic", c.topic.Name, "partition", c.index, "err", c.err)
			continue
		}
		d := replicate.Align(c.local, c.source)
		switch d.Step {
		case replicate.Follow:
			follow = append(follow, c)
			continue
		case replicate.Diverged:
			err = l.fault(ctx, c.topic, spec.Reason{Code: spec.SourceDiverged, Detail: fmt.Sprintf("partition %d: %s", c.index, d.Why)})
		case replicate.Skip:
			err = l.skip(ctx, c, d)
			again = append(again, c)
		case replicate.Cut:
			err = l.cut(ctx, c, d)
			again = append(again, c)
		}
		if err != nil && ctx.Err() != nil {
			return nil, err
		}
		if err != nil {
			l.log.Error("partition not aligned", "topic", c.topic.Name, "partition", c.index, "err", err)
		}
	}
	return again, l.assign(ctx, follow)
}

func (l *Link) assign(ctx context.Context, list []*candidate) error {
	return l.byShard(ctx, list, func(w *replicate.Worker, s *shard.Shard, c *candidate) {
		if err := w.Assign(c.want); err != nil {
			l.log.Warn("partition not assigned", "topic", c.topic.Name, "partition", c.index, "err", err)
			return
		}
		l.followed[c.id()] = struct{}{}
	})
}

// skip moves a log to the source's start, after the gap is in the ledger. A
// partition that begins now has no gap: nothing of it was promised.
func (l *Link) skip(ctx context.Context, c *candidate, d replicate.Decision) error {
	isGap := !c.beginsNow()
	if isGap {
		g := spec.GapRecord{Topic: c.topic.Name, TopicID: c.topic.ID, Partition: c.index, From: d.From, To: d.To,
			Why: spec.SourceRetentionGap, Detail: d.Why, At: l.cfg.Now()}
		if err := l.cfg.Store.RecordGap(ctx, g); err != nil {
			return err
		}
		l.log.Error("gap: the source dropped records before they were copied", "event", "gap", "topic", g.Topic, "partition", g.Partition, "from", g.From, "to", g.To)
		if err := l.setReason(ctx, c.topic, spec.Reason{Code: spec.SourceRetentionGap, Detail: fmt.Sprintf("partition %d: offsets %d to %d", c.index, d.From, d.To-1)}); err != nil {
			return err
		}
	}
	c.fresh = false
	err := l.onLog(ctx, c, func(log *segment.Log, done func(error)) { log.ResetTo(d.To, done) })
	if err == nil && isGap {
		l.tally(func(t *Totals) { t.GapRecords += d.To - d.From })
	}
	return err
}

// cut takes batches that the source replaced off the shadow's tail and keeps
// them aside (S3). The record is written after the cut, because it carries the
// kept file's digest; a crash between the two cuts nothing twice and leaves
// the kept file to be found.
func (l *Link) cut(ctx context.Context, c *candidate, d replicate.Decision) error {
	keep := filepath.Join(l.cfg.DataDir, "cut", fmt.Sprintf("%s-%d", c.topic.Name, c.index))
	var got segment.Cut
	err := l.onLog(ctx, c, func(log *segment.Log, done func(error)) {
		log.TruncateTo(d.To, keep, func(cut segment.Cut, err error) {
			got = cut
			done(err)
		})
	})
	if err != nil || got.From >= got.To {
		return err
	}
	l.tally(func(t *Totals) { t.CutRecords += got.To - got.From })
	l.log.Error("cut: the source replaced records that were copied", "event", "cut", "topic", c.topic.Name, "partition", c.index, "from", got.From, "to", got.To, "kept_in", got.File)
	rel, relErr := filepath.Rel(l.cfg.DataDir, got.File)
	if relErr != nil {
		rel = got.File
	}
	return l.cfg.Store.RecordCut(ctx, spec.CutRecord{Topic: c.topic.Name, TopicID: c.topic.ID, Partition: c.index,
		From: got.From, To: got.To, Bytes: got.Bytes, SHA256: hex.EncodeToString(got.SHA256[:]), File: rel,
		Epochs: spec.CutEpochs{Local: c.local.Epoch, Source: c.source.LeaderEpoch}, At: l.cfg.Now()})
}

// onLog runs an asynchronous operation of a partition's log and waits for it.
func (l *Link) onLog(ctx context.Context, c *candidate, do func(*segment.Log, func(error))) error {
	s := l.cfg.Group.Shard(c.topic.Partitions[c.index].Shard)
	done := make(chan error, 1)
	err := s.Post(func() {
		p := s.Partition(c.id())
		if p == nil {
			done <- fmt.Errorf("partition is not open on shard %d", s.ID())
			return
		}
		do(p.Log, func(err error) { done <- err })
	})
	if err != nil {
		return err
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(storageTimeout):
		return fmt.Errorf("topic %q partition %d: the local log did not answer within %s", c.topic.Name, c.index, storageTimeout)
	}
}

// storageTimeout bounds the wait for one operation of a local log.
const storageTimeout = 2 * time.Minute
