package shard

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"time"

	"umbra/kafkaproto"
	"umbra/shard/segment"
)

// PartitionID names a partition for its life: the topic's id, not its name.
type PartitionID struct {
	Topic kafkaproto.TopicID
	Index int32
}

// PartitionDef says what to open.
type PartitionDef struct {
	ID          PartitionID
	Topic       string // for people
	Dir         string // the partition's own directory, see segment.Open
	LeaderEpoch int32
	Term        int64
	Config      segment.Config
}

// Partition is one partition on the shard that owns it. Loop only.
type Partition struct {
	ID    PartitionID
	Topic string
	Log   *segment.Log

	shard   *Shard
	epoch   int32 // as set; LeaderEpoch looks at the log, too
	entry   *entry
	moved   bool // is in partitions.moved
	removed bool
	failed  error
	retain  time.Time // when retention is to be looked at next

	waiters waiters
}

// HighWatermark bounds what consumers may read: everything below is on disk,
// though not necessarily fsynced.
func (p *Partition) HighWatermark() int64 { return p.Log.WrittenOffset() }

// LeaderEpoch is the epoch set, and never below one that the log holds: a
// consumer that resumes with a mirrored epoch must not find ours older.
func (p *Partition) LeaderEpoch() int32 {
	if e, ok := p.Log.LatestEpoch(); ok {
		return max(p.epoch, e)
	}
	return p.epoch
}

// SetLeaderEpoch raises the leader epoch and wakes the waiters; it never lowers it.
func (p *Partition) SetLeaderEpoch(epoch int32) {
	p.epoch = max(p.epoch, epoch)
	p.move()
}

// SetTerm raises the log's fence and wakes the waiters.
func (p *Partition) SetTerm(term int64) {
	p.Log.SetTerm(term)
	p.move()
}

// Configure changes the log's settings.
func (p *Partition) Configure(cfg segment.Config) { p.Log.Configure(cfg) }

// Removed reports whether the partition is being taken away; waiters are woken
// for that, too.
func (p *Partition) Removed() bool { return p.removed }

// Err is why the log failed, nil while it has not.
func (p *Partition) Err() error { return p.failed }

// Shard is the owner.
func (p *Partition) Shard() *Shard { return p.shard }

// move has the partition published and its waiters woken at the turn's end,
// once however much moved.
func (p *Partition) move() {
	if !p.moved {
		p.moved = true
		p.shard.partitions.moved = append(p.shard.partitions.moved, p)
	}
}

// publish tells other goroutines. The end goes up before the high watermark,
// and is read after it, so that nobody sees a watermark above the end.
func (p *Partition) publish() {
	e := p.entry
	e.logEnd.Store(p.Log.EndOffset())
	e.lastStable.Store(p.Log.LastStableOffset())
	e.highWatermark.Store(p.HighWatermark())
	e.logStart.Store(p.Log.StartOffset())
	e.size.Store(p.Log.Size())
	e.epoch.Store(p.LeaderEpoch())
	e.failed.Store(p.failed != nil)
}

// partitions are what one shard owns. Loop only.
type partitions struct {
	shard  *Shard
	byID   map[PartitionID]*Partition
	moved  []*Partition
	dirty  []*segment.Log // have something for the ring
	hot    *segment.Hot
	reads  *segment.Reads
	closed bool

	keeping     []*Partition // those a housekeeping round has still to visit
	keepingTime *Timer       // the next tick, nil while there is no partition
}

// hotShare of the arena (one in so many bytes), but not more than hotMax, keeps
// recent segments' bytes for readers at the tail. More would hardly be read and
// is memory that has to be touched a first time, which on a virtual machine costs
// seconds of CPU per GiB and holds up the core it happens on: at 20 MB/s with
// 64 MiB the delay's p99 was 11 to 56 ms above the source's own, with 16 MiB 2 ms.
const (
	hotShare = 4
	hotMax   = 16 << 20
)

// readsShare of the arena, but not more than readsMax, is under way from the disk: four
// reads of what a consumer asks of a partition unless told otherwise, and some blocks more.
const (
	readsShare = 16
	readsMax   = 4 * (1<<20 + 16<<10)
)

func newPartitions(s *Shard, arena int64) partitions {
	return partitions{shard: s, byID: map[PartitionID]*Partition{},
		hot: segment.NewHot(min(arena/hotShare, hotMax)), reads: segment.NewReads(min(arena/readsShare, readsMax))}
}

func (ps *partitions) count() int { return len(ps.byID) }

// Partition gives the partition of that id, nil when this shard has none.
func (s *Shard) Partition(id PartitionID) *Partition { return s.partitions.byID[id] }

// EachPartition calls f for all partitions of the shard, in no order.
func (s *Shard) EachPartition(f func(*Partition)) {
	for _, p := range s.partitions.byID {
		f(p)
	}
}

// settle kicks the logs that have writes for the ring, then publishes what moved
// and wakes who waits for it.
func (ps *partitions) settle() {
	if !ps.ringFull() {
		for i := 0; i < len(ps.dirty); i++ {
			ps.dirty[i].Kick()
			ps.dirty[i] = nil
		}
		ps.dirty = ps.dirty[:0]
	}
	for i := 0; i < len(ps.moved); i++ {
		p := ps.moved[i]
		ps.moved[i] = nil
		p.moved = false
		p.publish()
		p.waiters.wake()
	}
	ps.moved = ps.moved[:0]
}

// ringFull: a log kicked now would only ask to be kicked again; the ring's
// completions bring the turn in which it can be.
func (ps *partitions) ringFull() bool {
	return ps.shard.ring.Full()
}

func (ps *partitions) unsettled() bool {
	return len(ps.moved) > 0 || len(ps.dirty) > 0 && !ps.ringFull()
}

// logTimer makes a timer what a log knows of it.
func logTimer(start func(time.Duration, func()) *Timer) func(time.Duration, func()) (stop func()) {
	return func(d time.Duration, f func()) (stop func()) {
		t := start(d, f)
		return func() { t.Stop() }
	}
}

// env is what a partition's log sees of the shard. Its functions run on the loop.
func (s *Shard) env(p *Partition) segment.Env {
	return segment.Env{
		Identity: segment.Identity{Topic: p.ID.Topic, Index: p.ID.Index},
		Ring:     s.ring,
		Arena:    s.arena,
		Hot:      s.partitions.hot,
		Reads:    s.partitions.reads,
		Now:      time.Now,
		Offload:  s.offloadForLog,
		After:    logTimer(s.After),
		Within:   logTimer(s.Within),
		Log:      s.log.With("topic", p.Topic, "partition", p.ID.Index),
		Advanced: p.move,
		Failed: func(err error) {
			p.failed = err
			p.move()
			if s.cfg.PartitionFailed != nil {
				s.cfg.PartitionFailed(p.ID, err)
			}
		},
		Dirty: func() { s.partitions.dirty = append(s.partitions.dirty, p.Log) },
	}
}

// install puts an opened log to work (loop).
func (ps *partitions) install(p *Partition, term int64) error {
	if ps.closed {
		p.Log.Close(func(error) {})
		return ErrStopped
	}
	ps.byID[p.ID] = p
	p.Log.SetTerm(term)
	p.publish()
	p.entry.open.Store(true)
	if ps.keepingTime == nil {
		ps.keepingTime = ps.shard.After(ps.tick(), ps.housekeep)
	}
	return nil
}

// remove takes a partition out and closes its log (loop).
//
// With discard nothing of it is kept: the caller deletes its files.
func (ps *partitions) remove(id PartitionID, discard bool, done func(dir string, err error)) {
	p := ps.byID[id]
	if p == nil {
		done("", ErrPartitionUnknown)
		return
	}
	delete(ps.byID, id)
	p.removed = true
	p.entry.open.Store(false)
	p.waiters.wake()
	end := p.Log.Close
	if discard {
		end = p.Log.Discard
	}
	end(func(err error) { done(p.Log.Dir(), err) })
}

// closeAll flushes and closes every log (loop); done comes when all are closed.
//
// Those whose end would take longest to read again come first: what late finds still
// waiting for its checkpoint gets none.
func (ps *partitions) closeAll(late func() bool, done func()) {
	ps.closed = true
	list := slices.SortedFunc(maps.Values(ps.byID), func(a, b *Partition) int {
		return cmp.Compare(b.Log.SinceCheckpoint(), a.Log.SinceCheckpoint())
	})
	left, without := len(list)+1, 0
	one := func() {
		if left--; left > 0 {
			return
		}
		if without > 0 {
			ps.shard.log.Warn("logs were closed without a checkpoint, for the time to stop was up; all of them is durable, and the next start reads their ends again",
				"shard", ps.shard.id, "logs", without, "of", len(list))
		}
		done()
	}
	for _, p := range list {
		p.entry.open.Store(false)
		p.Log.CloseUnlessLate(late, func(err error) {
			switch {
			case errors.Is(err, segment.ErrNoCheckpoint):
				without++
			case err != nil && !errors.Is(err, segment.ErrClosed):
				ps.shard.log.Error("log was not closed cleanly; it is verified when it is opened again",
					"topic", p.Topic, "partition", p.ID.Index, "error", err)
			}
			one()
		})
	}
	one()
}

// Housekeeping visits every partition once per round of housekeepingTicks, a
// slice of them at each tick, so that thousands do not come at once. A round is
// as long as Config.RetentionCheck, but not longer than housekeepingTickMax
// allows: idle logs give their memory back in it, too.
const (
	housekeepingTicks   = 30
	housekeepingTickMin = 10 * time.Millisecond
	housekeepingTickMax = time.Second
)

func (ps *partitions) tick() time.Duration {
	return min(max(ps.shard.cfg.RetentionCheck/housekeepingTicks, housekeepingTickMin), housekeepingTickMax)
}

// housekeep rolls segments by age, which else happens on appends only, and
// applies retention where RetentionCheck has passed since it last did.
func (ps *partitions) housekeep() {
	ps.keepingTime = nil
	if ps.closed || len(ps.byID) == 0 {
		return
	}
	if len(ps.keeping) == 0 {
		for _, p := range ps.byID {
			ps.keeping = append(ps.keeping, p)
		}
	}
	now := time.Now()
	n := min(len(ps.keeping), len(ps.byID)/housekeepingTicks+1)
	for i, p := range ps.keeping[:n] {
		ps.keeping[i] = nil
		if !p.removed && p.failed == nil {
			p.Log.RollIfDue(now)
			if !now.Before(p.retain) {
				p.Log.Retain(now)
				p.retain = now.Add(ps.shard.cfg.RetentionCheck)
			}
		}
	}
	ps.keeping = ps.keeping[n:]
	if len(ps.keeping) == 0 {
		ps.keeping = nil
	}
	ps.keepingTime = ps.shard.After(ps.tick(), ps.housekeep)
}
