// Package placement keeps the partitions that are open on the shards equal to
// the topics in the metadata: it opens what a snapshot adds, removes what one
// drops, and hands each change of a topic's settings, term or leader epoch to
// the loop that owns the partition.
//
// It decides nothing: which shard owns a partition is recorded in the
// metadata. Read Keeper first.
package placement

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"

	"umbra/core/metadata"
	"umbra/kafkaproto"
	"umbra/shard"
	"umbra/shard/segment"
)

// openersMax is how many partitions are recovered at a time.
const openersMax = 8

// Keeper owns which partitions are open. Its methods are for any goroutine but
// a shard's loop.
type Keeper struct {
	store *metadata.Store
	group *shard.Group
	cfg   Config
	log   *slog.Logger

	work   chan *metadata.Snapshot // newest wins
	stop   context.CancelFunc
	ctx    context.Context
	done   chan struct{}
	cancel func()

	mu    sync.Mutex // Wait and Err are asked by request and link goroutines
	known map[kafkaproto.TopicID]*placed
	moved chan struct{} // closed and replaced when known changes
}

// placed is a topic as it was last applied to the shards.
type placed struct {
	topic *metadata.Topic
	errs  map[int32]error // partitions that would not open
}

// Start opens every partition of the store's snapshot and follows the store
// until Stop. It returns when all of them are open or have failed; a partition
// that fails is reported by Err and does not keep the others from serving.
func Start(store *metadata.Store, group *shard.Group, cfg Config) *Keeper {
	ctx, stop := context.WithCancel(context.Background())
	k := &Keeper{store: store, group: group, cfg: cfg, log: cfg.Log, work: make(chan *metadata.Snapshot, 1),
		ctx: ctx, stop: stop, done: make(chan struct{}), known: map[kafkaproto.TopicID]*placed{}, moved: make(chan struct{})}
	k.cancel = store.Subscribe(func(_, s *metadata.Snapshot) { k.offer(s) })
	k.apply(store.Snapshot())
	go k.run()
	return k
}

// Stop ends following. The partitions stay open: the group closes them.
func (k *Keeper) Stop() {
	k.cancel()
	k.stop()
	<-k.done
}

// offer replaces a snapshot that was not taken yet: only the newest matters.
func (k *Keeper) offer(s *metadata.Snapshot) {
	for {
		select {
		case k.work <- s:
			return
		default:
		}
		select {
		case <-k.work:
		default:
		}
	}
}

func (k *Keeper) run() {
	defer close(k.done)
	for {
		select {
		case s := <-k.work:
			k.apply(s)
		case <-k.ctx.Done():
			return
		}
	}
}

// apply brings the shards to a snapshot. What is gone is removed first: a topic
// that was deleted and created again between two snapshots has another id and
// the same directories.
func (k *Keeper) apply(s *metadata.Snapshot) {
	for id, p := range k.snapshotKnown() {
		if s.ByID(id) == nil {
			k.remove(p.topic)
		}
	}
	var opens []opening
	for _, t := range s.Topics {
		opens = append(opens, k.follow(t)...)
	}
	k.openAll(opens)
	k.publish(s, opens)
}

// follow applies the changes of one topic and returns the partitions that are
// not open yet.
func (k *Keeper) follow(t *metadata.Topic) []opening {
	old := k.get(t.ID)
	from := 0
	if old != nil {
		from = len(old.topic.Partitions)
		if old.topic != t {
			k.update(t, from)
		}
	}
	var out []opening
	for i := from; i < len(t.Partitions); i++ {
		out = append(out, opening{topic: t, index: int32(i)})
	}
	return out
}

// update hands a topic's new settings to the loops that own its partitions.
func (k *Keeper) update(t *metadata.Topic, partitions int) {
	cfg := k.segmentConfig(t)
	for i := range partitions {
		id := shard.PartitionID{Topic: t.ID, Index: int32(i)}
		s := k.group.Shard(t.Partitions[i].Shard)
		epoch, term := t.Partitions[i].LeaderEpoch, t.Term()
		err := s.Call(k.ctx, func() {
			if p := s.Partition(id); p != nil {
				p.SetTerm(term)
				p.SetLeaderEpoch(epoch)
				p.Configure(cfg)
			}
		})
		if err != nil && k.ctx.Err() == nil {
			k.log.Error("partition did not take its new settings", "topic", t.Name, "partition", i, "err", err)
		}
	}
}

// opening is one partition to open.
type opening struct {
	topic *metadata.Topic
	index int32
	err   error
}

// openAll recovers partitions side by side; one damaged log must not hold up
// the others.
func (k *Keeper) openAll(list []opening) {
	slots := make(chan struct{}, openersMax)
	var wg sync.WaitGroup
	for i := range list {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			list[i].err = k.open(list[i].topic, list[i].index)
		})
	}
	wg.Wait()
}

func (k *Keeper) open(t *metadata.Topic, index int32) error {
	p := t.Partitions[index]
	return k.group.Open(shard.PartitionDef{
		ID:          shard.PartitionID{Topic: t.ID, Index: index},
		Topic:       t.Name,
		Dir:         filepath.Join(k.cfg.Dir, fmt.Sprintf("%s-%d", t.Name, index)),
		LeaderEpoch: p.LeaderEpoch,
		Term:        t.Term(),
		Config:      k.segmentConfig(t),
	}, p.Shard)
}

func (k *Keeper) remove(t *metadata.Topic) {
	for i := range t.Partitions {
		err := k.group.Remove(shard.PartitionID{Topic: t.ID, Index: int32(i)}, true)
		if err != nil && !errors.Is(err, shard.ErrStopped) {
			k.log.Error("partition of a deleted topic was not removed; remove its directory by hand", "topic", t.Name, "partition", i, "err", err)
		}
	}
}

func (k *Keeper) get(id kafkaproto.TopicID) *placed {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.known[id]
}

func (k *Keeper) snapshotKnown() map[kafkaproto.TopicID]*placed {
	k.mu.Lock()
	defer k.mu.Unlock()
	out := make(map[kafkaproto.TopicID]*placed, len(k.known))
	for id, p := range k.known {
		out[id] = p
	}
	return out
}

// publish makes what was applied visible to Wait and Err.
func (k *Keeper) publish(s *metadata.Snapshot, opens []opening) {
	failed := map[kafkaproto.TopicID]map[int32]error{}
	for _, o := range opens {
		if o.err == nil {
			continue
		}
		k.log.Error("partition does not open; it is left as it is and not served", "topic", o.topic.Name, "partition", o.index, "err", o.err)
		if failed[o.topic.ID] == nil {
			failed[o.topic.ID] = map[int32]error{}
		}
		failed[o.topic.ID][o.index] = o.err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	next := make(map[kafkaproto.TopicID]*placed, len(s.Topics))
	for _, t := range s.Topics {
		p := &placed{topic: t, errs: failed[t.ID]}
		if old := k.known[t.ID]; old != nil {
			p.errs = merged(old.errs, p.errs)
		}
		next[t.ID] = p
	}
	k.known = next
	close(k.moved)
	k.moved = make(chan struct{})
}

func merged(a, b map[int32]error) map[int32]error {
	if len(a) == 0 {
		return b
	}
	out := map[int32]error{}
	for i, err := range a {
		out[i] = err
	}
	for i, err := range b {
		out[i] = err
	}
	return out
}

// Wait returns when the first n partitions of a topic are open, or the topic's
// absence has been applied when n is 0.
func (k *Keeper) Wait(ctx context.Context, id kafkaproto.TopicID, n int) error {
	for {
		k.mu.Lock()
		p, moved := k.known[id], k.moved
		k.mu.Unlock()
		if n == 0 && p == nil || n > 0 && p != nil && len(p.topic.Partitions) >= n {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return fmt.Errorf("wait for %d partitions of topic id %s to open: %w", n, id, ctx.Err())
		}
	}
}

// Err is why a partition is not open, nil when it is.
func (k *Keeper) Err(id shard.PartitionID) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if p := k.known[id.Topic]; p != nil {
		return p.errs[id.Index]
	}
	return nil
}

// segmentConfig translates a topic's Kafka configs. A shadow topic that
// follows its source keeps what the source keeps: its start moves with the
// source's start (S5), never by the local clock.
func (k *Keeper) segmentConfig(t *metadata.Topic) segment.Config {
	c := SegmentConfig(k.store.Configs(), t)
	if c.FlushInterval == 0 {
		c.FlushInterval = k.cfg.FlushInterval
	}
	c.FlushBytes = k.cfg.FlushBytes
	if !t.Writable() {
		c.Retention, c.RetentionBytes = -1, -1
	}
	return c
}
