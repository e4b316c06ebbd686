package api

import "time"

// Failover is the request that fails a link over; no topics means all.
type Failover struct {
	Topics []string `json:"topics,omitempty"`
}

// FailoverPlan is what a failover now would do.
type FailoverPlan struct {
	Meta
	Now           time.Time       `json:"now"`
	Link          string          `json:"link"`
	Source        Source          `json:"source"`
	Topics        []FailoverTopic `json:"topics"`     // what becomes writable
	Partitions    int             `json:"partitions"` // of Topics
	Skipped       []SkippedTopic  `json:"skipped,omitempty"`
	EstimatedLoss Lag             `json:"estimated_loss"`
	Checks        []Check         `json:"checks"`
	Bootstrap     []string        `json:"bootstrap,omitempty"` // where clients go afterwards
}

// FailoverTopic is one topic of the plan.
type FailoverTopic struct {
	Topic      string  `json:"topic"`
	State      string  `json:"state"`
	Reason     *Reason `json:"reason,omitempty"`
	Partitions int     `json:"partitions"`
	Loss       Lag     `json:"loss"`
	Partial
}

// SkippedTopic is a topic of the link that the failover leaves alone.
type SkippedTopic struct {
	Topic string `json:"topic"`
	Why   string `json:"why"`
}

// CheckLevel is how a check came out.
type CheckLevel string

const (
	CheckOK   CheckLevel = "ok"
	CheckWarn CheckLevel = "warn" // a person should know it; it does not stop anything
	CheckFail CheckLevel = "fail" // the daemon will refuse
)

// Check is one thing looked at before a failover.
type Check struct {
	Name   string     `json:"name"`
	Level  CheckLevel `json:"level"`
	Detail string     `json:"detail"`
}

// The outcomes of a failover.
const (
	OutcomeFailedOver = "FAILED_OVER"
	OutcomePartial    = "PARTIAL" // at least one topic is not writable
)

// ReceiptVersion is the version of the receipt's shape.
const ReceiptVersion = 1

// Receipt is the evidence of one failover: what is here, what is known to be
// missing, and what was done. Seal makes it tamper-evident.
type Receipt struct {
	Meta
	Version       int       `json:"version"` // ReceiptVersion
	Umbra         string    `json:"umbra"`   // version of the daemon
	Operation     string    `json:"operation"`
	Link          string    `json:"link"`
	ClusterID     string    `json:"cluster_id"` // of the shadow
	Outcome       string    `json:"outcome"`
	RequestedBy   Caller    `json:"requested_by"`
	StartedAt     time.Time `json:"started_at"`
	FinishedAt    time.Time `json:"finished_at"`
	Seconds       float64   `json:"seconds"`
	Phases        []Phase   `json:"phases"`
	Source        Source    `json:"source"`
	EstimatedLoss Lag       `json:"estimated_loss"`
	// PartitionsLeftOut says of a stored receipt that it had too many partitions
	// for what was found of each to be kept.
	PartitionsLeftOut bool           `json:"partitions_left_out,omitempty"`
	ProducerIDFloor   int64          `json:"producer_id_floor"` // every id given out from now on is at or above it
	Topics            []ReceiptTopic `json:"topics"`
	Bootstrap         []string       `json:"bootstrap,omitempty"` // where clients go
	SHA256            string         `json:"receipt_sha256"`      // see Seal
}

// Caller is who asked, by the credentials of the socket.
type Caller struct {
	UID int `json:"uid"`
	GID int `json:"gid"`
	PID int `json:"pid"`
}

// Phase is one step of the failover and how long it took.
type Phase struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"`
}

// ReceiptTopic is one topic of a receipt.
type ReceiptTopic struct {
	Topic       string  `json:"topic"`
	TopicID     string  `json:"topic_id,omitempty"`
	StateBefore string  `json:"state_before"`
	State       string  `json:"state"`
	Reason      *Reason `json:"reason,omitempty"` // why it is not FAILED_OVER
	// ReasonBefore is what was the matter with it before: a fault, or what was
	// to be known of its source.
	ReasonBefore *Reason            `json:"reason_before,omitempty"`
	Loss         Lag                `json:"loss"`
	Partitions   []ReceiptPartition `json:"partitions"`
}

// ReceiptPartition is one partition of a receipt.
type ReceiptPartition struct {
	Partition         int32                `json:"partition"`
	Stopped           *Reason              `json:"stopped,omitempty"` // why this partition alone was not copied any more before
	StartOffset       int64                `json:"start_offset"`
	FinalOffset       int64                `json:"final_offset"` // end of what was copied: the cut
	EndOffset         int64                `json:"end_offset"`   // after abort markers: where the first local record goes
	SourceEndOffset   Offset               `json:"source_end_offset"`
	Loss              Lag                  `json:"loss"`
	LeaderEpochBefore int32                `json:"leader_epoch_before"` // the highest one mirrored
	LeaderEpochAfter  int32                `json:"leader_epoch_after"`
	Aborted           []AbortedTransaction `json:"aborted_transactions,omitempty"`
	Gaps              []Gap                `json:"gaps,omitempty"`
	Cuts              []Cut                `json:"cuts,omitempty"`
}

// AbortedTransaction was open at the cut and got an abort marker.
type AbortedTransaction struct {
	ProducerID    int64 `json:"producer_id"`
	ProducerEpoch int16 `json:"producer_epoch"`
	FirstOffset   int64 `json:"first_offset"`
	MarkerOffset  int64 `json:"marker_offset"`
}
