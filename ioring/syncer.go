package ioring

import (
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// Fsyncs of one file run one at a time. The kernel reports a write-back error
// once per descriptor: of two fsyncs that overlap, one may take the error and
// the other return success for the same lost pages, and the liar may come back
// first. Running one at a time closes that hole, and everything that asks
// while one runs shares the next, which is group commit.
//
// syncer decides who waits for what. It belongs to the ring's owner.
//
//	Write{Sync}: transfer ends -> ready                (or chained: see startChained)
//	Sync:        writes pushed before it end -> ready  (waiting, later)
//	ready:       no fsync runs -> running, all of them at once
//
// "Pushed before it" is kept by generations. A Sync closes the generation of
// the writes in flight and waits until that one is empty; newer writes belong
// to the next and do not delay it. One closed generation exists at a time;
// Syncs that come behind newer writes wait in later.
type syncer struct {
	running *Op    // leads the fsync in the kernel; state.group are the others it covers
	ready   opList // wants an fsync that starts from now on
	writes  [2]int // writes in flight by parity of their generation
	gen     uint32 // generation of new writes
	closed  bool   // generation gen-1 still has writes
	waiting opList // Syncs that wait for generation gen-1
	later   opList // Syncs that wait for generation gen too
}

func (s *syncer) writeStarts(op *Op) {
	op.state.gen = s.gen
	s.writes[s.gen&1]++
}

func (s *syncer) writeEnds(op *Op) {
	g := op.state.gen
	s.writes[g&1]--
	if s.closed && g == s.gen-1 && s.writes[g&1] == 0 {
		s.generationEnds()
	}
}

func (s *syncer) syncPushed(op *Op) {
	newer := s.writes[s.gen&1] > 0
	switch {
	case s.closed && newer:
		s.later.add(op)
	case s.closed:
		s.waiting.add(op)
	case newer:
		s.closed = true
		s.gen++
		s.waiting.add(op)
	default:
		s.ready.add(op)
	}
}

func (s *syncer) generationEnds() {
	s.ready.join(&s.waiting)
	s.closed = false
	if s.later.empty() {
		return
	}
	if s.writes[s.gen&1] == 0 {
		s.ready.join(&s.later)
		return
	}
	s.waiting.join(&s.later)
	s.closed = true
	s.gen++
}

// startChained says whether op's fsync may ride behind its write, which is so
// when the file has no other fsync running or wanted.
func (f *File) startChained(op *Op) bool {
	s := &f.sync
	if s.running != nil || !s.ready.empty() || !f.gate.tryEnter() {
		return false
	}
	s.running = op
	f.ring.inline.syncBegins()
	f.ring.count.Fsyncs++
	return true
}

// startSync sends the fsync everybody in ready waits for, if none runs. On a
// poisoned file they fail instead (inside Reap only: Push never calls Done).
func (r *Ring) startSync(f *File) {
	s := &f.sync
	if s.running != nil || s.ready.empty() {
		return
	}
	if r.reaping && f.Err() != nil {
		for !s.ready.empty() {
			r.finishSync(s.ready.take())
		}
		return
	}
	if !f.gate.tryEnter() {
		return
	}
	leader := s.ready.take()
	leader.state.group = s.ready.takeAll()
	s.running = leader
	r.inline.syncBegins()
	if f.together {
		r.together.fresh = append(r.together.fresh, leader)
		return
	}
	r.count.Fsyncs++
	r.eng.fsync(leader)
}

// stopSync ends the running fsync without using its outcome.
func (f *File) stopSync() {
	f.sync.running = nil
	f.ring.inline.syncEnds()
	f.gate.leave()
}

// report takes the outcome an engine left in op.state: of a transfer, of an
// fsync, or of both when they were chained.
func (r *Ring) report(op *Op) {
	st := &op.state
	if st.fsyncOnly {
		r.synced(op, st.fsyncErr)
		return
	}
	chained := st.chained
	r.transferred(op, st.transferN, st.transferErr)
	if chained {
		r.synced(op, st.fsyncErr)
	}
}

// transferred is the engine's report on a read or write: n bytes moved, or no.
func (r *Ring) transferred(op *Op, n int, no syscall.Errno) {
	st := &op.state
	again := st.advance(op, n, no)
	if st.chained {
		return // its fsync is reported next, whatever happened here
	}
	if again {
		r.count.Continued++
		r.eng.transfer(op)
		return
	}
	r.transferEnds(op)
}

// advance books progress and says whether the rest must be transferred again.
func (st *opState) advance(op *Op, n int, no syscall.Errno) (again bool) {
	st.done += n
	switch {
	case (no == unix.EAGAIN || no == unix.EINTR) && st.retries < maxRetries:
		st.retries++
	case no == unix.ECANCELED:
		st.ioErr = ErrCancelled
	case no != 0:
		st.ioErr = no
	case st.done == len(op.Buf):
	case n == 0 || op.Kind == Read && n%op.File.align != 0:
		// The end of the file; direct reads end in mid-block only there.
		st.ioErr = ErrShort
	default:
		st.retries = 0
	}
	return st.ioErr == nil && st.done < len(op.Buf)
}

func (r *Ring) transferEnds(op *Op) {
	f := op.File
	if op.Kind == Read {
		r.finishOp(op)
		return
	}
	wantsSync := op.Sync && op.state.ioErr == nil
	if wantsSync {
		f.sync.ready.add(op) // before the Syncs that waited for it: their Done comes later
	}
	f.sync.writeEnds(op)
	r.startSync(f)
	if !wantsSync {
		r.finishOp(op)
	}
}

// synced is the engine's report on an fsync, alone or chained behind a write.
func (r *Ring) synced(op *Op, no syscall.Errno) {
	f, st := op.File, &op.state
	if st.chained {
		st.chained = false
		whole := st.done == len(op.Buf)
		if st.cut || !whole && (no == 0 || no == unix.ECANCELED) {
			// The fsync did not run, or not behind the whole write: never a
			// success, and no failure of the fsync either.
			st.cut = false
			f.stopSync()
			if whole || st.ioErr != nil {
				r.transferEnds(op)
				return
			}
			r.count.Continued++
			r.eng.transfer(op)
			r.startSync(f)
			return
		}
		f.sync.writeEnds(op)
	}
	if no != 0 {
		var cause error = no
		if no == unix.ECANCELED {
			cause = ErrCancelled
		}
		_ = f.setPoison(cause)
	}
	f.stopSync()
	r.startSync(f)
	group := st.group
	st.group = nil
	r.finishSync(op)
	for group != nil {
		next := group.state.next
		group.state.next = nil
		r.count.FsyncsShared++
		r.finishSync(group)
		group = next
	}
}

// finishSync ends an operation whose fsync is over, well or badly.
func (r *Ring) finishSync(op *Op) {
	op.state.syncErr = op.File.Err()
	r.finishOp(op)
}

// finishOp gives op back to its caller.
func (r *Ring) finishOp(op *Op) {
	st := &op.state
	f := op.File
	op.N = st.done
	switch {
	case st.ioErr != nil:
		op.Err = opError(op, st.ioErr)
	case st.syncErr != nil:
		op.Err = opError(op, st.syncErr)
	case op.Kind != Read && f.Err() != nil:
		op.Err = opError(op, f.Err()) // nothing is acknowledged after a failed fsync
	}
	if op.Err != nil {
		r.count.Failed++
	}
	r.inFlight--
	r.count.Completed++
	f.inFlight.Add(-1)
	if s := st.slab; s != nil {
		st.slab = nil
		s.Release()
	}
	op.Done(op)
}

// Sync makes data and size durable with fsync(2). A failure poisons the file.
// It covers writes whose Done ran before it was called. Blocks, also until the
// owner has reaped an fsync of the ring that runs on the same file: any goroutine
// but the owner, and the owner must not wait for it without reaping.
func (f *File) Sync() error {
	f.life.RLock()
	defer f.life.RUnlock()
	if f.closed.Load() {
		return fmt.Errorf("fsync %s: %w", f.name, ErrClosed)
	}
	f.calls.Add(1)
	defer f.calls.Add(-1)
	f.gate.enter()
	err := f.Err()
	if err == nil {
		// Not tried again, not even after EINTR: the error may be reported once.
		if no := unix.Fsync(f.fd); no != nil {
			err = f.setPoison(no)
		}
	}
	if f.gate.leave() {
		f.ring.kick(f)
	}
	if err != nil {
		return fmt.Errorf("fsync %s: %w", f.name, err)
	}
	return nil
}
