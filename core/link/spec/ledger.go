package spec

import (
	"time"

	"umbra/kafkaproto"
)

// GapRecord says that offsets [From, To) of a shadow partition were never
// copied and why. Every hole that the source's own log does not have is
// recorded so (S2).
type GapRecord struct {
	Topic     string             `json:"topic"`
	TopicID   kafkaproto.TopicID `json:"topic_id"`
	Partition int32              `json:"partition"`
	From      int64              `json:"from"`
	To        int64              `json:"to"`
	Why       Code               `json:"why"`
	Detail    string             `json:"detail,omitempty"`
	At        time.Time          `json:"at"`
}

// Offsets is the number of offsets in the gap; at most so many records are
// missing.
func (g GapRecord) Offsets() int64 { return g.To - g.From }

// CutRecord says that offsets [From, To) of a shadow partition were cut
// because the source replaced them (unclean election), and where the cut
// batches are kept (S3).
type CutRecord struct {
	Topic     string             `json:"topic"`
	TopicID   kafkaproto.TopicID `json:"topic_id"`
	Partition int32              `json:"partition"`
	From      int64              `json:"from"`
	To        int64              `json:"to"`
	Bytes     int64              `json:"bytes"`
	Epochs    CutEpochs          `json:"epochs"`
	SHA256    string             `json:"sha256"` // of File's contents, lower-case hex
	File      string             `json:"file"`   // relative to the data directory
	At        time.Time          `json:"at"`
}

// Offsets is the number of offsets cut.
func (c CutRecord) Offsets() int64 { return c.To - c.From }

// CutEpochs are the leader epochs that disagreed.
type CutEpochs struct {
	Local  int32 `json:"local"`  // of the last batch that was cut
	Source int32 `json:"source"` // that the source has in its place
}
