package shard

import (
	"sync"
	"sync/atomic"
)

// inbox carries to the loop what must not be lost to a full mailbox and is
// bounded elsewhere: the end of an offloaded job, a dial's outcome, a socket
// that became writable. The lock crosses goroutines; it is held for an append.
type inbox struct {
	pending atomic.Bool // spares the loop the lock when there is nothing

	mu     sync.Mutex
	fns    []func()
	spare  []func() // loop only: the slice drained last, used again
	closed bool
}

// add queues f (any goroutine) and reports whether the bell must ring. After
// close f is dropped.
func (b *inbox) add(f func()) (bell bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	b.fns = append(b.fns, f)
	b.pending.Store(true)
	return len(b.fns) == 1
}

// drain runs what is queued now (loop only) and reports how much it ran.
func (b *inbox) drain() int {
	if !b.pending.Load() {
		return 0
	}
	b.mu.Lock()
	fns := b.fns
	b.fns, b.spare = b.spare[:0], nil
	b.pending.Store(false)
	b.mu.Unlock()
	for i, f := range fns {
		fns[i] = nil
		f()
	}
	b.spare = fns[:0]
	return len(fns)
}

// close drops what comes later and runs what came before (loop only).
func (b *inbox) close() {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	b.drain()
}
