package metadata

import (
	"context"
	"errors"
	"fmt"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// plan is one transaction: ops are done only if every compare holds. At least
// one op writes under state, so that the watch sees the transaction.
type plan struct {
	compares []clientv3.Cmp
	ops      []clientv3.Op
}

func absent(key string) clientv3.Cmp { return clientv3.Compare(clientv3.CreateRevision(key), "=", 0) }

// unchanged holds while the key's last change is the revision; 0 means absent.
func unchanged(key string, revision int64) clientv3.Cmp {
	return clientv3.Compare(clientv3.ModRevision(key), "=", revision)
}

// touch is a put whose value says nothing; its revision is the point.
func touch(key string) clientv3.Op { return clientv3.OpPut(key, `{"v":1}`) }

// change runs one optimistic transaction and returns when the local snapshot
// shows it. makePlan works from a snapshot and may run several times; an empty
// plan means there is nothing to do. When a compare fails, somebody changed
// what the plan was made from, and it is made again from a later snapshot.
func (s *Store) change(ctx context.Context, act string, makePlan func(*Snapshot) (plan, error)) error {
	if s.closed.Load() {
		return fmt.Errorf("%s: %w", act, ErrClosed)
	}
	ctx, cancel := context.WithTimeout(ctx, s.opts.OpTimeout)
	defer cancel()
	for {
		snap := s.Snapshot()
		p, err := makePlan(snap)
		if err != nil {
			return fmt.Errorf("%s: %w", act, err)
		}
		if len(p.ops) == 0 {
			return nil
		}
		resp, err := s.client.Txn(ctx).If(p.compares...).Then(p.ops...).Commit()
		if err != nil {
			return s.opError(act, err)
		}
		// A failed compare is a change under state that the watch will bring.
		target := snap.Revision + 1
		if resp.Succeeded {
			target = resp.Header.Revision
		}
		if err := s.reached(ctx, target); err != nil {
			return s.opError(act, err)
		}
		if resp.Succeeded {
			return nil
		}
	}
}

func (s *Store) opError(act string, err error) error {
	if s.closed.Load() || errors.Is(err, ErrClosed) {
		return fmt.Errorf("%s: %w", act, ErrClosed)
	}
	return etcdError(act, err)
}
