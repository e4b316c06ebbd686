package api

import "time"

// The states of a topic under a link; see the transition table in
// core/link/spec. A topic that no link owns has the state Local.
const (
	StateActive      = "ACTIVE"
	StatePaused      = "PAUSED"
	StateFaulted     = "FAULTED"
	StateFailingOver = "FAILING_OVER"
	StateFailedOver  = "FAILED_OVER"
	StateLocal       = "LOCAL"
)

// StateUnreachable is a state of links only: topics are ACTIVE, but the source
// does not answer.
const StateUnreachable = "UNREACHABLE"

// Reason is why something is not as it should be, and what to do about it.
type Reason struct {
	Code   string    `json:"code"`             // stable, e.g. "SOURCE_RECREATED"
	Title  string    `json:"title,omitempty"`  // what the code means
	Detail string    `json:"detail,omitempty"` // one sentence with the values
	Next   string    `json:"next,omitempty"`   // the next step for a person
	Since  time.Time `json:"since,omitzero"`
}

// Source is what the daemon knows of a link's source cluster.
type Source struct {
	Bootstrap []string  `json:"bootstrap"`
	ClusterID string    `json:"cluster_id,omitempty"`
	Software  string    `json:"software,omitempty"` // as far as it can be told, e.g. "Kafka 4.0 or newer"
	Brokers   int       `json:"brokers,omitempty"`
	Reachable bool      `json:"reachable"`
	LastSeen  time.Time `json:"last_seen,omitzero"` // the last answer of any broker; left out: never
	Error     string    `json:"error,omitempty"`    // why it is not reachable
}

// LinkSummary is one row of a list of links.
type LinkSummary struct {
	Name           string         `json:"name"`
	State          string         `json:"state"`
	Reason         *Reason        `json:"reason,omitempty"`
	Source         Source         `json:"source"`
	RPO            RPO            `json:"rpo"`
	Lag            Lag            `json:"lag"`
	Topics         int            `json:"topics"`
	Partitions     int            `json:"partitions"`
	Faulted        int            `json:"partitions_faulted"` // of Partitions: stopped by a fault, alone or with their topic
	TopicsByState  map[string]int `json:"topics_by_state"`
	RecordsPerSec  float64        `json:"records_per_second"`
	BytesPerSecond float64        `json:"bytes_per_second"`
}

// Healthy is true while the link protects what it should: its source answers,
// no topic is faulted or paused and the RPO target is met. A link that was
// failed over has done its work and is healthy.
func (l *LinkSummary) Healthy() bool {
	switch l.State {
	case StateFailedOver:
		return true
	case StateActive:
		return l.Source.Reachable && l.TopicsByState[StateFaulted] == 0 && l.TopicsByState[StatePaused] == 0 && !l.RPO.Breached()
	}
	return false
}

// LinkList is all links.
type LinkList struct {
	Meta
	Now   time.Time     `json:"now"` // the daemon's clock, for ages
	Links []LinkSummary `json:"links"`
}

// LinkStatus is everything about one link.
type LinkStatus struct {
	Meta
	Now time.Time `json:"now"`
	LinkSummary
	Definition     LinkDefinition  `json:"definition"`
	TopicRows      []TopicRow      `json:"topic_rows"`
	Excluded       []ExcludedTopic `json:"excluded"` // the first ones
	ExcludedTotal  int             `json:"excluded_total"`
	RefusedAnswers int64           `json:"refused_answers"` // of the source, dropped because their bytes were wrong
	Gaps           []Gap           `json:"gaps"`
	Cuts           []Cut           `json:"cuts"`
	Events         []Event         `json:"events,omitempty"` // the link's latest
}

// TopicRow is one topic of a link.
type TopicRow struct {
	Topic      string  `json:"topic"`
	TopicID    string  `json:"topic_id,omitempty"`
	State      string  `json:"state"`
	Reason     *Reason `json:"reason,omitempty"`
	Partitions int     `json:"partitions"`
	Lag        Lag     `json:"lag"`
	Partial
}

// Partial is about a topic that is FAULTED in part: it says which partitions
// are stopped, and how far behind the others are, which go on. It is left out
// of a topic that goes on, or is stopped, as a whole.
type Partial struct {
	Stopped   []StoppedPartition `json:"stopped,omitempty"`
	OthersLag *Lag               `json:"others_lag,omitempty"` // left out where no other partition is
}

// StoppedPartition is one partition that is stopped, and why.
type StoppedPartition struct {
	Partition int32 `json:"partition"`
	Reason
}

// PartitionRow is one partition of a link.
type PartitionRow struct {
	Topic             string  `json:"topic"`
	Partition         int32   `json:"partition"`
	Shard             int     `json:"shard"`
	State             string  `json:"state"`
	Reason            *Reason `json:"reason,omitempty"`
	Lag               Lag     `json:"lag"`
	StartOffset       int64   `json:"start_offset"`
	EndOffset         int64   `json:"end_offset"`
	SourceStartOffset Offset  `json:"source_start_offset"`
	SourceEndOffset   Offset  `json:"source_end_offset"` // the source's high watermark
	LeaderEpoch       int32   `json:"leader_epoch"`
	SourceLeaderID    int32   `json:"source_leader_id"`    // -1: not known
	SourceLeaderEpoch int32   `json:"source_leader_epoch"` // -1: not known
	Error             string  `json:"error,omitempty"`     // the last error of its fetcher
}

// PartitionList is a part of a link's partitions.
type PartitionList struct {
	Meta
	Now        time.Time      `json:"now"`
	Link       string         `json:"link"`
	Total      int            `json:"total"` // before the limit
	Partitions []PartitionRow `json:"partitions"`
}

// Gap is a range of source offsets that were gone before they could be copied.
type Gap struct {
	Topic     string    `json:"topic"`
	Partition int32     `json:"partition"`
	From      int64     `json:"from"` // first offset missing
	To        int64     `json:"to"`   // first offset present again
	Cause     string    `json:"cause"`
	At        time.Time `json:"at"`
}

// Cut is a tail that was taken off the copy because the source had changed it.
// The batches were kept in File.
type Cut struct {
	Topic     string    `json:"topic"`
	Partition int32     `json:"partition"`
	From      int64     `json:"from"`
	To        int64     `json:"to"`
	Bytes     int64     `json:"bytes"`
	SHA256    string    `json:"sha256"`
	File      string    `json:"file"`
	At        time.Time `json:"at"`
}

// ExcludedTopic is a topic of the source that the link does not copy.
type ExcludedTopic struct {
	Topic  string `json:"topic"`
	Reason string `json:"reason"`           // stable: "excluded", "internal" or "not_matched"
	Detail string `json:"detail,omitempty"` // e.g. the pattern
}
