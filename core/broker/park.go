package broker

import (
	"slices"
	"time"

	"umbra/shard"
)

// memoryRetry is how long a fetch waits that found no memory to read into.
const memoryRetry = 10 * time.Millisecond

// park has the fetch woken when one of its partitions moves or its time is up.
// There is one watch per loop that owns any of them; none while memory is short,
// for what moves could not be read.
func (f *fetch) park() {
	f.parked, f.woken = true, false
	f.loop.stats.Parked++
	left := time.Until(f.deadline)
	if f.again {
		f.timer = f.loop.shard.After(min(left, memoryRetry), f.wake)
		return
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
	w := &watch{fetch: f, home: f.loop, owner: owner, committed: f.committed, maxBytes: f.maxBytes}
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

// brought takes what the owner of a watch read when it fired, and wakes the
// fetch. What comes to a fetch that is parked no more is given back.
func (f *fetch) brought(w *watch, v *visit) {
	if !slices.Contains(f.watches, w) {
		v.release()
		return
	}
	f.gifts = append(f.gifts, v)
	f.wake()
}

// dropGifts gives back what was brought.
func (f *fetch) dropGifts() {
	for _, v := range f.gifts {
		v.release()
	}
	f.gifts = nil
}

// watch waits on the loop that owns some of a parked fetch's partitions for one
// of them to move beyond what the fetch has seen. What is not set once is
// the owner's after begin was sent.
type watch struct {
	// Set once.
	fetch     *fetch // home's
	home      *loop
	owner     *loop
	committed bool
	maxBytes  int

	items []*watchItem
	ended bool
	fired bool
}

// watchItem is one partition, with what the fetch saw of it.
type watchItem struct {
	of    *fetchItem // home's
	asked asked
	pid   shard.PartitionID
	bound int64
	epoch int32

	partition *shard.Partition
	waiter    shard.Waiter
}

func (w *watch) add(it *fetchItem) {
	w.items = append(w.items, &watchItem{of: it, asked: it.asked, pid: it.pid,
		bound: it.found.bound(w.committed), epoch: it.found.epoch})
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
		if p == nil || w.moved(it, p) {
			w.fire()
			return
		}
		it.partition = p
		it.waiter.Wake = func() {
			if w.moved(it, p) {
				w.fire()
			}
		}
		p.Await(&it.waiter)
	}
}

// moved says whether a fetch would find something else than it saw.
func (w *watch) moved(it *watchItem, p *shard.Partition) bool {
	bound := p.HighWatermark()
	if w.committed {
		bound = p.Log.LastStableOffset()
	}
	return p.Removed() || p.LeaderEpoch() != it.epoch || bound > it.bound && bound > it.asked.offset ||
		p.Log.StartOffset() > it.asked.offset || p.Log.EndOffset() < it.asked.offset
}

// fire tells home, once (owner). Another loop tells it at the end of its turn,
// when all that moves in it has moved, and brings the bytes along: to be told,
// to ask for them and to get them would be three ways between two cores, each
// with a thread to wake, where one is enough.
func (w *watch) fire() {
	if w.fired {
		return
	}
	w.fired = true
	if w.owner == w.home {
		w.fetch.wake()
		return
	}
	w.owner.shard.AtTurnEnd(w.bring)
}

// bring reads what has moved and posts it home (owner).
func (w *watch) bring() {
	if w.ended {
		return
	}
	v := &visit{home: w.home, owner: w.owner, committed: w.committed, left: w.maxBytes}
	v.done = func() { w.fetch.brought(w, v) }
	for _, it := range w.items {
		if p := w.owner.shard.Partition(it.pid); p == nil || w.moved(it, p) {
			v.items = append(v.items, &fetchItem{of: it.of, asked: it.asked, pid: it.pid, found: nothing()})
		}
	}
	v.run()
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
