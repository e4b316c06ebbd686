package kafkaproto

// DescribeTopicPartitionsRequest (key 75, version 0, always flexible) is
// Metadata in pages (KIP-966); Java 4's admin client prefers it.
type DescribeTopicPartitionsRequest struct {
	Topics                 []DescribeTopicPartitionsRequestTopic // empty: all
	ResponsePartitionLimit int32
	Cursor                 *DescribeTopicPartitionsRequestCursor // nil: from the start
}

// DescribeTopicPartitionsRequestTopic names one topic.
type DescribeTopicPartitionsRequestTopic struct {
	Topic string
}

// DescribeTopicPartitionsRequestCursor is where the page begins.
type DescribeTopicPartitionsRequestCursor struct {
	Topic     string
	Partition int32
}

// Encode writes the body.
func (m *DescribeTopicPartitionsRequest) Encode(w *Writer, version int16) {
	encodeArray(w, m.Topics, func(t *DescribeTopicPartitionsRequestTopic) {
		w.String(t.Topic)
		w.Tags()
	})
	w.Int32(m.ResponsePartitionLimit)
	if m.Cursor == nil {
		w.Int8(-1)
	} else {
		encodeCursor(w, m.Cursor.Topic, m.Cursor.Partition)
	}
	w.Tags()
}

// encodeCursor writes a nullable structure that is present.
func encodeCursor(w *Writer, topic string, partition int32) {
	w.Int8(1)
	w.String(topic)
	w.Int32(partition)
	w.Tags()
}

// decodeCursor is false for a null structure: any negative mark.
func decodeCursor(r *Reader) (topic string, partition int32, ok bool) {
	if r.Int8() < 0 || r.bad {
		return "", 0, false
	}
	topic, partition = r.String(), r.Int32()
	r.Tags()
	return topic, partition, true
}

// Decode reads the body; r.Err tells whether it was whole.
func (m *DescribeTopicPartitionsRequest) Decode(r *Reader, version int16) {
	*m = DescribeTopicPartitionsRequest{}
	m.Topics = decodeArray(r, 2, func(t *DescribeTopicPartitionsRequestTopic) {
		t.Topic = r.String()
		r.Tags()
	})
	m.ResponsePartitionLimit = r.Int32()
	if topic, partition, ok := decodeCursor(r); ok {
		m.Cursor = &DescribeTopicPartitionsRequestCursor{Topic: topic, Partition: partition}
	}
	r.Tags()
}

// DescribeTopicPartitionsResponse is one page.
type DescribeTopicPartitionsResponse struct {
	ThrottleMillis int32
	Topics         []DescribeTopicPartitionsResponseTopic
	NextCursor     *DescribeTopicPartitionsResponseNextCursor // nil: this was the last page
}

// DescribeTopicPartitionsResponseTopic is one topic, or the error.
type DescribeTopicPartitionsResponseTopic struct {
	ErrorCode            int16
	Topic                *string
	TopicID              TopicID
	IsInternal           bool
	Partitions           []DescribeTopicPartitionsResponseTopicPartition
	AuthorizedOperations int32
}

// DescribeTopicPartitionsResponseTopicPartition is one partition.
type DescribeTopicPartitionsResponseTopicPartition struct {
	ErrorCode              int16
	Partition              int32
	LeaderID               int32
	LeaderEpoch            int32
	Replicas               []int32
	ISR                    []int32
	EligibleLeaderReplicas []int32 // nil is null: not tracked
	LastKnownELR           []int32 // nil is null
	OfflineReplicas        []int32
}

// DescribeTopicPartitionsResponseNextCursor is where the next page begins.
type DescribeTopicPartitionsResponseNextCursor struct {
	Topic     string
	Partition int32
}

// Encode writes the body.
func (m *DescribeTopicPartitionsResponse) Encode(w *Writer, version int16) {
	w.Int32(m.ThrottleMillis)
	encodeArray(w, m.Topics, func(t *DescribeTopicPartitionsResponseTopic) {
		w.Int16(t.ErrorCode)
		w.NullableString(t.Topic)
		w.TopicID(t.TopicID)
		w.Bool(t.IsInternal)
		encodeArray(w, t.Partitions, func(p *DescribeTopicPartitionsResponseTopicPartition) { p.encode(w) })
		w.Int32(t.AuthorizedOperations)
		w.Tags()
	})
	if m.NextCursor == nil {
		w.Int8(-1)
	} else {
		encodeCursor(w, m.NextCursor.Topic, m.NextCursor.Partition)
	}
	w.Tags()
}

func (p *DescribeTopicPartitionsResponseTopicPartition) encode(w *Writer) {
	w.Int16(p.ErrorCode)
	w.Int32(p.Partition)
	w.Int32(p.LeaderID)
	w.Int32(p.LeaderEpoch)
	w.Int32s(p.Replicas)
	w.Int32s(p.ISR)
	encodeNullableArray(w, p.EligibleLeaderReplicas, func(id *int32) { w.Int32(*id) })
	encodeNullableArray(w, p.LastKnownELR, func(id *int32) { w.Int32(*id) })
	w.Int32s(p.OfflineReplicas)
	w.Tags()
}

// Decode reads the body; r.Err tells whether it was whole.
func (m *DescribeTopicPartitionsResponse) Decode(r *Reader, version int16) {
	*m = DescribeTopicPartitionsResponse{}
	m.ThrottleMillis = r.Int32()
	m.Topics = decodeArray(r, 26, func(t *DescribeTopicPartitionsResponseTopic) {
		t.ErrorCode = r.Int16()
		t.Topic = r.NullableString()
		t.TopicID = r.TopicID()
		t.IsInternal = r.Bool()
		t.Partitions = decodeArray(r, 20, func(p *DescribeTopicPartitionsResponseTopicPartition) { p.decode(r) })
		t.AuthorizedOperations = r.Int32()
		r.Tags()
	})
	if topic, partition, ok := decodeCursor(r); ok {
		m.NextCursor = &DescribeTopicPartitionsResponseNextCursor{Topic: topic, Partition: partition}
	}
	r.Tags()
}

func (p *DescribeTopicPartitionsResponseTopicPartition) decode(r *Reader) {
	p.ErrorCode = r.Int16()
	p.Partition = r.Int32()
	p.LeaderID = r.Int32()
	p.LeaderEpoch = r.Int32()
	p.Replicas = r.Int32s()
	p.ISR = r.Int32s()
	p.EligibleLeaderReplicas = decodeNullableArray(r, 4, func(id *int32) { *id = r.Int32() })
	p.LastKnownELR = decodeNullableArray(r, 4, func(id *int32) { *id = r.Int32() })
	p.OfflineReplicas = r.Int32s()
	r.Tags()
}
