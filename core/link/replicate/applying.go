package replicate

import (
	"time"

	"umbra/shard"
)

// applying measures how long records take from their arrival until consumers
// may read them. One measurement of a partition runs at a time, so under load
// it is a sample and costs the hot path one comparison.
type applying struct {
	waiter  shard.Waiter
	running bool
	began   time.Time
	end     int64 // the high watermark that ends it
}

// measure begins, at the append of what arrived at now, unless one runs.
func (r *Replicator) measure(now time.Time) {
	a := &r.applying
	if a.running {
		return
	}
	a.running, a.began, a.end = true, now, r.part.Log.EndOffset()
	a.waiter.Wake = r.moved
	r.part.Await(&a.waiter)
}

// moved runs when the partition's high watermark or state moved. A partition
// that is taken away, failed or cut back never gets there: no sample.
func (r *Replicator) moved() {
	a := &r.applying
	switch {
	case r.part.HighWatermark() >= a.end:
		r.work.counters.Apply.Observe(r.work.cfg.Now().Sub(a.began))
	case !r.part.Removed() && r.part.Err() == nil && r.part.Log.EndOffset() >= a.end:
		return
	}
	a.running = false
	r.part.Cancel(&a.waiter)
}
