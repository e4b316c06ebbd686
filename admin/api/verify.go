package api

import "time"

// Verify is the request that compares a link's topics with the source; no
// topics means all.
type Verify struct {
	Topics []string `json:"topics,omitempty"`
}

// VerifyResult is the outcome of a comparison.
type VerifyResult string

const (
	// Identical: every batch that both sides hold was compared and is equal.
	Identical VerifyResult = "identical"
	// Different: at least one batch differs.
	Different VerifyResult = "different"
	// Nothing: not one batch could be compared.
	Nothing VerifyResult = "not_compared"
)

// VerifyReport says what was compared with the source, what was not, and what
// differs.
type VerifyReport struct {
	Meta
	Link             string        `json:"link"`
	Result           VerifyResult  `json:"result"`
	StartedAt        time.Time     `json:"started_at"`
	FinishedAt       time.Time     `json:"finished_at"`
	Seconds          float64       `json:"seconds"`
	Partitions       int           `json:"partitions"` // compared
	Batches          int64         `json:"batches"`
	Bytes            int64         `json:"bytes"`
	Topics           []VerifyTopic `json:"topics"`
	Differences      []Difference  `json:"differences"` // the first ones; DifferencesTotal counts all
	DifferencesTotal int64         `json:"differences_total"`
	NotCompared      []Uncompared  `json:"not_compared"`
}

// VerifyTopic is one topic of a report.
type VerifyTopic struct {
	Topic      string       `json:"topic"`
	Partitions int          `json:"partitions"`
	From       int64        `json:"from"` // lowest offset compared in any partition
	To         int64        `json:"to"`   // one above the highest
	Batches    int64        `json:"batches"`
	Bytes      int64        `json:"bytes"`
	Result     VerifyResult `json:"result"`
}

// Difference is one batch, or fact, in which the two sides differ.
type Difference struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset"`
	What      string `json:"what"` // e.g. "bytes", "missing here", "missing at the source", "leader epoch"
	Source    string `json:"source,omitempty"`
	Shadow    string `json:"shadow,omitempty"`
}

// Uncompared is a range that was left out, and why.
type Uncompared struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"` // -1: the whole topic
	From      int64  `json:"from"`
	To        int64  `json:"to"`
	Why       string `json:"why"`
}
