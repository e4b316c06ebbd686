package delay

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"umbra/bench/measure"
	"umbra/bench/plain"
)

// waitMost is the long poll of an observer: a broker answers when there is a byte.
const waitMost = 500 * time.Millisecond

// An Observer reads a topic as a waiting client does and writes down when it saw what.
type Observer struct {
	name  string
	group *plain.Group
	seen  map[int32]*track // fixed when the Run begins
	ended chan struct{}
	err   error // valid after ended
}

// track is one partition's; one reader goroutine writes it.
type track struct {
	sights []Sight
	next   atomic.Int64 // of the last sight, for Await
}

// Observe begins to read a topic from the given offsets on; name stands in errors.
func Observe(ctx context.Context, name, bootstrap, topic string, starts map[int32]int64) (*Observer, error) {
	leaders, err := plain.FindLeaders(ctx, bootstrap, topic)
	if err != nil {
		return nil, fmt.Errorf("observe %s: %w", name, err)
	}
	g, err := plain.Open(ctx, leaders, topic, starts, plain.Limits{PartitionBytes: 1 << 20, AnswerBytes: 16 << 20, Wait: waitMost})
	if err != nil {
		return nil, fmt.Errorf("observe %s: %w", name, err)
	}
	o := &Observer{name: name, group: g, seen: map[int32]*track{}, ended: make(chan struct{})}
	for p, next := range starts {
		o.seen[p] = &track{}
		o.seen[p].next.Store(next)
	}
	go func() {
		defer close(o.ended)
		o.err = g.Run(nil, o.saw)
	}()
	return o, nil
}

func (o *Observer) saw(partition int32, next int64) {
	t, ok := o.seen[partition]
	if !ok {
		return // a partition that was added after the start carries none of the load
	}
	t.sights = append(t.sights, Sight{partition, next, measure.Now()})
	t.next.Store(next)
}

// Await waits until everything below ends was read, for at most limit.
func (o *Observer) Await(ctx context.Context, ends map[int32]int64, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		p, missing := o.behind(ends)
		if !missing {
			return nil
		}
		select {
		case <-tick.C:
		case <-o.ended:
			return fmt.Errorf("observe %s: %w", o.name, o.err)
		case <-ctx.Done():
			return fmt.Errorf("observe %s: partition %d is at %d and not at %d: %w", o.name, p, o.seen[p].next.Load(), ends[p], ctx.Err())
		}
	}
}

func (o *Observer) behind(ends map[int32]int64) (partition int32, missing bool) {
	for p, end := range ends {
		if t := o.seen[p]; t == nil || t.next.Load() < end {
			return p, true
		}
	}
	return 0, false
}

// Stop ends the reading and returns what was seen.
func (o *Observer) Stop() []Sight {
	o.group.Close()
	<-o.ended
	var out []Sight
	for _, t := range o.seen {
		out = append(out, t.sights...)
	}
	return out
}

// Ends is how far a load went: the highest End of each partition.
func Ends(acks []Ack) map[int32]int64 {
	out := map[int32]int64{}
	for _, a := range acks {
		out[a.Partition] = max(out[a.Partition], a.End)
	}
	return out
}
