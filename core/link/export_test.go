package link

import (
	"context"
	"time"

	"umbra/core/link/replicate"
)

// Kept counts the replicators and connections that a link's workers hold.
func Kept(l *Link) (partitions, brokers int) {
	for i, w := range l.workers {
		l.cfg.Group.Shard(i).Call(context.Background(), func() {
			w.Visit(func(replicate.PartitionStatus) { partitions++ })
			w.VisitBrokers(func(replicate.Broker, bool, time.Time, replicate.FetcherStats) { brokers++ })
		})
	}
	return partitions, brokers
}

// Stopped is closed when the link's goroutine has ended.
func Stopped(l *Link) <-chan struct{} { return l.ended }
