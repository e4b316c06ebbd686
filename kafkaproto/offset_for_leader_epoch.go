package kafkaproto

// OffsetForLeaderEpochRequest (key 23, versions 2-4) asks where leader epochs
// end, which is how a reader finds the point where two logs part.
//
//	v3: replica id
//	v4: flexible
type OffsetForLeaderEpochRequest struct {
	ReplicaID int32 // v3+, default -2; -1: a client
	Topics    []OffsetForLeaderEpochRequestTopic
}

// OffsetForLeaderEpochRequestTopic is one topic to ask about.
type OffsetForLeaderEpochRequestTopic struct {
	Topic      string
	Partitions []OffsetForLeaderEpochRequestTopicPartition
}

// OffsetForLeaderEpochRequestTopicPartition is one partition to ask about.
type OffsetForLeaderEpochRequestTopicPartition struct {
	Partition          int32
	CurrentLeaderEpoch int32 // -1: do not check
	LeaderEpoch        int32 // the epoch whose end is wanted
}

// Encode writes the body.
func (m *OffsetForLeaderEpochRequest) Encode(w *Writer, version int16) {
	if version >= 3 {
		w.Int32(m.ReplicaID)
	}
	encodeArray(w, m.Topics, func(t *OffsetForLeaderEpochRequestTopic) {
		w.String(t.Topic)
		encodeArray(w, t.Partitions, func(p *OffsetForLeaderEpochRequestTopicPartition) {
			w.Int32(p.Partition)
			w.Int32(p.CurrentLeaderEpoch)
			w.Int32(p.LeaderEpoch)
			w.Tags()
		})
		w.Tags()
	})
	w.Tags()
}

// Decode reads the body; r.Err tells whether it was whole.
func (m *OffsetForLeaderEpochRequest) Decode(r *Reader, version int16) {
	*m = OffsetForLeaderEpochRequest{ReplicaID: -2}
	if version >= 3 {
		m.ReplicaID = r.Int32()
	}
	m.Topics = decodeArray(r, r.sizeMin(6, 3), func(t *OffsetForLeaderEpochRequestTopic) {
		t.Topic = r.String()
		t.Partitions = decodeArray(r, r.sizeMin(12, 13), func(p *OffsetForLeaderEpochRequestTopicPartition) {
			p.Partition = r.Int32()
			p.CurrentLeaderEpoch = r.Int32()
			p.LeaderEpoch = r.Int32()
			r.Tags()
		})
		r.Tags()
	})
	r.Tags()
}

// OffsetForLeaderEpochResponse answers per partition.
type OffsetForLeaderEpochResponse struct {
	ThrottleMillis int32
	Topics         []OffsetForLeaderEpochResponseTopic
}

// OffsetForLeaderEpochResponseTopic is the answer for one topic.
type OffsetForLeaderEpochResponseTopic struct {
	Topic      string
	Partitions []OffsetForLeaderEpochResponseTopicPartition
}

// OffsetForLeaderEpochResponseTopicPartition has the largest epoch that is not
// above the one asked for, and where it ends; -1, -1 when unknown.
type OffsetForLeaderEpochResponseTopicPartition struct {
	ErrorCode   int16
	Partition   int32
	LeaderEpoch int32
	EndOffset   int64
}

// Encode writes the body.
func (m *OffsetForLeaderEpochResponse) Encode(w *Writer, version int16) {
	w.Int32(m.ThrottleMillis)
	encodeArray(w, m.Topics, func(t *OffsetForLeaderEpochResponseTopic) {
		w.String(t.Topic)
		encodeArray(w, t.Partitions, func(p *OffsetForLeaderEpochResponseTopicPartition) {
			w.Int16(p.ErrorCode)
			w.Int32(p.Partition)
			w.Int32(p.LeaderEpoch)
			w.Int64(p.EndOffset)
			w.Tags()
		})
		w.Tags()
	})
	w.Tags()
}

// Decode reads the body; r.Err tells whether it was whole.
func (m *OffsetForLeaderEpochResponse) Decode(r *Reader, version int16) {
	*m = OffsetForLeaderEpochResponse{}
	m.ThrottleMillis = r.Int32()
	m.Topics = decodeArray(r, r.sizeMin(6, 3), func(t *OffsetForLeaderEpochResponseTopic) {
		t.Topic = r.String()
		t.Partitions = decodeArray(r, r.sizeMin(18, 19), func(p *OffsetForLeaderEpochResponseTopicPartition) {
			p.ErrorCode = r.Int16()
			p.Partition = r.Int32()
			p.LeaderEpoch = r.Int32()
			p.EndOffset = r.Int64()
			r.Tags()
		})
		r.Tags()
	})
	r.Tags()
}
