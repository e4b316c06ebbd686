package shard

import (
	"context"
	"fmt"
	"os"
	"sync"
	"sync/atomic"

	"umbra/shard/segment"
)

// Published is what any goroutine may know of a partition. Each figure is
// exact; together they may belong to neighbouring moments. HighWatermark is
// never above LogEnd unless the log was truncated in between.
type Published struct {
	Shard                                                  int
	HighWatermark, LogStart, LogEnd, LastStable, SizeBytes int64
	LeaderEpoch                                            int32
	Failed                                                 bool // the log takes no appends any more
}

// directory says where each partition is.
type directory struct {
	mu   sync.RWMutex // crosses goroutines: opened and removed rarely, looked up often
	byID map[PartitionID]*entry
}

// entry is written by the owner's loop and read by anyone.
type entry struct {
	shard int
	open  atomic.Bool

	highWatermark, logStart, logEnd, lastStable, size atomic.Int64
	epoch                                             atomic.Int32
	failed                                            atomic.Bool
}

func (d *directory) reserve(id PartitionID, shard int) (*entry, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.byID[id] != nil {
		return nil, ErrPartitionExists
	}
	e := &entry{shard: shard}
	d.byID[id] = e
	return e, nil
}

func (d *directory) find(id PartitionID) *entry {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.byID[id]
}

func (d *directory) drop(id PartitionID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.byID, id)
}

// Open recovers the partition's log on the calling goroutine and installs it on
// shard shardID. It blocks for as long as recovery takes; many may run at once.
func (g *Group) Open(def PartitionDef, shardID int) error {
	wrap := func(err error) error {
		return fmt.Errorf("open topic %q partition %d in %s: %w", def.Topic, def.ID.Index, def.Dir, err)
	}
	if shardID < 0 || shardID >= len(g.shards) {
		return wrap(fmt.Errorf("shard %d of %d does not exist", shardID, len(g.shards)))
	}
	e, err := g.dir.reserve(def.ID, shardID)
	if err != nil {
		return wrap(err)
	}
	s := g.shards[shardID]
	p := &Partition{ID: def.ID, Topic: def.Topic, shard: s, epoch: def.LeaderEpoch, entry: e}
	if p.Log, err = segment.Open(def.Dir, def.Config, s.env(p)); err == nil {
		installed := ErrStopped
		err = s.Call(g.life, func() { installed = s.partitions.install(p, def.Term) })
		if err == nil {
			err = installed
		}
	}
	if err != nil {
		g.dir.drop(def.ID)
		return wrap(err)
	}
	return nil
}

// Remove closes the partition's log and, if asked, deletes its files. Waiters
// are woken and find Partition.Removed.
func (g *Group) Remove(id PartitionID, deleteFiles bool) error {
	wrap := func(err error) error {
		return fmt.Errorf("remove partition %d of topic id %s: %w", id.Index, id.Topic, err)
	}
	e := g.dir.find(id)
	if e == nil || !e.open.Load() {
		return wrap(ErrPartitionUnknown)
	}
	type outcome struct {
		dir string
		err error
	}
	closed := make(chan outcome, 1)
	s := g.shards[e.shard]
	err := s.Call(g.life, func() {
		s.partitions.remove(id, deleteFiles, func(dir string, err error) { closed <- outcome{dir, err} })
	})
	if err != nil {
		return wrap(err)
	}
	var out outcome
	select {
	case out = <-closed:
	case <-g.life.Done():
		return wrap(ErrStopped)
	}
	if out.dir == "" {
		return wrap(out.err) // somebody else removed it at the same time
	}
	g.dir.drop(id)
	if !deleteFiles {
		if out.err != nil {
			return wrap(out.err)
		}
		return nil
	}
	// Renamed first: a crash half-way leaves no directory that looks like a log.
	gone := out.dir + "-delete"
	if err := os.RemoveAll(gone); err != nil {
		return wrap(err)
	}
	if err := os.Rename(out.dir, gone); err != nil {
		return wrap(err)
	}
	if err := os.RemoveAll(gone); err != nil {
		return wrap(err)
	}
	return nil
}

// Published gives a partition's figures; false when it is not open.
func (g *Group) Published(id PartitionID) (Published, bool) {
	e := g.dir.find(id)
	if e == nil || !e.open.Load() {
		return Published{}, false
	}
	out := Published{Shard: e.shard, HighWatermark: e.highWatermark.Load()}
	out.LastStable = e.lastStable.Load()
	out.LogEnd = e.logEnd.Load()
	out.LogStart = e.logStart.Load()
	out.SizeBytes = e.size.Load()
	out.LeaderEpoch = e.epoch.Load()
	out.Failed = e.failed.Load()
	return out, true
}

// Do runs f on the loop that owns the partition and waits (any goroutine but a
// loop). ErrPartitionUnknown when nobody does.
func (g *Group) Do(ctx context.Context, id PartitionID, f func(*Partition)) error {
	e := g.dir.find(id)
	if e == nil || !e.open.Load() {
		return ErrPartitionUnknown
	}
	found := false
	err := g.shards[e.shard].Call(ctx, func() {
		if p := g.shards[e.shard].Partition(id); p != nil {
			found = true
			f(p)
		}
	})
	if err == nil && !found {
		return ErrPartitionUnknown
	}
	return err
}
