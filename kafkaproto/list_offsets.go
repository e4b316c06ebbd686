package kafkaproto

// ListOffsetsRequest (key 2, versions 1-8) looks offsets up by time.
//
//	v2: isolation level
//	v4: current leader epoch; the answer has the epoch of the offset
//	v6: flexible
//	v7: timestamp -3, the record with the largest timestamp
//	v8: timestamp -4, the first offset on local disk
type ListOffsetsRequest struct {
	ReplicaID      int32 // -1: a client
	IsolationLevel int8  // v2+
	Topics         []ListOffsetsRequestTopic
}

// ListOffsetsRequestTopic is one topic to look up.
type ListOffsetsRequestTopic struct {
	Topic      string
	Partitions []ListOffsetsRequestTopicPartition
}

// The timestamps with a meaning of their own.
const (
	TimestampLatest        int64 = -1 // the high watermark, or the last stable offset
	TimestampEarliest      int64 = -2 // the log start
	TimestampMax           int64 = -3 // v7+: the record with the largest timestamp
	TimestampEarliestLocal int64 = -4 // v8+: the first offset that is not in tiered storage
)

// ListOffsetsRequestTopicPartition is one partition to look up.
type ListOffsetsRequestTopicPartition struct {
	Partition          int32
	CurrentLeaderEpoch int32 // v4+, default -1: do not check
	Timestamp          int64 // ms, or one of the above
}

// Encode writes the body.
func (m *ListOffsetsRequest) Encode(w *Writer, version int16) {
	w.Int32(m.ReplicaID)
	if version >= 2 {
		w.Int8(m.IsolationLevel)
	}
	encodeArray(w, m.Topics, func(t *ListOffsetsRequestTopic) {
		w.String(t.Topic)
		encodeArray(w, t.Partitions, func(p *ListOffsetsRequestTopicPartition) {
			w.Int32(p.Partition)
			if version >= 4 {
				w.Int32(p.CurrentLeaderEpoch)
			}
			w.Int64(p.Timestamp)
			w.Tags()
		})
		w.Tags()
	})
	w.Tags()
}

// Decode reads the body; r.Err tells whether it was whole.
func (m *ListOffsetsRequest) Decode(r *Reader, version int16) {
	*m = ListOffsetsRequest{}
	m.ReplicaID = r.Int32()
	if version >= 2 {
		m.IsolationLevel = r.Int8()
	}
	m.Topics = decodeArray(r, r.sizeMin(6, 3), func(t *ListOffsetsRequestTopic) {
		t.Topic = r.String()
		t.Partitions = decodeArray(r, r.sizeMin(12, 17), func(p *ListOffsetsRequestTopicPartition) {
			p.CurrentLeaderEpoch = -1
			p.Partition = r.Int32()
			if version >= 4 {
				p.CurrentLeaderEpoch = r.Int32()
			}
			p.Timestamp = r.Int64()
			r.Tags()
		})
		r.Tags()
	})
	r.Tags()
}

// ListOffsetsResponse answers per partition.
type ListOffsetsResponse struct {
	ThrottleMillis int32 // v2+
	Topics         []ListOffsetsResponseTopic
}

// ListOffsetsResponseTopic is the answer for one topic.
type ListOffsetsResponseTopic struct {
	Topic      string
	Partitions []ListOffsetsResponseTopicPartition
}

// ListOffsetsResponseTopicPartition is the answer for one partition; offset
// and timestamp are -1 where no record is late enough.
type ListOffsetsResponseTopicPartition struct {
	Partition   int32
	ErrorCode   int16
	Timestamp   int64 // -1 for the log's ends
	Offset      int64
	LeaderEpoch int32 // v4+, default -1
}

// Encode writes the body.
func (m *ListOffsetsResponse) Encode(w *Writer, version int16) {
	if version >= 2 {
		w.Int32(m.ThrottleMillis)
	}
	encodeArray(w, m.Topics, func(t *ListOffsetsResponseTopic) {
		w.String(t.Topic)
		encodeArray(w, t.Partitions, func(p *ListOffsetsResponseTopicPartition) {
			w.Int32(p.Partition)
			w.Int16(p.ErrorCode)
			w.Int64(p.Timestamp)
			w.Int64(p.Offset)
			if version >= 4 {
				w.Int32(p.LeaderEpoch)
			}
			w.Tags()
		})
		w.Tags()
	})
	w.Tags()
}

// Decode reads the body; r.Err tells whether it was whole.
func (m *ListOffsetsResponse) Decode(r *Reader, version int16) {
	*m = ListOffsetsResponse{}
	if version >= 2 {
		m.ThrottleMillis = r.Int32()
	}
	m.Topics = decodeArray(r, r.sizeMin(6, 3), func(t *ListOffsetsResponseTopic) {
		t.Topic = r.String()
		t.Partitions = decodeArray(r, r.sizeMin(22, 27), func(p *ListOffsetsResponseTopicPartition) {
			p.LeaderEpoch = -1
			p.Partition = r.Int32()
			p.ErrorCode = r.Int16()
			p.Timestamp = r.Int64()
			p.Offset = r.Int64()
			if version >= 4 {
				p.LeaderEpoch = r.Int32()
			}
			r.Tags()
		})
		r.Tags()
	})
	r.Tags()
}
