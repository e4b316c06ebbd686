package broker

import (
	"time"

	"umbra/shard"
)

// memoryRetry is how long a fetch waits that found no memory to read into.
const memoryRetry = 10 * time.Millisecond

// park has the fetch woken when one of its partitions moves or its time is up.
// There is one watch per loop that owns any of them.
func (f *fetch) park() {
	f.parked, f.woken = true, false
	f.loop.stats.Parked++
	left := time.Until(f.deadline)
	if f.again {
		left = min(left, memoryRetry)
	}
	f.timer = f.loop.shard.After(left, f.wake)
	for _, it := range f.items {
		if it.owner != nil && it.found.err == nil {
			f.watchFor(it.owner).add(it)
		}
	}
	for _, w := range f.watches {
		w.tell(w.begin)
	}
}

func (f *fetch) watchFor(owner *loop) *watch {
	for _, w := range f.watches {
		if w.owner == owner {
			return w
		}
	}
	w := &watch{fetch: f, home: f.loop, owner: owner}
	f.watches = append(f.watches, w)
	return w
}

// wake starts another round at the end of this turn.
func (f *fetch) wake() {
	if !f.parked || f.woken {
		return
	}
	f.woken = true
	f.loop.shard.AtTurnEnd(func() {
		if f.parked {
			f.unpark()
			f.round()
		}
	})
}

// unpark takes the watches back.
func (f *fetch) unpark() {
	f.parked = false
	f.loop.stats.Parked--
	f.timer.Stop()
	for _, w := range f.watches {
		w.tell(w.end)
	}
	f.watches = nil
}

// watch waits on the loop that owns some of a parked fetch's partitions for one
// of them to move beyond what the fetch has seen. Its fields but the first are
// the owner's after begin was sent.
type watch struct {
	// Set once.
	fetch *fetch // home's
	home  *loop
	owner *loop

	items []*watchItem
	ended bool
	fired bool
}

// watchItem is one partition, with what the fetch saw of it.
type watchItem struct {
	pid       shard.PartitionID
	offset    int64
	committed bool
	bound     int64
	epoch     int32

	partition *shard.Partition
	waiter    shard.Waiter
}

func (w *watch) add(it *fetchItem) {
	w.items = append(w.items, &watchItem{pid: it.pid, offset: it.offset, committed: it.committed,
		bound: it.found.bound(it.committed), epoch: it.found.epoch})
}

// tell has f run on the owner's loop.
func (w *watch) tell(f func()) {
	if w.owner == w.home {
		f()
		return
	}
	w.home.post(w.owner.shard, f, nil)
}

// begin waits on every partition, unless one has moved on the way here (owner).
func (w *watch) begin() {
	if w.ended { // end has overtaken begin at a full mailbox
		return
	}
	for _, it := range w.items {
		p := w.owner.shard.Partition(it.pid)
		if p == nil || it.moved(p) {
			w.fire()
			return
		}
		it.partition = p
		it.waiter.Wake = func() {
			if it.moved(p) {
				w.fire()
			}
		}
		p.Await(&it.waiter)
	}
}

// moved says whether a fetch would find something else than it saw.
func (it *watchItem) moved(p *shard.Partition) bool {
	bound := p.HighWatermark()
	if it.committed {
		bound = p.Log.LastStableOffset()
	}
	return p.Removed() || p.LeaderEpoch() != it.epoch || bound > it.bound && bound > it.offset ||
		p.Log.StartOffset() > it.offset || p.Log.EndOffset() < it.offset
}

// fire tells home, once (owner).
func (w *watch) fire() {
	if w.fired {
		return
	}
	w.fired = true
	if w.owner == w.home {
		w.fetch.wake()
		return
	}
	w.owner.post(w.home.shard, w.fetch.wake, nil)
}

// end stops waiting (owner).
func (w *watch) end() {
	w.ended = true
	for _, it := range w.items {
		if it.partition != nil {
			it.partition.Cancel(&it.waiter)
		}
	}
}
