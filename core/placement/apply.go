package placement

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"sync"

	"umbra/core/metadata"
	"umbra/kafkaproto"
	"umbra/shard"
	"umbra/shard/segment"
)

// openersMax is how many partitions are recovered or removed at a time.
const openersMax = 8

// apply brings the shards to a snapshot: it removes, updates, opens.
func (k *Keeper) apply(s *metadata.Snapshot) {
	k.removeGone(s)
	var changed []*metadata.Topic
	var opens []opening
	for _, t := range s.Topics {
		old := k.get(t.ID)
		from := 0
		if old != nil {
			from = old.count
			if old.topic == t {
				continue
			}
			changed = append(changed, t)
		}
		for i := from; i < len(t.Partitions); i++ {
			opens = append(opens, opening{topic: t, index: int32(i)})
		}
	}
	k.update(changed)
	k.openAll(opens)
}

// removeGone removes the topics that the snapshot does not have, or has in a
// later life.
func (k *Keeper) removeGone(s *metadata.Snapshot) {
	var wg sync.WaitGroup
	slots := make(chan struct{}, openersMax)
	for _, p := range k.all() {
		if t := s.ByID(p.topic.ID); t != nil && p.sameLife(t) {
			continue
		}
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			k.remove(p)
			k.publish(p.topic.ID, nil)
		})
	}
	wg.Wait()
}

func (k *Keeper) remove(p *placed) {
	for i := range p.count {
		if err := p.errs[int32(i)]; err != nil {
			k.log.Error("partition of a deleted topic never opened; remove its directory by hand", "topic", p.topic.Name, "partition", i, "err", err)
			continue // its directory may be another's
		}
		err := k.group.Remove(shard.PartitionID{Topic: p.topic.ID, Index: int32(i)}, true)
		if err != nil && !errors.Is(err, shard.ErrStopped) {
			k.log.Error("partition of a deleted topic was not removed; remove its directory by hand", "topic", p.topic.Name, "partition", i, "err", err)
		}
	}
}

// partUpdate is what one partition's loop is told.
type partUpdate struct {
	id    shard.PartitionID
	term  int64
	epoch int32
	cfg   segment.Config
}

// update hands changed topics to the loops that own their partitions, all of a loop's
// together: a failover changes thousands of topics at once, several times.
func (k *Keeper) update(topics []*metadata.Topic) {
	byShard := map[int][]partUpdate{}
	for _, t := range topics {
		old := k.get(t.ID)
		same := maps.Equal(old.topic.Configs, t.Configs) && old.topic.Writable() == t.Writable()
		var cfg segment.Config // zero: not changed
		if !same {
			cfg = k.segmentConfig(t)
		}
		for i := range old.count {
			p := t.Partitions[i]
			if same && t.Term() == old.topic.Term() && p.LeaderEpoch == old.topic.Partitions[i].LeaderEpoch {
				continue
			}
			byShard[p.Shard] = append(byShard[p.Shard], partUpdate{shard.PartitionID{Topic: t.ID, Index: int32(i)}, t.Term(), p.LeaderEpoch, cfg})
		}
	}
	for n, list := range byShard {
		s := k.group.Shard(n)
		err := s.CallEach(k.ctx, len(list), func(i int) {
			if p := s.Partition(list[i].id); p != nil {
				list[i].apply(p)
			}
		})
		if err != nil && k.ctx.Err() == nil {
			k.log.Error("partitions did not take their new settings", "shard", n, "partitions", len(list), "err", err)
		}
	}
	for _, t := range topics {
		old := k.get(t.ID)
		k.publish(t.ID, &placed{topic: t, count: old.count, errs: old.errs})
	}
}

func (u *partUpdate) apply(p *shard.Partition) {
	p.SetTerm(u.term)
	p.SetLeaderEpoch(u.epoch)
	if u.cfg != (segment.Config{}) {
		p.Configure(u.cfg)
	}
}

// opening is one partition to open.
type opening struct {
	topic *metadata.Topic
	index int32
}

// openAll recovers partitions side by side; one damaged log must not hold up
// the others. A topic is published when its last partition is open, so that
// nobody waits for the rest.
func (k *Keeper) openAll(list []opening) {
	left := map[kafkaproto.TopicID]int{}
	for _, o := range list {
		left[o.topic.ID]++
	}
	failed := map[kafkaproto.TopicID]map[int32]error{}
	var mu sync.Mutex // guards left and failed
	slots := make(chan struct{}, openersMax)
	var wg sync.WaitGroup
	for _, o := range list {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			err := k.open(o.topic, o.index)
			mu.Lock()
			defer mu.Unlock()
			id := o.topic.ID
			if err != nil {
				k.log.Error("partition does not open; it is left as it is and not served", "event", "partition_unopened", "topic", o.topic.Name, "partition", o.index, "err", err)
				if failed[id] == nil {
					failed[id] = map[int32]error{}
				}
				failed[id][o.index] = err
			}
			if left[id]--; left[id] == 0 {
				k.publish(id, &placed{topic: o.topic, count: len(o.topic.Partitions), errs: k.withErrs(id, failed[id])})
			}
		})
	}
	wg.Wait()
}

// withErrs are a topic's errors so far and some more.
func (k *Keeper) withErrs(id kafkaproto.TopicID, more map[int32]error) map[int32]error {
	old := k.get(id)
	if old == nil || len(old.errs) == 0 {
		return more
	}
	out := maps.Clone(old.errs)
	maps.Copy(out, more)
	return out
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
