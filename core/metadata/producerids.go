package metadata

import (
	"context"
	"fmt"
	"math"
	"sync"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// producerIDBlock is how many ids NextProducerID takes from etcd at a time.
const producerIDBlock = 1000

// ProducerIDs is the block [First, First+Count) of ids nobody else has.
type ProducerIDs struct{ First, Count int64 }

// idBlock is what is left of this process's block.
type idBlock struct {
	mu   sync.Mutex // InitProducerId requests arrive on every shard
	left ProducerIDs
}

// AllocateProducerIDs takes a block of n ids that overlaps no other block ever
// handed out and lies at or above the floor. It is durable before it returns.
// A holder must drop ids below Snapshot.ProducerIDFloor; NextProducerID does.
func (s *Store) AllocateProducerIDs(ctx context.Context, n int64) (ProducerIDs, error) {
	var got ProducerIDs
	if n < 1 {
		return got, fmt.Errorf("allocate %d producer ids: want at least 1", n)
	}
	err := s.change(ctx, fmt.Sprintf("allocate %d producer ids", n), func(snap *Snapshot) (plan, error) {
		got = ProducerIDs{First: snap.producerIDNext, Count: n}
		if got.First > math.MaxInt64-n {
			return plan{}, fmt.Errorf("next id is %d: %w", got.First, ErrExhausted)
		}
		return s.producerIDPlan(snap, producerIDsValue{Next: got.First + n, Floor: snap.ProducerIDFloor}), nil
	})
	if err != nil {
		return ProducerIDs{}, err
	}
	return got, nil
}

// RaiseProducerIDFloor makes every id handed out from now on at least min. It
// never lowers the floor, is durable before it returns, and may be repeated.
func (s *Store) RaiseProducerIDFloor(ctx context.Context, min int64) error {
	return s.change(ctx, fmt.Sprintf("raise producer-id floor to %d", min), func(snap *Snapshot) (plan, error) {
		if snap.ProducerIDFloor >= min {
			return plan{}, nil
		}
		if min > math.MaxInt64-producerIDBlock {
			return plan{}, ErrExhausted
		}
		return s.producerIDPlan(snap, producerIDsValue{Next: max(snap.producerIDNext, min), Floor: min}), nil
	})
}

func (s *Store) producerIDPlan(snap *Snapshot, v producerIDsValue) plan {
	key := s.keys.producerIDs()
	return plan{compares: []clientv3.Cmp{unchanged(key, snap.producerIDRev)}, ops: []clientv3.Op{clientv3.OpPut(key, encode(v))}}
}

// NextProducerID returns one id from this process's block, taking a new block
// when it is used up or when the floor has risen above it. It usually does not
// touch etcd, but may block for a transaction: not for a shard's loop.
func (s *Store) NextProducerID(ctx context.Context) (int64, error) {
	s.ids.mu.Lock()
	defer s.ids.mu.Unlock()
	left := &s.ids.left
	if below := s.Snapshot().ProducerIDFloor - left.First; below > 0 {
		skip := min(below, left.Count)
		left.First, left.Count = left.First+skip, left.Count-skip
	}
	if left.Count == 0 {
		block, err := s.AllocateProducerIDs(ctx, producerIDBlock)
		if err != nil {
			return 0, err
		}
		*left = block
	}
	id := left.First
	left.First, left.Count = id+1, left.Count-1
	return id, nil
}
