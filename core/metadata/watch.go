package metadata

import (
	"context"
	"slices"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// load reads everything under state at one revision.
func (s *Store) load(ctx context.Context) (*Snapshot, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.OpTimeout)
	defer cancel()
	resp, err := s.client.Get(ctx, s.keys.state(), clientv3.WithPrefix())
	if err != nil {
		return nil, etcdError("load metadata", err)
	}
	b := newBuilder(s.keys, s.opts.BrokerID, emptySnapshot())
	for _, kv := range resp.Kvs {
		if err := b.put(string(kv.Key), kv.Value, kv.ModRevision); err != nil {
			return nil, err
		}
	}
	return b.done(resp.Header.Revision), nil
}

// follow keeps the snapshot current. When a watch breaks (compacted away,
// connection lost) it loads everything again: subscribers see one step from
// the old snapshot to the new.
func (s *Store) follow(ctx context.Context) {
	const pauseMin, pauseMax = 50 * time.Millisecond, 2 * time.Second
	for pause := pauseMin; ctx.Err() == nil; pause = min(2*pause, pauseMax) {
		from := s.Snapshot().Revision
		err := s.watch(ctx, from+1)
		if ctx.Err() != nil {
			return
		}
		if s.Snapshot().Revision > from {
			pause = pauseMin
		}
		s.log.Warn("metadata watch ended, loading again", "err", err, "pause", pause)
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		if snap, err := s.load(ctx); err != nil {
			s.log.Warn("metadata load failed, keeping the last snapshot", "err", err)
		} else if snap.Revision > s.Snapshot().Revision {
			s.publish(snap)
		}
	}
}

// watch applies events from the revision on until the watch ends.
func (s *Store) watch(ctx context.Context, from int64) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	wctx := ctx
	if s.backend.external {
		// A member cut off from its cluster must end the watch, not fall silent.
		wctx = clientv3.WithRequireLeader(ctx)
	}
	ch := s.client.Watch(wctx, s.keys.state(), clientv3.WithPrefix(), clientv3.WithRev(from))
	for resp := range ch {
		b := newBuilder(s.keys, s.opts.BrokerID, s.Snapshot())
		revision := s.Snapshot().Revision
		for more := true; more; {
			if err := resp.Err(); err != nil {
				return err
			}
			// Not the header's revision: it runs ahead of the events while a
			// watch catches up.
			revision = max(revision, s.apply(b, resp.Events))
			// What has arrived meanwhile joins the same snapshot.
			select {
			case resp, more = <-ch:
			default:
				more = false
			}
		}
		s.publish(b.done(revision))
	}
	return ctx.Err()
}

// apply returns the revision of the last event.
func (s *Store) apply(b *builder, events []*clientv3.Event) (revision int64) {
	for _, ev := range events {
		key := string(ev.Kv.Key)
		revision = ev.Kv.ModRevision
		if ev.Type == mvccpb.DELETE {
			b.remove(key)
		} else if err := b.put(key, ev.Kv.Value, ev.Kv.ModRevision); err != nil {
			s.log.Error("metadata change ignored, the previous value stays in force", "err", err)
		}
	}
	return revision
}

func (s *Store) publish(snap *Snapshot) {
	s.snapshot.Store(snap)
	s.waits.reach(snap.Revision)
	s.notify.wake()
}

// waitList holds who waits for a revision.
type waitList struct {
	mu      sync.Mutex // waiters come from any goroutine, the watch releases them
	waiting []revisionWait
	failed  error
}

type revisionWait struct {
	revision int64
	ch       chan error // capacity 1
}

// reach releases everyone who waits for the revision or an earlier one.
func (w *waitList) reach(revision int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiting = slices.DeleteFunc(w.waiting, func(r revisionWait) bool {
		if r.revision <= revision {
			r.ch <- nil
			return true
		}
		return false
	})
}

func (w *waitList) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failed = err
	for _, r := range w.waiting {
		r.ch <- err
	}
	w.waiting = nil
}

// add registers a wait; the caller checks the snapshot after it.
func (w *waitList) add(revision int64) (chan error, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failed != nil {
		return nil, w.failed
	}
	ch := make(chan error, 1)
	w.waiting = append(w.waiting, revisionWait{revision, ch})
	return ch, nil
}

func (w *waitList) drop(ch chan error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiting = slices.DeleteFunc(w.waiting, func(r revisionWait) bool { return r.ch == ch })
}

// reached returns when the local snapshot is at the revision or later.
func (s *Store) reached(ctx context.Context, revision int64) error {
	if s.Snapshot().Revision >= revision {
		return nil
	}
	ch, err := s.waits.add(revision)
	if err != nil {
		return err
	}
	defer s.waits.drop(ch)
	if s.Snapshot().Revision >= revision {
		return nil
	}
	select {
	case err := <-ch:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// notifier calls subscribers one after the other on its own goroutine, so that
// a slow one never holds up the snapshot.
type notifier struct {
	mu    sync.Mutex // subscribers are added and removed from any goroutine
	subs  []*subscriber
	woken chan struct{} // capacity 1
}

type subscriber struct {
	f    func(old, new *Snapshot)
	last *Snapshot // notifier goroutine only
}

func newNotifier() *notifier { return &notifier{woken: make(chan struct{}, 1)} }

func (n *notifier) wake() {
	select {
	case n.woken <- struct{}{}:
	default:
	}
}

func (n *notifier) add(f func(old, new *Snapshot)) (cancel func()) {
	sub := &subscriber{f: f, last: emptySnapshot()}
	n.mu.Lock()
	n.subs = append(n.subs, sub)
	n.mu.Unlock()
	n.wake()
	return func() { n.remove(sub) }
}

func (n *notifier) remove(sub *subscriber) {
	n.mu.Lock()
	n.subs = slices.DeleteFunc(n.subs, func(s *subscriber) bool { return s == sub })
	n.mu.Unlock()
}

func (n *notifier) run(ctx context.Context, current func() *Snapshot) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-n.woken:
		}
		n.mu.Lock()
		subs := slices.Clone(n.subs)
		n.mu.Unlock()
		for _, sub := range subs {
			if snap := current(); snap != sub.last && n.present(sub) {
				sub.f(sub.last, snap)
				sub.last = snap
			}
		}
	}
}

func (n *notifier) present(sub *subscriber) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Contains(n.subs, sub)
}
