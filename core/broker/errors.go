package broker

import (
	"context"
	"errors"
	"fmt"

	"umbra/core/link/spec"
	"umbra/core/metadata"
	"umbra/ioring/buf"
	"umbra/kafkaproto"
	"umbra/shard"
	"umbra/shard/segment"
)

// refusal is an error whose Kafka code its maker chose: a rule of the protocol,
// not a failure of something below.
type refusal struct {
	code kafkaproto.ErrorCode
	text string
}

func (r *refusal) Error() string { return r.text }

// refuse makes an error with a code and a text for the client.
func refuse(c kafkaproto.ErrorCode, format string, args ...any) error {
	return &refusal{c, fmt.Sprintf(format, args...)}
}

// code gives the Kafka code of any error of the packages below, None for nil.
func code(err error) kafkaproto.ErrorCode {
	var r *refusal
	switch {
	case err == nil:
		return kafkaproto.None
	case errors.As(err, &r):
		return r.code
	}
	for _, row := range codes() {
		if errors.Is(err, row.err) {
			return row.code
		}
	}
	var k kafkaproto.ErrorCode
	if errors.As(err, &k) {
		return k
	}
	return kafkaproto.UnknownServerError
}

type codeRow struct {
	err  error
	code kafkaproto.ErrorCode
}

// codes is the one place where Go errors become Kafka's. The first row that
// fits counts.
func codes() []codeRow {
	return []codeRow{
		// Topics and configs.
		{metadata.ErrNotFound, kafkaproto.UnknownTopicOrPartition},
		{metadata.ErrExists, kafkaproto.TopicAlreadyExists},
		{metadata.ErrInvalidName, kafkaproto.InvalidTopicException},
		{metadata.ErrCollision, kafkaproto.InvalidTopicException},
		{metadata.ErrInvalidPartitions, kafkaproto.InvalidPartitions},
		{metadata.ErrInvalidConfig, kafkaproto.InvalidConfig},
		{metadata.ErrLinkOwned, kafkaproto.PolicyViolation},
		{metadata.ErrReadOnly, kafkaproto.PolicyViolation},
		{metadata.ErrNoSpace, kafkaproto.PolicyViolation},
		// The store did not answer: the same request may succeed later.
		{metadata.ErrUnavailable, kafkaproto.RequestTimedOut},
		{metadata.ErrStale, kafkaproto.NotLeaderOrFollower},
		{metadata.ErrClosed, kafkaproto.NotController},
		{errStopping, kafkaproto.NotController},
		{context.DeadlineExceeded, kafkaproto.RequestTimedOut},
		{context.Canceled, kafkaproto.NotController},

		// Producers. They come before the log's failures, which they never wrap.
		{segment.ErrOutOfOrderSequence, kafkaproto.OutOfOrderSequenceNumber},
		{segment.ErrInvalidProducerEpoch, kafkaproto.InvalidProducerEpoch},
		{segment.ErrInvalidTxnState, kafkaproto.InvalidTxnState},

		// Logs. A fenced, closed or busy log is another leader's, or will be
		// right in a moment: the client asks for metadata and comes back.
		{segment.ErrFailed, kafkaproto.KafkaStorageError},
		{segment.ErrNoSpace, kafkaproto.KafkaStorageError},
		{segment.ErrCorrupt, kafkaproto.KafkaStorageError},
		{segment.ErrIdentity, kafkaproto.KafkaStorageError},
		{segment.ErrOutOfRange, kafkaproto.OffsetOutOfRange},
		{segment.ErrStaleTerm, kafkaproto.NotLeaderOrFollower},
		{segment.ErrBusy, kafkaproto.NotLeaderOrFollower},
		{segment.ErrClosed, kafkaproto.NotLeaderOrFollower},
		{segment.ErrReset, kafkaproto.NotLeaderOrFollower},

		// Bounds: nothing was done, try again.
		{buf.ErrBudget, kafkaproto.RequestTimedOut},
		{shard.ErrMailboxFull, kafkaproto.NotLeaderOrFollower},
		{shard.ErrOffloadFull, kafkaproto.RequestTimedOut},
		{shard.ErrStopped, kafkaproto.NotLeaderOrFollower},
		{shard.ErrPartitionUnknown, kafkaproto.NotLeaderOrFollower},
	}
}

// message is what a client reads about err in a nullable string field, nil for
// no error. Errors nobody chose a code for keep their inside to themselves; the
// caller logs them.
func message(err error) *string {
	if err == nil {
		return nil
	}
	text := err.Error()
	if code(err) == kafkaproto.UnknownServerError {
		text = "the broker failed to answer; its log says why"
	}
	return &text
}

// readOnly says that a shadow topic refuses a change, and what to do about it;
// nil when t is writable.
func readOnly(t *metadata.Topic) error {
	if t.Writable() {
		return nil
	}
	s := t.Shadow
	state, next := s.State.String(), fmt.Sprintf("umbra failover %s --topic %s", s.Link, t.Name)
	if !s.Reason.IsZero() {
		state += ", " + string(s.Reason.Code)
	}
	if s.State == spec.FailingOver {
		next = fmt.Sprintf("its failover is under way; umbra link status %s", s.Link)
	}
	return refuse(kafkaproto.PolicyViolation, "topic %q is a shadow of link %q (%s) and is read-only; to make it writable: %s", t.Name, s.Link, state, next)
}
