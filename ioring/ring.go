package ioring

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// maxRetries is how often an operation is tried again after EAGAIN or EINTR
// without a byte of progress before that becomes its outcome.
const maxRetries = 64

// waitSlice bounds how long Wait sits in the kernel before it looks again for
// a file whose gate opened or for a syncfs that is over: those two do not end the wait.
const waitSlice = 5 * time.Millisecond

// Ring is one shard's way to the disk. It has one owner goroutine, which
// alone calls Push, Submit, Reap, Wait, Register, Unregister, Stats and Close.
// OpenFile and the methods of File may be called from anywhere.
type Ring struct {
	// Set once.
	cfg    Config
	name   string
	reason string
	eng    engine

	cachedBelow int64 // see cachedBelow

	// Owner only.
	inFlight int
	reaping  bool
	closing  bool
	mem      extents
	inline   inline
	together together
	count    Stats

	// Crosses goroutines: files whose fsync gate opened while operations of
	// this ring wait for it; filled by File.Sync, emptied by Reap.
	kickMu  sync.Mutex
	kicked  []*File
	closed  bool // under kickMu: nobody may use the bell any more
	hasKick atomic.Bool
}

// New makes a ring with the engine cfg asks for; auto takes io_uring when the
// kernel offers all of it and pwrite otherwise. Reason says why.
func New(cfg Config) (*Ring, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	if err := checkBell(cfg.Bell); err != nil {
		return nil, fmt.Errorf("make ring: %w", err)
	}
	r := &Ring{cfg: cfg, cachedBelow: cachedBelow(), together: together{slow: togetherSlow}}
	if cfg.Engine != EnginePwrite {
		u, err := newUring(r)
		if err == nil {
			r.eng, r.name, r.reason = u, EngineUring, u.describe()
			return r, nil
		}
		if cfg.Engine == EngineUring {
			return nil, fmt.Errorf("make ring: io_uring was asked for but %w; use engine auto or pwrite", err)
		}
		r.reason = err.Error()
	} else {
		r.reason = "asked for by configuration"
	}
	r.eng, r.name = newPwriter(r), EnginePwrite
	return r, nil
}

// Engine is "io_uring" or "pwrite".
func (r *Ring) Engine() string { return r.name }

// Reason says in one phrase why this engine runs, for the log line.
func (r *Ring) Reason() string { return r.reason }

// InFlight is the number of operations pushed whose Done has not run.
func (r *Ring) InFlight() int { return r.inFlight }

// Depth is the most operations that may be in flight.
func (r *Ring) Depth() int { return r.cfg.Depth }

// Full says whether Push would refuse: Config.Depth operations are in flight. Fsyncs that
// wait for Submit or are done together do not count. There is one for each file at most,
// and while a whole shard flushes, others want to read and write. Where each is done by
// itself after all, they do, and the ring is full until few enough are left.
func (r *Ring) Full() bool { return r.inFlight-r.together.count() >= r.cfg.Depth }

// Register tells the ring of an extent of slabs, so that operations on it
// need not pin its pages each time. index is Slab.Extent of its slabs. An error
// is a loss of speed, not of function; the memory is borrowed until Unregister
// or Close. On the pwrite engine nothing happens.
func (r *Ring) Register(mem []byte, index int) error {
	if r.closed {
		return fmt.Errorf("register extent %d: ring: %w", index, ErrClosed)
	}
	r.mem.add(mem, index)
	return r.eng.register(mem, index)
}

// Unregister forgets an extent before it is unmapped. No operation on it may
// be in flight. A closed ring has forgotten already.
func (r *Ring) Unregister(index int) error {
	if r.closed {
		return nil
	}
	r.mem.remove(index)
	return r.eng.unregister(index)
}

// Push takes op until its Done runs. Nothing but a small Cached write, which may be made
// in line, reaches the kernel before Submit.
// On an error the ring did not take it: ErrFull (Config.Depth operations are in
// flight: Reap first), ErrPoisoned, ErrClosed, ErrAlign.
func (r *Ring) Push(op *Op) error {
	f := op.File
	if err := r.check(op); err != nil {
		return err
	}
	f.inFlight.Add(1)
	if f.closed.Load() {
		f.inFlight.Add(-1)
		return opError(op, ErrClosed)
	}
	r.inFlight++
	r.count.Pushed++
	op.N, op.Err = 0, nil
	op.state = opState{slab: op.Slab}
	if op.Slab != nil {
		op.Slab.Retain()
	}
	switch op.Kind {
	case Write:
		r.together.own += int64(len(op.Buf))
		f.sync.writeStarts(op)
		op.state.chained = op.Sync && f.startChained(op)
		if r.inline.takes(op) {
			r.writeInline(op)
			break
		}
		r.eng.transfer(op)
	case Read:
		r.eng.transfer(op)
	case Sync:
		f.sync.syncPushed(op)
		r.startSync(f)
	}
	return nil
}

func (r *Ring) check(op *Op) error {
	switch {
	case r.closing:
		return opError(op, fmt.Errorf("ring: %w", ErrClosed))
	case r.Full():
		r.count.Full++
		return ErrFull
	case op.File.ring != r:
		panic(fmt.Sprintf("BUG: %s of %s pushed to a ring that did not open it", op.Kind, op.File.name))
	case op.Done == nil:
		panic(fmt.Sprintf("BUG: %s of %s has no Done", op.Kind, op.File.name))
	}
	if err := op.File.Err(); err != nil {
		return opError(op, err)
	}
	if op.Kind == Sync {
		return nil
	}
	if op.Kind > Sync || op.Off < 0 || len(op.Buf) == 0 {
		panic(fmt.Sprintf("BUG: %s of %d bytes at offset %d of %s", op.Kind, len(op.Buf), op.Off, op.File.name))
	}
	if op.Slab != nil && !op.Slab.Contains(op.Buf) {
		panic(fmt.Sprintf("BUG: %s of %s: buffer lies outside its slab", op.Kind, op.File.name))
	}
	if r.cfg.CheckMemory && op.Slab == nil && !r.mem.contain(op.Buf) {
		panic(fmt.Sprintf("BUG: %s of %s: buffer is not arena memory", op.Kind, op.File.name))
	}
	if a := uint64(op.File.align); a > 1 && (uint64(op.Off)|uint64(len(op.Buf))|uint64(addressOf(op.Buf)))%a != 0 {
		return opError(op, fmt.Errorf("%w: offset, length and address must be multiples of %d", ErrAlign, a))
	}
	return nil
}

// Submit hands everything pushed to the kernel in one round. An error means
// the engine is broken; operations stay in flight.
func (r *Ring) Submit() error {
	if r.closed {
		return fmt.Errorf("submit: ring: %w", ErrClosed)
	}
	r.startFsyncs()
	return r.eng.submit()
}

// Reap runs Done of everything that finished, on this goroutine, and says how
// many that were. Continuations it had to queue are submitted. Inside a Done it
// does nothing, and after Close, when a late bell may still come.
func (r *Ring) Reap() int {
	if r.reaping || r.closed {
		return 0
	}
	r.reaping = true
	before := r.count.Completed
	again := r.openGates()
	r.reapInline()
	again = r.reapTogether() || again
	again = r.eng.reap() || again || len(r.together.fresh) > 0
	r.reaping = false
	if len(r.inline.done) > 0 { // what a Done wrote is left to the next Reap
		r.ringBell()
	}
	if again {
		if err := r.Submit(); err != nil {
			r.count.SubmitErrors++
		}
	}
	return int(r.count.Completed - before)
}

// Wait blocks until something can be reaped, or nothing is in flight, or d has
// passed. For owners without a bell: tools and tests. Submit first.
func (r *Ring) Wait(d time.Duration) {
	for r.inFlight > 0 && d > 0 && !r.hasKick.Load() {
		slice := min(d, waitSlice)
		if len(r.inline.done) > 0 || r.eng.ready() || r.together.over.Load() != nil {
			return
		}
		r.eng.wait(slice)
		d -= slice
	}
}

// Close stops taking operations, waits for those in flight and gives
// everything back. Their Done runs on this goroutine. What has not ended after
// Config.CloseTimeout is cancelled; what then still hangs is reported as
// ErrBusy: its memory must stay mapped, and Close may be called again.
func (r *Ring) Close() error {
	if r.reaping {
		panic("BUG: Ring.Close inside a Done")
	}
	if r.closed {
		return fmt.Errorf("close ring: %w", ErrClosed)
	}
	r.closing = true
	err := r.finish(r.cfg.CloseTimeout)
	if r.inFlight > 0 {
		r.eng.cancel()
		err = errors.Join(err, r.finish(max(r.cfg.CloseTimeout/10, 100*time.Millisecond)))
	}
	if r.inFlight > 0 {
		return errors.Join(err, fmt.Errorf("close ring: %w: %d did not end within %v; the disk may hang", ErrBusy, r.inFlight, r.cfg.CloseTimeout))
	}
	r.kickMu.Lock()
	r.closed = true
	for _, f := range r.kicked {
		f.gate.decline()
	}
	r.kickMu.Unlock()
	r.together.running.Wait() // it has left its outcome, and rings
	r.together.vol.close()
	return errors.Join(err, r.eng.close())
}

// finish submits and reaps until nothing is in flight or d has passed.
func (r *Ring) finish(d time.Duration) error {
	deadline := time.Now().Add(d)
	for r.inFlight > 0 {
		if err := r.Submit(); err != nil {
			return err
		}
		if r.Reap() > 0 {
			continue
		}
		left := time.Until(deadline)
		if left <= 0 {
			break
		}
		r.Wait(min(left, waitSlice))
	}
	return nil
}

// kick is called by File.Sync on its own goroutine when it leaves a gate that
// operations of the ring wait at.
func (r *Ring) kick(f *File) {
	r.kickMu.Lock()
	defer r.kickMu.Unlock()
	if r.closed {
		f.gate.decline()
		return
	}
	r.kicked = append(r.kicked, f)
	r.hasKick.Store(true)
	r.ringBell()
}

// openGates starts the fsyncs that waited for a gate.
func (r *Ring) openGates() bool {
	if !r.hasKick.Load() {
		return false
	}
	r.kickMu.Lock()
	files := r.kicked
	r.kicked = nil // rare: another goroutine fsynced the same file
	r.hasKick.Store(false)
	r.kickMu.Unlock()
	for _, f := range files {
		r.startSync(f)
		f.gate.decline()
	}
	return true
}
