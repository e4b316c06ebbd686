package api

import "time"

// LinkDefinition is what a person asked for.
type LinkDefinition struct {
	Name             string   `json:"name"`
	Bootstrap        []string `json:"bootstrap"`                    // HOST:PORT of source brokers
	Topics           []string `json:"topics"`                       // names, globs ("orders*") and prefixes ("prefix:orders")
	Exclude          []string `json:"exclude,omitempty"`            // wins over Topics
	Start            string   `json:"start,omitempty"`              // "earliest" (default), "latest" or an RFC 3339 time
	RPOTargetSeconds float64  `json:"rpo_target_seconds,omitempty"` // the option rpo_target as a number
	// Options tune the link: sizes and durations are texts with a unit, such as
	// "4MiB" and "500ms". A request holds those that are not left at their
	// default, an answer all of them.
	Options   map[string]string `json:"options,omitempty"`
	CreatedAt time.Time         `json:"created_at,omitzero"` // set by the daemon
}

// CreateLink is the request that creates a link.
type CreateLink struct {
	LinkDefinition
}

// LinkPlan is what creating a link does, or did.
type LinkPlan struct {
	Meta
	DryRun     bool            `json:"dry_run"` // true: nothing was created
	Link       LinkDefinition  `json:"link"`
	Source     Source          `json:"source"`
	Topics     []PlannedTopic  `json:"topics"`
	Partitions int             `json:"partitions"` // of all topics
	Excluded   []ExcludedTopic `json:"excluded"`
	Warnings   []string        `json:"warnings,omitempty"`
}

// PlannedTopic is one topic that matches.
type PlannedTopic struct {
	Topic      string `json:"topic"`
	TopicID    string `json:"topic_id,omitempty"`
	Partitions int    `json:"partitions"`
	Records    Offset `json:"records"` // between log start and end, as far as it is known
}
