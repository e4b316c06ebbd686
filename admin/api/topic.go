package api

// TopicSummary is one row of a list of topics.
type TopicSummary struct {
	Topic      string  `json:"topic"`
	TopicID    string  `json:"topic_id"`
	State      string  `json:"state"` // StateLocal, or the state under Link
	Link       string  `json:"link,omitempty"`
	Reason     *Reason `json:"reason,omitempty"`
	Writable   bool    `json:"writable"`
	Internal   bool    `json:"internal,omitempty"`
	Partitions int     `json:"partitions"`
	Faulted    int     `json:"partitions_faulted,omitempty"` // of Partitions: stopped by a fault
	SizeBytes  int64   `json:"size_bytes"`
}

// TopicList is all topics.
type TopicList struct {
	Meta
	Topics []TopicSummary `json:"topics"`
}

// TopicDescription is everything about one topic.
type TopicDescription struct {
	Meta
	TopicSummary
	SourceTopicID   string            `json:"source_topic_id,omitempty"`
	SourceClusterID string            `json:"source_cluster_id,omitempty"`
	Configs         map[string]string `json:"configs"`       // what differs from the defaults
	Lag             *Lag              `json:"lag,omitempty"` // of a shadow topic, until it is failed over
	Partial
	PartitionRows []TopicPartition `json:"partition_rows"`
}

// TopicPartition is one partition as it lies here.
type TopicPartition struct {
	Partition        int32 `json:"partition"`
	Shard            int   `json:"shard"`
	LeaderEpoch      int32 `json:"leader_epoch"`
	StartOffset      int64 `json:"start_offset"`
	HighWatermark    int64 `json:"high_watermark"`
	LastStableOffset int64 `json:"last_stable_offset"`
	EndOffset        int64 `json:"end_offset"`
	SizeBytes        int64 `json:"size_bytes"`
	// State is the partition's own: of a topic that is FAULTED in part some
	// partitions are ACTIVE.
	State  string  `json:"state"`
	Reason *Reason `json:"reason,omitempty"`
	Lag    *Lag    `json:"lag,omitempty"` // of a shadow topic, until it is failed over
}
