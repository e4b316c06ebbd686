package batch

import (
	"errors"
	"fmt"
)

// ErrCutShort: the bytes end inside a batch. It is how a fetch response
// normally ends; the rest comes with the next one.
var ErrCutShort = errors.New("record batch is cut short")

// ErrOldMagic: records in message format 0 or 1, which brokers wrote before
// Kafka 0.11 and keep while a topic's message.format.version says so.
var ErrOldMagic = errors.New("records are in message format 0 or 1; only format 2 is supported (raise the topic's message.format.version and let the old segments expire)")

// Reason says which rule a corrupt batch breaks.
type Reason string

const (
	ReasonLength      Reason = "impossible length"
	ReasonMagic       Reason = "unknown message format"
	ReasonCRC         Reason = "CRC-32C does not match"
	ReasonOffset      Reason = "offsets outside 0..2^63-2"
	ReasonOrder       Reason = "begins below the end of the batch before it"
	ReasonStale       Reason = "ends below the offset asked for"
	ReasonDelta       Reason = "negative last offset delta"
	ReasonCount       Reason = "record count does not fit"
	ReasonLeaderEpoch Reason = "leader epoch below -1"
	ReasonRecord      Reason = "malformed record"
	ReasonCodec       Reason = "unknown compression codec"
	ReasonUnpack      Reason = "records do not decompress"
)

// ErrCorrupt is a batch that breaks a rule: never to be appended, served or
// skipped silently. Got and Want are the values of that rule, equal where it
// has none.
type ErrCorrupt struct {
	Offset    int64 // base offset as the batch has it, whatever that is worth
	Pos       int   // where the batch begins, in bytes from the start of the records given
	Reason    Reason
	Got, Want int64
}

func (e ErrCorrupt) Error() string {
	what := fmt.Sprintf("record batch at offset %d (byte %d): %s", e.Offset, e.Pos, e.Reason)
	if e.Got == e.Want {
		return what
	}
	return fmt.Sprintf("%s: is %d, want %d", what, e.Got, e.Want)
}
