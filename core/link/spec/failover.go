package spec

import (
	"fmt"
	"slices"
	"time"
)

// FailoverStep is the last step of a topic's failover that is complete and
// persisted. Steps are done strictly in this order; after a crash the failover
// goes on with the step after the persisted one, so each step must be safe to
// repeat.
type FailoverStep uint8

const (
	// FailoverDecided: FAILING_OVER and a higher term are persisted.
	FailoverDecided FailoverStep = iota + 1
	// FailoverFenced: fetching has stopped, unverified bytes are dropped,
	// submitted writes are finished.
	FailoverFenced
	// FailoverFlushed: everything appended is on stable storage.
	FailoverFlushed
	// FailoverRecorded: the final offsets are in FailoverProgress.Partitions.
	FailoverRecorded
	// FailoverProducerIDs: the producer-id allocator is durably above every
	// mirrored id (F4).
	FailoverProducerIDs
	// FailoverEpochs: the local leader epochs are above every mirrored one (S7).
	FailoverEpochs
	// FailoverAborted: open transactions are ended by abort markers (F7).
	FailoverAborted
	// FailoverGroups: committed group offsets are clamped to the log (F6).
	FailoverGroups
	// FailoverWritable: FAILED_OVER is persisted; clients may write.
	FailoverWritable
	// FailoverReceipted: the receipt is written; nothing is left to do.
	FailoverReceipted
)

var stepNames = [...]string{"", "decided", "fenced", "flushed", "recorded", "producer-ids", "epochs", "aborted", "groups", "writable", "receipted"}

func (s FailoverStep) String() string {
	if int(s) < len(stepNames) && s != 0 {
		return stepNames[s]
	}
	return fmt.Sprintf("FailoverStep(%d)", uint8(s))
}

// MarshalText and UnmarshalText use the form of String.
func (s FailoverStep) MarshalText() ([]byte, error) {
	if s == 0 || int(s) >= len(stepNames) {
		return nil, fmt.Errorf("failover step %d is unknown", uint8(s))
	}
	return []byte(s.String()), nil
}

func (s *FailoverStep) UnmarshalText(b []byte) error {
	i := slices.Index(stepNames[1:], string(b))
	if i < 0 {
		return fmt.Errorf("failover step %q is unknown", b)
	}
	*s = FailoverStep(i + 1)
	return nil
}

// Next returns the step to do after s; ok is false when s is the last.
func (s FailoverStep) Next() (next FailoverStep, ok bool) {
	return s + 1, s < FailoverReceipted
}

// FailoverSteps lists the steps in order.
func FailoverSteps() []FailoverStep {
	out := make([]FailoverStep, 0, FailoverReceipted)
	for s := FailoverDecided; s <= FailoverReceipted; s++ {
		out = append(out, s)
	}
	return out
}

// FailoverProgress is the persisted part of one topic's failover.
type FailoverProgress struct {
	Step FailoverStep `json:"step"`
	// Operation is the id of the admin operation that decided it.
	Operation string    `json:"operation,omitempty"`
	By        Caller    `json:"by,omitzero"` // who asked for it
	Started   time.Time `json:"started"`
	// Before and Reason are what the topic was when it was decided.
	Before   TopicState `json:"before,omitzero"`
	Reason   Reason     `json:"reason,omitzero"`
	Writable time.Time  `json:"writable,omitzero"` // when it became FAILED_OVER
	// Partitions is filled by FailoverRecorded, ordered by partition.
	Partitions []FinalPartition `json:"partitions,omitempty"`
	// ProducerIDMax is the highest mirrored producer id, -1 if there was none;
	// filled by FailoverRecorded.
	ProducerIDMax int64 `json:"producer_id_max"`
}

// Caller is who asked for an operation, by the credentials of the socket.
type Caller struct {
	UID int `json:"uid"`
	GID int `json:"gid"`
	PID int `json:"pid"`
}

// FinalPartition is what a partition held when its failover fenced it.
type FinalPartition struct {
	Partition int32 `json:"partition"`
	LogStart  int64 `json:"log_start"`
	LogEnd    int64 `json:"log_end"` // next offset; F5: later acks are at or above it
	// SourceEnd is the last source high watermark seen, -1 if none was.
	SourceEnd int64 `json:"source_end"`
	// SourceSeen is when SourceEnd was learnt.
	SourceSeen time.Time `json:"source_seen,omitzero"`
	// LeaderEpoch is the highest mirrored leader epoch, -1 if there was none.
	LeaderEpoch int32 `json:"leader_epoch"`
	// OpenTransactions were aborted by markers.
	OpenTransactions int `json:"open_transactions,omitempty"`
	// Stopped is why this partition alone had stopped before; zero: it had not.
	Stopped Reason `json:"stopped,omitzero"`
}

// Advance returns p at step to. Only the step right after the persisted one is
// accepted, or the same one again (a repeat after a crash).
func (p FailoverProgress) Advance(to FailoverStep) (FailoverProgress, error) {
	if to != p.Step && to != p.Step+1 || to == 0 || to > FailoverReceipted {
		return p, fmt.Errorf("advance failover from step %s to %s: steps go one by one: %w", p.Step, to, ErrTransition)
	}
	p.Step = to
	return p, nil
}
