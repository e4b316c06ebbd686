package shard

import (
	"math/bits"
	"time"

	"umbra/ioring/buf"
)

// Stats are one shard's figures since it started. Loop only; observers take
// Shard.Snapshot.
type Stats struct {
	Turns        uint64
	BusyNanos    int64 // time spent in turns
	TurnMaxNanos int64 // longest turn
	// Durations of turns: bucket i counts those below 2^i microseconds that no lower
	// bucket does, the last one the rest. BusyNanos is their sum.
	//
	// A turn lasts from gnet's call for an event to the end of the rounds and writes that
	// follow it (endTurn). It is wall time: whatever blocks or is preempted in a posted function,
	// a timer or a completion is in it. The loop's sleep, gnet's or its own, is not, nor
	// what other goroutines run when the loop yields, nor gnet's read before the call.
	// Of events that came at once gnet makes a turn each before it looks for more, and
	// does not say so: a socket can wait for several turns, as a probe can (LagNanos).
	TurnBuckets [turnBuckets]uint64
	LagNanos    int64 // last probe: from the ring of the bell to its answer
	LagMaxNanos int64
	Messages    uint64 // taken from the mailbox

	BytesRead    uint64
	BytesWritten uint64
	Reads        uint64 // direct reads; gnet's own come on top, one per event
	Writes       uint64
	Pauses       uint64
	WriteWaits   uint64 // times a connection waited for its socket to become writable

	ConnsOpen     int
	ConnsAccepted uint64
	ConnsDialled  uint64
	ConnsClosed   uint64
	DialsFailed   uint64

	RefusedNotServing uint64 // accepted before Group.Serve
	RefusedTotal      uint64 // over Config.MaxConnections
	RefusedPerIP      uint64 // over Config.MaxConnectionsPerIP
	RefusedFiles      uint64 // the process is about to run out of file descriptors

	ClosedIdle       uint64
	ClosedStalled    uint64
	ClosedOverBounds uint64 // write queue, or paused without a kernel pause

	OffloadOutstanding int
	OffloadRefused     uint64
	DialsOutstanding   int
	DialsRefused       uint64
	Timers             int
	Partitions         int
	ReadingBytes       int64 // under way from the disk, for readers
	ReadsWaiting       int   // until less is under way
}

// turnBuckets reach from a microsecond to two minutes.
const turnBuckets = 28

// tookTurn counts a turn.
func (s *Stats) tookTurn(nanos int64) {
	s.Turns++
	s.BusyNanos += nanos
	s.TurnMaxNanos = max(s.TurnMaxNanos, nanos)
	s.TurnBuckets[min(bits.Len64(uint64(nanos/1000)), turnBuckets-1)]++
}

// Snapshot is what an observer sees of a shard at one moment.
type Snapshot struct {
	Stats                        // at most probeInterval old, older when Stalled says so
	Shard          int           //
	Engine         string        // storage engine in use
	Stalled        time.Duration // the loop has not answered for so long; 0 when it answers
	MailboxDepth   int
	MailboxCap     int
	MailboxRefused int64
	MailboxAtLimit time.Duration // time spent at the bound
	Arena          buf.Stats
}

// probeInterval is how often a loop is asked to answer; it measures lag and
// publishes Stats.
const probeInterval = time.Second

// Stats is the live figures (loop only).
func (s *Shard) Stats() *Stats { return &s.stats }

// Snapshot reads the shard's figures without asking its loop (any goroutine).
func (s *Shard) Snapshot() Snapshot {
	out := Snapshot{
		Shard:          s.id,
		Engine:         s.ring.Engine(),
		MailboxDepth:   s.mailbox.depth(),
		MailboxCap:     len(s.mailbox.cells),
		MailboxRefused: s.mailbox.refused.Load(),
		MailboxAtLimit: s.mailbox.atLimit(),
		Arena:          s.arena.Stats(),
	}
	if st := s.visible.Load(); st != nil {
		out.Stats = *st
	}
	if sent := s.probe.Load(); sent != 0 {
		out.Stalled = time.Duration(max(s.nanos()-sent, 0))
	}
	return out
}

// sendProbe asks the loop to answer (any goroutine). One probe at a time: an
// unanswered one keeps its time, so a hung loop's age grows.
func (s *Shard) sendProbe() {
	if s.probe.CompareAndSwap(0, max(s.nanos(), 1)) {
		s.bell.ring()
	}
}

func (s *Shard) answerProbe() {
	if s.probe.Load() == 0 {
		return
	}
	// A probe that was sent during this very turn measures the turn: that is
	// the lag a message would have had.
	lag := max(s.nanos()-s.probe.Swap(0), 0)
	s.stats.LagNanos = lag
	s.stats.LagMaxNanos = max(s.stats.LagMaxNanos, lag)
	s.publishStats()
}

func (s *Shard) publishStats() {
	st := s.stats
	st.ConnsOpen = len(s.conns)
	st.OffloadOutstanding = s.offloads.outstanding
	st.DialsOutstanding = len(s.dials)
	st.Timers = len(s.timers.heap)
	st.Partitions = s.partitions.count()
	st.ReadingBytes, st.ReadsWaiting = s.partitions.reads.Bytes(), s.partitions.reads.Waiting()
	s.visible.Store(&st)
}

// atLimit is the time the mailbox spent at its bound, a present stay included.
func (m *mailbox) atLimit() time.Duration {
	d := m.limitNanos.Load()
	if since := m.fullSince.Load(); since != 0 {
		d += max(time.Now().UnixNano()-since, 0)
	}
	return time.Duration(d)
}
