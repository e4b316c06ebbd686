package plain

import (
	"context"
	"errors"
	"sync"
)

// A Group reads a whole topic: one Reader for each broker that leads a part of it.
type Group struct {
	readers []*Reader
	parts   [][]int32 // partitions of each reader
}

// Open connects to every leader and begins at the given offsets; a partition that
// starts does not name begins at 0.
func Open(ctx context.Context, leaders Leaders, topic string, starts map[int32]int64, limit Limits) (*Group, error) {
	g := &Group{}
	for _, addr := range leaders.Addrs() {
		c, err := Dial(ctx, addr)
		if err != nil {
			return nil, errors.Join(err, g.Close())
		}
		from := map[int32]int64{}
		for _, p := range leaders[addr] {
			from[p] = starts[p]
		}
		g.readers = append(g.readers, NewReader(c, topic, from, limit))
		g.parts = append(g.parts, leaders[addr])
	}
	return g, nil
}

// Close ends every connection, and with it a Run. Any goroutine may call it.
func (g *Group) Close() error {
	var errs []error
	for _, r := range g.readers {
		errs = append(errs, r.Close())
	}
	return errors.Join(errs...)
}

// Run fetches until every partition has reached its end, or for ever where ends is
// nil. each may be called by several goroutines at once, by one for a partition.
func (g *Group) Run(ends map[int32]int64, each func(partition int32, next int64)) error {
	var wg sync.WaitGroup
	errs := make([]error, len(g.readers))
	for i, r := range g.readers {
		wg.Go(func() { errs[i] = r.run(g.parts[i], ends, each) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

func (r *Reader) run(parts []int32, ends map[int32]int64, each func(int32, int64)) error {
	behind := map[int32]bool{}
	for _, p := range parts {
		behind[p] = ends == nil || ends[p] > r.req.Topics[0].Partitions[r.at[p]].FetchOffset
		if !behind[p] {
			delete(behind, p)
		}
	}
	for len(behind) > 0 {
		err := r.Fetch(func(p int32, next int64) {
			if ends != nil && next >= ends[p] {
				delete(behind, p)
			}
			each(p, next)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Total is what all connections fetched. Call it when no Run is in progress.
func (g *Group) Total() Total {
	var t Total
	for _, r := range g.readers {
		t = t.Add(r.Total)
	}
	return t
}
