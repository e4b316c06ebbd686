package kafkaproto

// DeleteRecordsRequest (key 21, versions 0-2) moves log starts up.
//
//	v2: flexible
type DeleteRecordsRequest struct {
	Topics        []DeleteRecordsRequestTopic
	TimeoutMillis int32
}

// DeleteRecordsRequestTopic is one topic's partitions.
type DeleteRecordsRequestTopic struct {
	Topic      string
	Partitions []DeleteRecordsRequestTopicPartition
}

// DeleteRecordsRequestTopicPartition asks for a new log start.
type DeleteRecordsRequestTopicPartition struct {
	Partition int32
	Offset    int64 // -1 is the high watermark
}

// Encode writes the body.
func (m *DeleteRecordsRequest) Encode(w *Writer, version int16) {
	encodeArray(w, m.Topics, func(t *DeleteRecordsRequestTopic) {
		w.String(t.Topic)
		encodeArray(w, t.Partitions, func(p *DeleteRecordsRequestTopicPartition) {
			w.Int32(p.Partition)
			w.Int64(p.Offset)
			w.Tags()
		})
		w.Tags()
	})
	w.Int32(m.TimeoutMillis)
	w.Tags()
}

// Decode reads the body; r.Err tells whether it was whole.
func (m *DeleteRecordsRequest) Decode(r *Reader, version int16) {
	*m = DeleteRecordsRequest{}
	m.Topics = decodeArray(r, 2, func(t *DeleteRecordsRequestTopic) {
		t.Topic = r.String()
		t.Partitions = decodeArray(r, 12, func(p *DeleteRecordsRequestTopicPartition) {
			p.Partition = r.Int32()
			p.Offset = r.Int64()
			r.Tags()
		})
		r.Tags()
	})
	m.TimeoutMillis = r.Int32()
	r.Tags()
}

// DeleteRecordsResponse answers per partition.
type DeleteRecordsResponse struct {
	ThrottleMillis int32
	Topics         []DeleteRecordsResponseTopic
}

// DeleteRecordsResponseTopic is one topic's partitions.
type DeleteRecordsResponseTopic struct {
	Topic      string
	Partitions []DeleteRecordsResponseTopicPartition
}

// DeleteRecordsResponseTopicPartition is the outcome for one partition.
type DeleteRecordsResponseTopicPartition struct {
	Partition    int32
	LowWatermark int64 // the new log start, -1 on an error
	ErrorCode    int16
}

// Encode writes the body.
func (m *DeleteRecordsResponse) Encode(w *Writer, version int16) {
	w.Int32(m.ThrottleMillis)
	encodeArray(w, m.Topics, func(t *DeleteRecordsResponseTopic) {
		w.String(t.Topic)
		encodeArray(w, t.Partitions, func(p *DeleteRecordsResponseTopicPartition) {
			w.Int32(p.Partition)
			w.Int64(p.LowWatermark)
			w.Int16(p.ErrorCode)
			w.Tags()
		})
		w.Tags()
	})
	w.Tags()
}

// Decode reads the body; r.Err tells whether it was whole.
func (m *DeleteRecordsResponse) Decode(r *Reader, version int16) {
	*m = DeleteRecordsResponse{}
	m.ThrottleMillis = r.Int32()
	m.Topics = decodeArray(r, 2, func(t *DeleteRecordsResponseTopic) {
		t.Topic = r.String()
		t.Partitions = decodeArray(r, 14, func(p *DeleteRecordsResponseTopicPartition) {
			p.Partition = r.Int32()
			p.LowWatermark = r.Int64()
			p.ErrorCode = r.Int16()
			r.Tags()
		})
		r.Tags()
	})
	r.Tags()
}
