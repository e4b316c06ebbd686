package segment

import (
	"fmt"
	"time"

	"umbra/kafkaproto/batch"
)

// State is everything about a log that follows from its batches: leader
// epochs, producers, transactions. Local appends, mirrored batches and recovery
// all feed it through Apply, so it is equal wherever the batches are. Pure data:
// no I/O, no clock; one owner.
//
// It cannot be wound back. To truncate a log to an offset, Decode a snapshot
// taken at or below it (or Reset, and begin at the log start) and Apply the
// batches between.
type State struct {
	Epochs    EpochCache
	Producers Producers
	Txns      Txns

	next int64
}

// Next is the offset behind the last batch applied: where the state is valid.
func (s *State) Next() int64 { return s.next }

// Check says whether a batch of a local producer may be appended. It changes
// nothing. Refusals wrap ErrOutOfOrderSequence, ErrInvalidProducerEpoch or
// ErrInvalidTxnState; a repeated batch gives *DuplicateError.
func (s *State) Check(h *batch.Head) error {
	if err := s.Producers.Check(h); err != nil || h.ProducerID < 0 {
		return err
	}
	if !h.Attributes.IsTransactional() && s.Txns.IsOpen(h.ProducerID) {
		return fmt.Errorf("producer %d: %w", h.ProducerID, ErrInvalidTxnState)
	}
	return nil
}

// Apply takes over one batch that is in the log now. Batches come in the order
// of the log. v, borrowed, is read for control batches only and may be nil for
// others. Nothing is allocated unless a producer or an epoch is new.
func (s *State) Apply(h *batch.Head, v batch.View) {
	s.Epochs.Assign(h.LeaderEpoch, h.BaseOffset)
	s.next = h.LastOffset + 1
	switch {
	case h.ProducerID < 0:
	case h.Attributes.IsControl():
		s.applyMarker(h, v.Marker())
	default:
		s.Producers.Observe(h)
		if h.Attributes.IsTransactional() {
			s.Txns.Observe(h.ProducerID, h.ProducerEpoch, h.BaseOffset)
		}
	}
}

func (s *State) applyMarker(h *batch.Head, m batch.Marker) {
	if m.Type != batch.ControlAbort && m.Type != batch.ControlCommit {
		return
	}
	s.Producers.ObserveMarker(h, m.CoordinatorEpoch)
	s.Txns.Complete(h.ProducerID, h.BaseOffset, m.Type == batch.ControlCommit)
}

// TruncateFromStart makes the log begin at offset. Producers stay until they
// expire, so that their retries are still recognised.
func (s *State) TruncateFromStart(offset int64) {
	s.Epochs.TruncateFromStart(offset)
	s.Txns.TruncateFromStart(offset)
	s.next = max(s.next, offset)
}

// Expire forgets producers silent for expiry at now; those with an open
// transaction stay. It returns how many went.
func (s *State) Expire(now time.Time, expiry time.Duration) int {
	return s.Producers.Expire(now.UnixMilli(), expiry, s.Txns.IsOpen)
}

// Reset makes s the state of an empty log that begins at offset.
func (s *State) Reset(offset int64) {
	*s = State{next: offset}
	s.Txns.start = offset
}
