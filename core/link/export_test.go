package link

import (
	"context"
	"time"

	"umbra/core/link/replicate"
	"umbra/shard"
)

// Kept counts the replicators and connections that a link's workers hold.
func Kept(l *Link) (partitions, brokers int) {
	for i, w := range l.workers {
		l.cfg.Group.Shard(i).Call(context.Background(), func() {
			partitions += len(w.Partitions())
			w.VisitBrokers(func(replicate.Broker, bool, time.Time, replicate.FetcherStats) { brokers++ })
		})
	}
	return partitions, brokers
}

// Stopped is closed when the link's goroutine has ended.
func Stopped(l *Link) <-chan struct{} { return l.ended }

// AssignmentOf is what a partition is copied by now.
func AssignmentOf(l *Link, id shard.PartitionID) (a replicate.Assignment) {
	for i, w := range l.workers {
		l.cfg.Group.Shard(i).Call(context.Background(), func() {
			if b, _, ok := w.Following(id); ok {
				a = b
			}
		})
	}
	return a
}

// Reassign hands an assignment to a shard, as a flight does.
func Reassign(l *Link, n int, a replicate.Assignment) (err error) {
	l.cfg.Group.Shard(n).Call(context.Background(), func() { err = l.workers[n].Assign(a) })
	return err
}

// Candidates prepares the comparison of a look with the shards, without acting.
func Candidates(l *Link) func() {
	l.mu.Lock()
	cl := l.state.cluster
	l.mu.Unlock()
	c := newLink(l.cfg, l.name, l.id) // its own memory: the link's goroutine runs
	c.workers = l.workers
	return func() { c.candidates(context.Background(), l.definition(), cl) }
}
