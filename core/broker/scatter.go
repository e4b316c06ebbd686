package broker

import (
	"umbra/core/metadata"
	"umbra/shard"
)

// target is one partition that a request asks about, with an answer of type T.
type target[T any] struct {
	id    shard.PartitionID
	owner *loop
	err   error
	val   T
}

// aim resolves a partition by name; what is wrong stands in err.
func aim[T any](r *request, snap *metadata.Snapshot, name string, index int32) *target[T] {
	t, err := findByName(snap, name, index)
	out := &target[T]{err: err}
	if err == nil {
		out.id = partitionID(t, index)
		if out.owner = r.broker.loopOf(t, index); out.owner == nil {
			out.err = r.broker.notOpen(out.id)
		}
	}
	return out
}

// scatter asks about each target on the loop that owns it, on all of them at
// the same time, and calls done on the request's loop when all have answered.
// ask fills in the target and calls its done, now or later, on the same loop.
// Targets with an error are not asked about.
func scatter[T any](r *request, targets []*target[T], ask func(p *shard.Partition, t *target[T], done func()), done func()) {
	groups := map[*loop][]*target[T]{}
	for _, t := range targets {
		if t.err == nil {
			groups[t.owner] = append(groups[t.owner], t)
		}
	}
	home, open := r.loop, len(groups)+1
	gathered := func() {
		if open--; open == 0 {
			done()
		}
	}
	for owner, list := range groups {
		work := func() {
			askAll(owner, list, ask, func() {
				if owner == home {
					gathered()
					return
				}
				owner.post(home.shard, gathered, nil)
			})
		}
		if owner == home {
			work()
		} else if err := owner.shard.Post(work); err != nil {
			for _, t := range list {
				t.err = err
			}
			gathered()
		}
	}
	gathered()
}

func askAll[T any](l *loop, list []*target[T], ask func(*shard.Partition, *target[T], func()), done func()) {
	open := len(list) + 1
	one := func() {
		if open--; open == 0 {
			done()
		}
	}
	for _, t := range list {
		p := l.shard.Partition(t.id)
		if p == nil {
			t.err = l.broker.notOpen(t.id)
			one()
			continue
		}
		ask(p, t, one)
	}
	one()
}
