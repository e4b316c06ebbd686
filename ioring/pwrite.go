package ioring

import (
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// pwriter is the engine for machines without io_uring: a few goroutines that
// sit in pwrite, pread and fdatasync.
//
//	owner: pending -> submit -> queue -> worker -> done -> reap -> report
type pwriter struct {
	r *Ring

	// Owner only.
	pending      opList
	pendingCount int
	handed       int64

	// Crosses goroutines: operations on their way to a worker.
	mu      sync.Mutex
	work    sync.Cond
	queue   opList
	idle    int
	closing bool
	workers sync.WaitGroup

	// Crosses goroutines: operations on their way back, newest first. Workers
	// push, the owner takes all of them at once, so there is no ABA.
	done  atomic.Pointer[Op]
	woken chan struct{} // for wait; holds at most one
	rings atomic.Int64
}

func newPwriter(r *Ring) *pwriter {
	p := &pwriter{r: r, woken: make(chan struct{}, 1)}
	p.work.L = &p.mu
	p.workers.Add(r.cfg.Workers)
	for range r.cfg.Workers {
		go p.run()
	}
	return p
}

func (p *pwriter) register([]byte, int) error { return nil }
func (p *pwriter) unregister(int) error       { return nil }

func (p *pwriter) transfer(op *Op) { p.queueUp(op, false) }
func (p *pwriter) fsync(op *Op)    { p.queueUp(op, true) }

func (p *pwriter) queueUp(op *Op, fsyncOnly bool) {
	op.state.fsyncOnly = fsyncOnly
	p.pending.add(op)
	p.pendingCount++
}

func (p *pwriter) submit() error {
	if p.pendingCount == 0 {
		return nil
	}
	p.mu.Lock()
	p.queue.join(&p.pending)
	for range min(p.pendingCount, p.idle) {
		p.work.Signal()
	}
	p.mu.Unlock()
	p.pendingCount = 0
	p.handed++
	return nil
}

// run is one worker.
func (p *pwriter) run() {
	defer p.workers.Done()
	for {
		op := p.next()
		if op == nil {
			return
		}
		op.state.perform(op)
		p.finish(op)
	}
}

// next waits for an operation; nil when the engine closes.
func (p *pwriter) next() *Op {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.queue.empty() {
		if p.closing {
			return nil
		}
		p.idle++
		p.work.Wait()
		p.idle--
	}
	return p.queue.take()
}

// perform makes the system calls and leaves the outcome in st, as io_uring
// would: a chained fsync is cancelled unless the transfer was whole.
func (st *opState) perform(op *Op) {
	if !st.fsyncOnly {
		st.transferN, st.transferErr = transferAll(op)
		if !st.chained {
			return
		}
		if st.transferN < len(op.Buf) {
			st.fsyncErr = unix.ECANCELED
			return
		}
	}
	// Never tried again, not even after EINTR.
	st.fsyncErr = errnoOfError(unix.Fdatasync(op.File.fd))
}

// transferAll moves all of op's buffer, or up to the end of the file.
func transferAll(op *Op) (n int, no syscall.Errno) {
	call := unix.Pwrite
	if op.Kind == Read {
		call = unix.Pread
	}
	retries := 0
	for rest := op.rest(); len(rest) > 0; {
		got, err := call(op.fd(), rest, op.Off+int64(op.state.done+n))
		switch no := errnoOfError(err); {
		case (no == unix.EINTR || no == unix.EAGAIN) && retries < maxRetries:
			retries++
			continue
		case no != 0:
			return n, no
		case got == 0:
			return n, 0
		}
		retries = 0
		n += got
		rest = rest[got:]
		if op.Kind == Read && got%op.File.align != 0 {
			return n, 0 // a direct read ends in mid-block only where the file does
		}
	}
	return n, 0
}

func errnoOfError(err error) syscall.Errno {
	if err == nil {
		return 0
	}
	if no, ok := err.(syscall.Errno); ok {
		return no
	}
	return unix.EIO
}

// finish runs on the worker. It rings on the edge from empty to not empty: an
// owner that sleeps has taken everything, so the next one to arrive rings.
func (p *pwriter) finish(op *Op) {
	for {
		head := p.done.Load()
		op.state.next = head
		if !p.done.CompareAndSwap(head, op) {
			continue
		}
		if head == nil {
			p.wake()
		}
		return
	}
}

func (p *pwriter) wake() {
	p.rings.Add(1)
	p.r.ringBell()
	select {
	case p.woken <- struct{}{}:
	default:
	}
}

func (p *pwriter) ready() bool { return p.done.Load() != nil }

func (p *pwriter) reap() (again bool) {
	var oldest *Op
	for op := p.done.Swap(nil); op != nil; {
		next := op.state.next
		op.state.next = oldest
		oldest, op = op, next
	}
	for oldest != nil {
		op := oldest
		oldest = op.state.next
		op.state.next = nil
		p.r.report(op)
	}
	return p.pendingCount > 0
}

func (p *pwriter) wait(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	for !p.ready() {
		select {
		case <-p.woken: // may be left over from what was reaped already
		case <-t.C:
			return
		}
	}
}

// cancel ends what no worker has begun.
func (p *pwriter) cancel() {
	p.mu.Lock()
	op := p.queue.takeAll()
	p.mu.Unlock()
	for op != nil {
		next := op.state.next
		op.state.transferN, op.state.transferErr, op.state.fsyncErr = 0, unix.ECANCELED, unix.ECANCELED
		p.finish(op)
		op = next
	}
}

func (p *pwriter) close() error {
	p.mu.Lock()
	p.closing = true
	p.work.Broadcast()
	p.mu.Unlock()
	p.workers.Wait()
	return nil
}

func (p *pwriter) stats(s *Stats) { s.Enters, s.Bells = p.handed, p.rings.Load() }
