package shard

import (
	"context"
	"sync"
)

// tracked starts goroutines that can be told to end and waited for.
type tracked struct {
	ctx    context.Context
	cancel context.CancelFunc

	mu      sync.Mutex // crosses goroutines: starting against stopping
	wg      sync.WaitGroup
	stopped bool
}

func newTracked() *tracked {
	ctx, cancel := context.WithCancel(context.Background())
	return &tracked{ctx: ctx, cancel: cancel}
}

// start runs f on a goroutine; false when stop has begun.
func (t *tracked) start(f func(context.Context)) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stopped {
		return false
	}
	t.wg.Go(func() { f(t.ctx) })
	return true
}

// stop cancels the goroutines' context and waits for them or for ctx.
func (t *tracked) stop(ctx context.Context) error {
	t.mu.Lock()
	t.stopped = true
	t.mu.Unlock()
	t.cancel()
	return waitGroup(ctx, &t.wg)
}

func waitGroup(ctx context.Context, wg *sync.WaitGroup) error {
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
