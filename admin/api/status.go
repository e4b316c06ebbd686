package api

import "time"

// Status is the daemon and all links at a glance.
type Status struct {
	Meta
	Now        time.Time     `json:"now"`
	Healthy    bool          `json:"healthy"`
	Problems   []Reason      `json:"problems,omitempty"` // of the daemon itself: disks, shards
	Broker     BrokerInfo    `json:"broker"`
	Disk       Disk          `json:"disk"`
	Topics     int           `json:"topics"`
	Partitions int           `json:"partitions"`
	Links      []LinkSummary `json:"links"`
}

// Judge sets Healthy: no problem of the daemon's own and every link healthy.
func (s *Status) Judge() {
	s.Healthy = len(s.Problems) == 0
	for i := range s.Links {
		s.Healthy = s.Healthy && s.Links[i].Healthy()
	}
}

// BrokerInfo is what the daemon is and where it listens.
type BrokerInfo struct {
	Version      string    `json:"version"`
	Commit       string    `json:"commit,omitempty"`
	GoVersion    string    `json:"go_version"`
	PID          int       `json:"pid"`
	StartedAt    time.Time `json:"started_at"`
	ClusterID    string    `json:"cluster_id"`
	NodeID       int32     `json:"node_id"`
	Listen       string    `json:"listen"`
	Advertise    string    `json:"advertise"`
	Metrics      string    `json:"metrics,omitempty"`
	Admin        string    `json:"admin"`
	DataDir      string    `json:"data_dir"`
	Shards       int       `json:"shards"`
	Pinned       bool      `json:"pinned"`
	Engine       string    `json:"engine"`        // "io_uring" or "pwrite"
	EngineReason string    `json:"engine_reason"` // why
}

// Disk is the volume of the data directory.
type Disk struct {
	FreeBytes  int64 `json:"free_bytes"`
	TotalBytes int64 `json:"total_bytes"` // 0: not known
}

// Event is something that happened once.
type Event struct {
	Sequence  int64     `json:"sequence"` // grows by one, from 1 at start
	At        time.Time `json:"at"`
	Level     string    `json:"level"` // "info", "warn", "error"
	Type      string    `json:"type"`  // stable, e.g. "topic_faulted"
	Link      string    `json:"link,omitempty"`
	Topic     string    `json:"topic,omitempty"`
	Partition *int32    `json:"partition,omitempty"`
	Message   string    `json:"message"`
}

// EventList is the latest events, oldest first.
type EventList struct {
	Meta
	Events  []Event `json:"events"`
	Dropped int64   `json:"dropped"` // asked for, but no longer kept
}

// Config is the configuration in force. Secrets are replaced before they get
// here.
type Config struct {
	Meta
	Entries []ConfigEntry `json:"entries"`
}

// ConfigEntry is one setting.
type ConfigEntry struct {
	Key    string `json:"key"`
	Value  string `json:"value"`
	Origin string `json:"origin"` // "default", or what set it: the file and line, "env NAME", "flag --name"
}
