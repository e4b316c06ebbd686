package shard

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/panjf2000/gnet/v2"

	"umbra/ioring"
	"umbra/ioring/buf"
)

const (
	// mailboxPerTurn is how many messages one turn runs before connections are
	// looked at again.
	mailboxPerTurn = 1024
	// turnRounds is how often the end of a turn looks for work that its own
	// work made, before it leaves the rest to the next turn.
	turnRounds = 4
	// yieldEvery is how long a loop runs before it lets another goroutine have its
	// processor. After 10 ms the Go scheduler would take it by a signal, and from
	// then on in each system call, and its monitor would wake every 20 us to do so:
	// about a tenth of a busy link's CPU.
	yieldEvery = 4 * time.Millisecond
)

// Shard is one event loop and all it owns. Methods are loop only unless they
// say "any goroutine".
type Shard struct {
	// Set once.
	id      int
	group   *Group
	cfg     *Config
	log     *slog.Logger
	base    time.Time
	bell    *bell
	ring    *ioring.Ring
	arena   *buf.Arena
	mailbox *mailbox
	stopped chan struct{} // closed on the loop when nothing runs there any more

	// Set once, on the loop, before anything else runs there.
	loop    gnet.EventLoop
	epfd    int // gnet's epoll descriptor, -1 where pausing falls back
	dozer   dozer
	restore func()

	// Loop only.
	turnDepth  int
	turnStart  int64 // shard nanoseconds
	turnEnd    int64 // of the last turn
	pause      int64 // between the last turn and the one before
	yielded    int64 // shard nanoseconds
	timers     *timers
	offloads   offloads
	dials      map[*dialling]struct{}
	conns      map[uint64]*Conn
	toAnswer   []*Conn  // accepted, have output to try this turn
	toAsk      []*Conn  // dialled, the same
	toRead     []*Conn  // were resumed with bytes waiting in gnet's buffer
	toClose    []*Conn  // were closed in this turn
	atTurnEnd  []func() // hooks for this turn
	iov        iovecs
	partitions partitions
	backlog    backlog
	extents    map[int]*byte // first byte of each extent of the arena, by index
	stats      Stats
	closing    bool   // connections are being closed for good
	halted     func() // set by Stop: this turn is the last one, call it when all is done

	// Crosses goroutines.
	inbox   inbox
	probe   atomic.Int64          // shard nanoseconds when the lag probe was sent, 0 none out
	visible atomic.Pointer[Stats] // copy of stats for observers, at most a probe's interval old
}

// ID is the shard's number, from 0 (any goroutine).
func (s *Shard) ID() int { return s.id }

// Ring is the shard's storage ring.
func (s *Shard) Ring() *ioring.Ring { return s.ring }

// Arena is the shard's slab memory.
func (s *Shard) Arena() *buf.Arena { return s.arena }

// Group is the group this shard belongs to (any goroutine).
func (s *Shard) Group() *Group { return s.group }

// Post hands f to the loop (any goroutine). ErrMailboxFull at the bound: the
// caller keeps its message. ErrStopped once the shard has stopped; every f that
// was taken is run.
func (s *Shard) Post(f func()) error {
	ring, err := s.mailbox.push(f)
	if ring {
		s.bell.ring()
	}
	return err
}

// callRetry is how long Call waits before it tries a full mailbox again.
const callRetry = time.Millisecond

// Call runs f on the loop and waits for it. Any goroutine but a loop: it blocks,
// also while the mailbox is full. When ctx ends first, f may still run later.
func (s *Shard) Call(ctx context.Context, f func()) error {
	done := make(chan struct{})
	message := func() { f(); close(done) }
	err := s.Post(message)
	for ; errors.Is(err, ErrMailboxFull); err = s.Post(message) {
		select {
		case <-time.After(callRetry):
		case <-ctx.Done():
			return fmt.Errorf("call shard %d: %w: %w", s.id, err, ctx.Err())
		}
	}
	if err != nil {
		return err
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for shard %d: %w", s.id, ctx.Err())
	}
}

// stretchNanos is how long CallEach keeps a loop at a time.
const stretchNanos = int64(time.Millisecond)

// CallEach runs f(0) to f(n-1) on the loop, in order, and waits for them. A turn takes as
// many of them as fit stretchNanos, so connections wait for a stretch and not for all: use
// it for whatever is done to each of a shard's partitions, of which there may be thousands.
// What other turns do may come between any two. Else as Call: when ctx ends first, the
// stretch in hand may still run later.
func (s *Shard) CallEach(ctx context.Context, n int, f func(i int)) error {
	for from := 0; from < n; {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("call shard %d for %d of %d: %w", s.id, n-from, n, err)
		}
		next := from
		err := s.Call(ctx, func() {
			for end := s.nanos() + stretchNanos; next < n && (next == from || s.nanos() < end); next++ {
				f(next)
			}
		})
		if err != nil {
			return err
		}
		from = next
	}
	return nil
}

// After runs f on the loop once, not before d has passed.
func (s *Shard) After(d time.Duration, f func()) *Timer { return s.timers.after(d, f) }

// Within runs f on the loop once, after d/2 at the earliest and d at the latest, in the
// same turn as whatever else was asked for with the same d.
func (s *Shard) Within(d time.Duration, f func()) *Timer { return s.timers.within(d, f) }

// AtTurnEnd runs f once at the end of this turn, before output is written and
// the ring is submitted.
func (s *Shard) AtTurnEnd(f func()) { s.atTurnEnd = append(s.atTurnEnd, f) }

// deliver hands f to the loop where losing it to a full mailbox is not an
// option; the callers' own bounds bound it (any goroutine).
func (s *Shard) deliver(f func()) {
	if s.inbox.add(f) {
		s.bell.ring()
	}
}

// nanos is monotonic time since the shard was made (any goroutine).
func (s *Shard) nanos() int64 { return int64(time.Since(s.base)) }

// enter and leave bracket everything that runs on the loop. gnet calls back
// into us from our own calls (closing a connection), so they nest.
func (s *Shard) enter() {
	s.turnDepth++
	if s.turnDepth == 1 {
		s.turnStart = s.nanos()
	}
}

func (s *Shard) leave() {
	if s.turnDepth == 1 {
		s.endTurn()
		now := s.nanos()
		s.stats.tookTurn(now - s.turnStart)
		s.pause, s.turnEnd = s.turnStart-s.turnEnd, now
		if now-s.yielded > int64(yieldEvery) {
			s.yielded = now
			runtime.Gosched()
		}
	}
	s.turnDepth--
}

// endTurn takes what came from outside, then settles what the turn left. What
// is left after turnRounds is done in another turn, after other connections.
func (s *Shard) endTurn() {
	s.answerProbe()
	more := true
	for round := 0; more && round < turnRounds; round++ {
		ran := s.timers.run(s.nanos()) + s.inbox.drain()
		posted, atLimit := 0, false
		if round == 0 {
			posted, atLimit = s.mailbox.drain(mailboxPerTurn)
			s.stats.Messages += uint64(posted)
		}
		s.settle()
		s.submit()
		if s.ring != nil {
			ran += s.ring.Reap()
		}
		ran += s.backlog.run(s.Unwritten())
		more = ran+posted > 0 || atLimit || s.pending()
	}
	s.output()
	s.submit() // what readers whose output went out have asked for
	more = more || s.unsettled()
	if s.halted != nil {
		s.halt()
		s.halted()
		s.halted = nil
		return
	}
	if more {
		s.bell.ring()
	}
	s.timers.arm()
}

// submit hands the ring its round.
func (s *Shard) submit() {
	if s.ring == nil {
		return
	}
	if err := s.ring.Submit(); err != nil {
		s.group.fail(fmt.Errorf("shard %d: submit to the storage ring: %w", s.id, err))
	}
}

// settle runs, in order: resumed reads, hooks, partitions, closes.
func (s *Shard) settle() {
	for i := 0; i < len(s.toRead); i++ {
		s.toRead[i].readResumed()
	}
	s.toRead = clearList(s.toRead)
	for i := 0; i < len(s.atTurnEnd); i++ {
		s.atTurnEnd[i]()
		s.atTurnEnd[i] = nil
	}
	s.atTurnEnd = s.atTurnEnd[:0]
	s.partitions.settle()
	s.closeClosing()
}

func (s *Shard) closeClosing() {
	for i := 0; i < len(s.toClose); i++ {
		s.toClose[i].closeNow()
	}
	s.toClose = clearList(s.toClose)
}

// output writes what the turn has to say. It comes behind all rounds, so that a record
// which has just come is on its way to its readers before the source is asked for the
// next one: asking wakes the source up, and where it runs on the same machine it would
// run beside them.
func (s *Shard) output() {
	for i := 0; i < len(s.toAnswer); i++ {
		s.toAnswer[i].flush()
	}
	s.toAnswer = clearList(s.toAnswer)
	for i := 0; i < len(s.toAsk); i++ {
		s.toAsk[i].flush()
	}
	s.toAsk = clearList(s.toAsk)
	s.closeClosing() // what could not be written
}

// pending says whether settle has something to do, unsettled whether anything has.
func (s *Shard) pending() bool {
	return len(s.toRead)+len(s.atTurnEnd)+len(s.toClose) > 0 || s.partitions.unsettled()
}

func (s *Shard) unsettled() bool {
	return s.pending() || len(s.toAnswer)+len(s.toAsk) > 0
}

func clearList(l []*Conn) []*Conn {
	clear(l)
	return l[:0]
}

// boot runs on the loop when the bell, the loop's first connection, opens. The
// bell then rings for the first time.
func (s *Shard) boot(gc gnet.Conn) error {
	s.loop = gc.EventLoop()
	poller, err := pollerOf(gc)
	if err == nil && s.cfg.noBell != nil {
		err = s.cfg.noBell(s.id)
	}
	if err == nil {
		err = s.bell.enrolled(poller.epfd, gc.Fd())
	}
	if err != nil {
		return err
	}
	s.epfd, s.dozer.poller, s.dozer.on = poller.epfd, poller, s.cfg.Doze && s.group.pauseErr == nil
	if s.group.pauseErr != nil {
		s.epfd = -1
	}
	if pins := s.group.pins; pins.lock {
		cpu := pins.cpus[s.id%len(pins.cpus)]
		restore, err := pinThread(cpu)
		if err != nil {
			s.log.Warn("shard is not pinned", "shard", s.id, "core", cpu, "error", err)
		} else {
			s.restore = restore
		}
	}
	s.bell.ring()
	return nil
}

// halt is the last thing that runs on the loop: connections are gone, logs are
// closed; it runs what was still posted and lets nothing in after that.
func (s *Shard) halt() {
	for d := range s.dials {
		d.settle(nil, ErrStopped)
	}
	s.mailbox.close()
	s.inbox.close()
	for i := 0; i < turnRounds && s.unsettled(); i++ {
		s.settle()
		s.output()
	}
	s.timers.stop()
	if s.restore != nil {
		s.restore()
	}
	s.publishStats()
	close(s.stopped)
}

// closeAll closes every connection with err (loop only).
func (s *Shard) closeAll(err error) {
	s.closing = true
	for _, c := range s.conns {
		c.Close(err)
	}
}
