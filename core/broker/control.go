package broker

import (
	"context"
	"errors"
	"sync"
)

// control runs the work that must not run on a loop, on a bounded number of
// goroutines that are started when needed and end when there is nothing to do.
// Its queue is bounded by the connections: each has one request here at most.
type control struct {
	ctx    context.Context // ends with Stop; given to all work
	cancel context.CancelFunc
	max    int
	done   sync.WaitGroup

	mu      sync.Mutex // crosses goroutines: every loop adds, workers take
	queue   []func(context.Context)
	workers int
	stopped bool
}

var errStopping = errors.New("the broker is stopping")

func newControl(workers int) *control {
	ctx, cancel := context.WithCancel(context.Background())
	return &control{ctx: ctx, cancel: cancel, max: workers}
}

// run queues work (any goroutine); false when the broker is stopping.
func (c *control) run(work func(context.Context)) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped {
		return false
	}
	c.queue = append(c.queue, work)
	if c.workers < c.max {
		c.workers++
		c.done.Go(c.worker)
	}
	return true
}

func (c *control) worker() {
	for {
		work := c.next()
		if work == nil {
			return
		}
		work(c.ctx)
	}
}

func (c *control) next() func(context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.queue) == 0 {
		c.workers--
		return nil
	}
	work := c.queue[0]
	c.queue[0] = nil
	c.queue = c.queue[1:]
	return work
}

// stop cancels the work under way, takes no more, and waits.
func (c *control) stop(ctx context.Context) error {
	c.mu.Lock()
	c.stopped = true
	c.mu.Unlock()
	c.cancel()
	ended := make(chan struct{})
	go func() {
		c.done.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
