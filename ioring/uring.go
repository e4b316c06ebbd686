package ioring

import (
	"fmt"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// uring is the io_uring engine. One submission entry per transfer or fsync;
// a chained write is two, linked, so that the kernel runs the fsync only after
// a whole write and cancels it otherwise. A direct write that has to be durable for
// itself only (Op.Own) is one: io_uring hands every fsync to a worker thread of its own,
// while the end of a synchronous direct write is the work of a kernel worker that all share.
//
//	user data:  slot << 1 | part   part 0 = transfer, 1 = fsync
//	            tagOther           a cancel request's own completion, and the proof's
//
// The kernel is given slots, never pointers to Go memory; the table of slots
// keeps the operation, and so its file and slab, reachable until the last
// completion.
type uring struct {
	r *Ring
	*ringMemory
	enter enterFunc
	page  *page

	tail      uint32 // entries written; published by flush
	head      uint32 // completions taken
	slots     []*Op
	unused    []int32
	backlog   opList // operations the submission ring had no room for, or no slot was left for
	cancelled bool   // the backlog is to be given back

	table [bufferSlots]bool // which extents are registered
	fixed bool              // the kernel has the table

	enters, fixedOps, refused int64
}

const (
	partTransfer = 0
	partFsync    = 1

	tagOther = 1 << 62

	// reapPasses bounds one Reap: completions that keep coming are left to the
	// owner's next turn, with a bell.
	reapPasses = 8

	// transferMax is what one entry may move; longer buffers are continued.
	transferMax = 1 << 30
)

func newUring(r *Ring) (*uring, error) {
	return newUringSized(r, sysEnter, ringSizes)
}

// newUringSized is newUring with what tests replace: the system call, and the
// sizes of the rings.
func newUringSized(r *Ring, enter enterFunc, sizes func(depth int) (sq, cq uint32)) (*uring, error) {
	m, err := openRing(sizes(r.cfg.Depth))
	if err != nil {
		return nil, err
	}
	pg, err := newPage()
	if err != nil {
		m.close()
		return nil, fmt.Errorf("there is no page for io_uring's arguments: %w", err)
	}
	u := &uring{r: r, ringMemory: m, enter: enter, page: pg, slots: make([]*Op, r.cfg.Depth), unused: make([]int32, r.cfg.Depth)}
	for i := range u.unused {
		u.unused[i] = int32(len(u.unused) - 1 - i)
	}
	if err := u.openBell(); err != nil {
		m.close()
		pg.free()
		return nil, err
	}
	u.fixed = u.registerTable() == nil
	return u, nil
}

func (u *uring) describe() string {
	if u.fixed {
		return "the kernel offers all of it"
	}
	return "the kernel offers it, without registered buffers"
}

func (u *uring) transfer(op *Op) {
	op.state.fsyncOnly = false
	op.state.joined = op.state.chained && op.Own && op.File.align > 1 && !op.cached()
	u.start(op)
}

func (u *uring) fsync(op *Op) {
	op.state.fsyncOnly = true
	u.start(op)
}

func (u *uring) start(op *Op) {
	if !u.backlog.empty() || !u.takes(op) {
		u.backlog.add(op)
		return
	}
	u.fill(op)
}

// takes says whether there is a slot for op and room in the ring. Slots are short where
// fsyncs come that were to be done together.
func (u *uring) takes(op *Op) bool { return len(u.unused) > 0 && u.room(op.state.entries()) }

// entries is how many submission entries, and completions, op needs now.
func (st *opState) entries() uint32 {
	if st.chained && !st.joined && !st.fsyncOnly {
		return 2
	}
	return 1
}

// room says whether n more entries fit, handing over what is there if not. A
// chain must lie in one round: the kernel ends it where the round ends.
func (u *uring) room(n uint32) bool {
	if u.entries-(u.tail-atomic.LoadUint32(u.sqHead)) >= n {
		return true
	}
	return u.flush() == nil && u.entries-(u.tail-atomic.LoadUint32(u.sqHead)) >= n
}

func (u *uring) fill(op *Op) {
	st := &op.state
	n := st.entries()
	st.slot = u.unused[len(u.unused)-1]
	u.unused = u.unused[:len(u.unused)-1]
	u.slots[st.slot] = op
	st.parts = int8(n)
	if !st.fsyncOnly {
		e := u.entry()
		u.fillTransfer(e, op)
		switch {
		case n == 2:
			e.flags |= sqeLink
		case st.joined:
			e.opFlags = writeDataSync
		}
	}
	if st.fsyncOnly || n == 2 {
		*u.entry() = sqe{opcode: opFsync, fd: int32(op.File.fd), opFlags: fsyncDataSync,
			userData: uint64(st.slot)<<1 | partFsync}
	}
}

func (u *uring) fillTransfer(e *sqe, op *Op) {
	rest := op.rest()
	*e = sqe{
		opcode:   opWrite,
		fd:       int32(op.fd()),
		off:      uint64(op.Off) + uint64(op.state.done),
		addr:     uint64(addressOf(rest)),
		len:      uint32(min(len(rest), transferMax)),
		userData: uint64(op.state.slot)<<1 | partTransfer,
	}
	if op.Kind == Read {
		e.opcode = opRead
	}
	if op.cached() {
		e.flags = sqeAsync
	}
	s := op.state.slab
	if s == nil {
		return
	}
	if x := s.Extent(); x >= 0 && x < bufferSlots && u.table[x] {
		e.bufIndex = uint16(x)
		if e.opcode == opRead {
			e.opcode = opReadFixed
		} else {
			e.opcode = opWriteFixed
		}
		u.fixedOps++
	}
}

// entry gives the next submission entry; room was checked.
func (u *uring) entry() *sqe {
	e := &u.sqes[u.tail&u.sqMask]
	u.tail++
	return e
}

func (u *uring) submit() error {
	for !u.backlog.empty() && u.takes(u.backlog.head) {
		u.fill(u.backlog.take())
	}
	return u.flush()
}

// flush hands the written entries to the kernel. When the kernel has no memory
// or wants its completions taken first, they stay, and the bell brings the
// owner back to try again.
func (u *uring) flush() error {
	atomic.StoreUint32(u.sqTail, u.tail)
	for {
		n := u.tail - atomic.LoadUint32(u.sqHead)
		if n == 0 {
			return nil
		}
		got, no := u.enter(u.fd, n, 0, 0, nil)
		u.enters++
		switch {
		case no == unix.EINTR:
		case no == 0 && got > 0:
			u.mend()
		case no == 0, no == unix.EAGAIN, no == unix.EBUSY:
			u.refused++
			u.r.ringBell()
			return nil
		default:
			return fmt.Errorf("submit %d entries to io_uring: %w", n, no)
		}
	}
}

// mend looks after a chain the kernel took only the first half of, as it may
// when it runs out of memory in mid-round. The second half would now run by
// itself, an fsync beside or before its write: it is made a no-op instead, and
// the operation gets an fsync of its own later.
func (u *uring) mend() {
	head := atomic.LoadUint32(u.sqHead)
	if head == u.tail {
		return
	}
	if e := &u.sqes[head&u.sqMask]; e.opcode == opFsync && !u.slots[e.userData>>1].state.fsyncOnly {
		u.slots[e.userData>>1].state.cut = true
		*e = sqe{opcode: opNop, userData: e.userData}
	}
}

func (u *uring) ready() bool {
	return u.head != atomic.LoadUint32(u.cqTail) || u.overflown() || u.cancelled && !u.backlog.empty()
}

// overflown says whether completions wait in the kernel for room in the ring.
func (u *uring) overflown() bool { return atomic.LoadUint32(u.sqFlags)&sqCQOverflow != 0 }

func (u *uring) reap() (again bool) {
	for u.cancelled && !u.backlog.empty() {
		u.giveBack(u.backlog.take())
	}
	for pass := 0; u.ready(); pass++ {
		if pass == reapPasses {
			u.r.ringBell()
			break
		}
		if u.overflown() {
			_, _ = u.enter(u.fd, 0, 0, enterGetEvents, nil)
		}
		for tail := atomic.LoadUint32(u.cqTail); u.head != tail; {
			c := u.cqes[u.head&u.cqMask]
			u.head++
			atomic.StoreUint32(u.cqHead, u.head)
			u.complete(c)
		}
	}
	return u.tail != atomic.LoadUint32(u.sqHead) || !u.backlog.empty()
}

func (u *uring) complete(c cqe) {
	if c.userData == tagOther {
		return
	}
	slot, part := c.userData>>1, c.userData&1
	if slot >= uint64(len(u.slots)) || u.slots[slot] == nil {
		panic(fmt.Sprintf("BUG: io_uring completion for slot %d, part %d, result %d, which holds no operation", slot, part, c.res))
	}
	op := u.slots[slot]
	st := &op.state
	if part == partFsync {
		st.fsyncErr = errnoOf(c.res)
	} else {
		st.transferN, st.transferErr = int(max(c.res, 0)), errnoOf(c.res)
		if st.joined {
			st.fsyncErr = joinedErr(op)
		}
	}
	if st.parts--; st.parts > 0 {
		return
	}
	u.slots[slot] = nil
	u.unused = append(u.unused, st.slot)
	u.r.report(op)
}

// joinedErr is the outcome of the fsync that a write did itself. Which of the two
// failed the kernel does not say. A full disk is the write's error, see Op.Own; what is
// tried again is, too; everything else counts as a failed fsync.
func joinedErr(op *Op) syscall.Errno {
	switch no := op.state.transferErr; no {
	case 0:
		if op.state.transferN == len(op.rest()) {
			return 0
		}
	case unix.ENOSPC, unix.EDQUOT, unix.EAGAIN, unix.EINTR, unix.ECANCELED:
	default:
		return no
	}
	return unix.ECANCELED // it did not run behind the whole write
}

// giveBack ends an operation the kernel never saw.
func (u *uring) giveBack(op *Op) {
	op.state.transferN, op.state.transferErr, op.state.fsyncErr = 0, unix.ECANCELED, unix.ECANCELED
	u.r.report(op)
}

func (u *uring) wait(d time.Duration) {
	if u.flush() != nil {
		return
	}
	_, _ = u.enter(u.fd, 0, 1, enterGetEvents|enterExtArg, u.page.timeout(d))
}

func (u *uring) cancel() {
	u.cancelled = true
	if u.room(1) {
		*u.entry() = sqe{opcode: opCancel, fd: -1, opFlags: cancelAny | cancelAll, userData: tagOther}
		_ = u.flush()
	}
}

func (u *uring) close() error {
	u.ringMemory.close()
	u.page.free()
	return nil
}

func (u *uring) stats(s *Stats) {
	s.Enters, s.Fixed, s.Refused = u.enters, u.fixedOps, u.refused
}
