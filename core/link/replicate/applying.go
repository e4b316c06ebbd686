package replicate

import (
	"time"

	"umbra/shard"
)

// applying measures how long records take from their arrival until consumers
// may read them. One measurement of a partition runs at a time, so under load
// it is a sample and costs the hot path one comparison.
type applying struct {
	running bool
	began   time.Time
	end     int64 // the high watermark that ends it
}

// measure begins, at the append of what arrived at now, unless one runs.
func (r *Replicator) measure(now time.Time) {
	if a := &r.applying; !a.running {
		a.running, a.began, a.end = true, now, r.part.Log.EndOffset()
	}
}

// watch has moved called while the replicator is with a fetcher.
func (r *Replicator) watch() {
	r.waiter = shard.Waiter{Wake: r.moved}
	r.part.Await(&r.waiter)
}

func (r *Replicator) unwatch() {
	r.part.Cancel(&r.waiter)
	r.applying.running = false
}

// moved runs at the end of a turn in which the partition's high watermark or
// state moved. An end that moved down was taken back by a log whose disk is
// full: what follows it is asked for again, also if the source never has
// anything new.
func (r *Replicator) moved() {
	if a := &r.applying; a.running && r.part.HighWatermark() >= a.end {
		a.running = false
		r.work.counters.Apply.Observe(r.work.cfg.Now().Sub(a.began))
	}
	f := r.owner
	if f == nil || r.sent == neverSent || r.part.Log.EndOffset() >= r.sent.offset {
		return
	}
	r.applying.running = false
	if err := r.part.Log.Err(); err != nil {
		f.notAppended(r, err)
		return
	}
	f.touch(r)
}
