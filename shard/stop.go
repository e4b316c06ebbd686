package shard

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"umbra/ioring"
)

// Stop ends everything, in this order, each step on all shards at once:
//
//  1. no client is let in, dials are cancelled;
//  2. connections close with ErrStopped;
//  3. logs are flushed and close; checkpoints are written while a quarter of the time is left;
//  4. offloaded jobs end;
//  5. posted messages are run, nothing is taken after that;
//  6. loops end, then the writable watcher;
//  7. rings close, then bells, arenas and the claimed address.
//
// It ends by ctx's deadline (10 s when it has none) whatever hangs. What hung is
// named in the error and left as it is, with all it might still use: only the
// process's end takes that away. Later calls return the first one's result.
func (g *Group) Stop(ctx context.Context) error {
	g.stopOnce.Do(func() {
		if _, ok := ctx.Deadline(); !ok {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, stopTimeout)
			defer cancel()
		}
		g.stopErr = g.stop(ctx)
	})
	return g.stopErr
}

func (g *Group) stop(ctx context.Context) error {
	g.stopping.Store(true)
	g.serving.Store(false)
	st := stopping{group: g, hung: make([]bool, len(g.engines))}
	st.note("end dials", g.dialers.stop(ctx))
	st.onLoops(ctx, "close connections", func(s *Shard, done func()) {
		s.closeAll(fmt.Errorf("close connection: %w", ErrStopped))
		done()
	})
	late := lateIn(ctx, time.Now())
	st.onLoops(ctx, "close logs", func(s *Shard, done func()) { s.partitions.closeAll(late, done) })
	st.onLoops(ctx, "end offloaded work", func(s *Shard, done func()) { s.stopOffloads(); done() })
	if st.all() {
		st.note("end offloaded work", waitGroup(ctx, &g.workers))
	}
	st.onLoops(ctx, "run what was posted", func(s *Shard, done func()) { s.halted = done })
	st.endLoops(ctx)
	st.release(ctx)
	g.endLife()
	return errors.Join(st.errs...)
}

// lateIn says when it is time to do without what can be made good later: when a quarter
// of what ctx leaves from now on is left.
func lateIn(ctx context.Context, now time.Time) func() bool {
	end, ok := ctx.Deadline()
	if !ok {
		return func() bool { return false }
	}
	by := now.Add(end.Sub(now) / 4 * 3)
	return func() bool { return time.Now().After(by) }
}

// stopping remembers which shards do not answer.
type stopping struct {
	group *Group
	hung  []bool
	errs  []error
}

func (st *stopping) note(step string, err error) {
	if err != nil {
		st.errs = append(st.errs, fmt.Errorf("stop shards: %s: %w", step, err))
	}
}

func (st *stopping) all() bool {
	for _, h := range st.hung {
		if h {
			return false
		}
	}
	return true
}

// onLoops runs f on each loop that still answers and waits for its done.
func (st *stopping) onLoops(ctx context.Context, step string, f func(s *Shard, done func())) {
	waits := make([]chan struct{}, len(st.group.engines))
	for i, e := range st.group.engines {
		if st.hung[i] || e.shard.loop == nil {
			continue
		}
		wait := make(chan struct{})
		waits[i] = wait
		e.shard.deliver(func() { f(e.shard, sync.OnceFunc(func() { close(wait) })) })
	}
	for i, e := range st.group.engines {
		if waits[i] == nil {
			continue
		}
		select {
		case <-waits[i]:
		case <-e.ended:
			e.shard.afterlife()
		case <-ctx.Done():
			st.hung[i] = true
			st.note(fmt.Sprintf("%s of shard %d", step, i), ctx.Err())
		}
	}
}

// afterlife does, on the goroutine that stops the group, what must not wait for
// a loop that gnet gave up by itself. Nothing else runs on the shard any more;
// halt, later, does the rest.
func (s *Shard) afterlife() {
	s.closing = true
	s.stopOffloads()
}

func (st *stopping) endLoops(ctx context.Context) {
	for i, e := range st.group.engines {
		if st.hung[i] {
			continue
		}
		select {
		case <-e.looping:
			e.stop()
		default: // it never got so far
		}
	}
	for i, e := range st.group.engines {
		if st.hung[i] {
			continue
		}
		select {
		case <-e.ended:
		case <-ctx.Done():
			st.hung[i] = true
			st.note(fmt.Sprintf("end the loop of shard %d", i), ctx.Err())
			continue
		}
		select {
		case <-e.shard.stopped:
		default:
			e.shard.halt() // the loop ended before it could: we are alone with its state now
		}
	}
	if g := st.group; g.watcher != nil && st.all() {
		g.watcher.stop()
	}
}

// release gives back what the loops used.
func (st *stopping) release(ctx context.Context) {
	for i, e := range st.group.engines {
		if st.hung[i] {
			continue
		}
		s := e.shard
		closed := make(chan error, 1)
		go func() { closed <- s.ring.Close() }()
		select {
		case err := <-closed:
			st.note(fmt.Sprintf("close the storage ring of shard %d", i), err)
			if errors.Is(err, ioring.ErrBusy) {
				continue // it still has the bell and the memory
			}
		case <-ctx.Done():
			st.note(fmt.Sprintf("close the storage ring of shard %d", i), ctx.Err())
			continue
		}
		s.bell.close()
		st.note(fmt.Sprintf("give back the memory of shard %d", i), s.arena.Close())
	}
	if st.group.claim != nil && st.all() {
		st.group.claim.close()
	}
}
