package kafkaproto

// FetchResponse carries record batches. RecordBatches are views over the
// Reader's buffer after Decode. A struct that is decoded into again keeps its
// slices and topic names. A server that sends records from where they lie
// uses EncodeAround, a client that takes them as they arrive FetchStream.
//
//	v5:  log start offset
//	v7:  session id and an error for the whole response
//	v11: preferred read replica
//	v12: flexible; diverging epoch, current leader, snapshot id, all tagged
//	v13: topics by id instead of name
//	v16: addresses of new leaders (KIP-951), tagged
type FetchResponse struct {
	ThrottleMillis int32
	ErrorCode      int16 // v7+
	SessionID      int32 // v7+
	Topics         []FetchResponseTopic
	Brokers        []FetchResponseBroker // v16+, tagged
}

// FetchResponseTopic is the data of one topic.
type FetchResponseTopic struct {
	Topic      string  // v4-v12
	TopicID    TopicID // v13+
	Partitions []FetchResponseTopicPartition
}

// FetchResponseTopicPartition is the data of one partition. A broker sends
// empty, not null, RecordBatches when it has nothing, and null
// AbortedTransactions unless the request was read-committed.
type FetchResponseTopicPartition struct {
	Partition            int32
	ErrorCode            int16
	HighWatermark        int64
	LastStableOffset     int64
	LogStartOffset       int64                                     // v5+, default -1
	DivergingEpoch       FetchResponseTopicPartitionDivergingEpoch // v12+, tagged
	CurrentLeader        FetchResponseTopicPartitionCurrentLeader  // v12+, tagged
	SnapshotID           FetchResponseTopicPartitionSnapshotID     // v12+, tagged
	AbortedTransactions  []FetchResponseTopicPartitionAbortedTransaction
	PreferredReadReplica int32  // v11+, default -1
	RecordBatches        []byte // borrowed
}

// FetchResponseTopicPartitionDivergingEpoch is where the requester's log and
// this one part; -1, -1 means that they do not, and is not sent.
type FetchResponseTopicPartitionDivergingEpoch struct {
	Epoch     int32
	EndOffset int64
}

// FetchResponseTopicPartitionCurrentLeader is the leader to go to; -1, -1 is
// unknown, and is not sent.
type FetchResponseTopicPartitionCurrentLeader struct {
	LeaderID    int32
	LeaderEpoch int32
}

// FetchResponseTopicPartitionSnapshotID is for KRaft followers; -1, -1 is
// none, and is not sent.
type FetchResponseTopicPartitionSnapshotID struct {
	EndOffset int64
	Epoch     int32
}

// FetchResponseTopicPartitionAbortedTransaction is an aborted transaction
// that overlaps the records.
type FetchResponseTopicPartitionAbortedTransaction struct {
	ProducerID  int64
	FirstOffset int64
}

// FetchResponseBroker is the address of a leader.
type FetchResponseBroker struct {
	NodeID int32
	Host   string
	Port   int32
	Rack   *string
}

// NewFetchResponseTopicPartition has Kafka's defaults set.
func NewFetchResponseTopicPartition() FetchResponseTopicPartition {
	return FetchResponseTopicPartition{
		LastStableOffset:     -1,
		LogStartOffset:       -1,
		DivergingEpoch:       FetchResponseTopicPartitionDivergingEpoch{-1, -1},
		CurrentLeader:        FetchResponseTopicPartitionCurrentLeader{-1, -1},
		SnapshotID:           FetchResponseTopicPartitionSnapshotID{-1, -1},
		PreferredReadReplica: -1,
	}
}

// Decode reads the body; r.Err tells whether it was whole.
func (m *FetchResponse) Decode(r *Reader, version int16) {
	*m = FetchResponse{Topics: m.Topics}
	m.ThrottleMillis = r.Int32()
	if version >= 7 {
		m.ErrorCode = r.Int16()
		m.SessionID = r.Int32()
	}
	m.Topics = resize(m.Topics, r.ArrayLen(fetchTopicSizeMin(version)))
	for i := range m.Topics {
		m.Topics[i].decode(r, version)
	}
	r.TagsFunc(func(tag uint32, field *Reader) {
		if tag == 0 {
			m.Brokers = decodeArray(field, 11, func(b *FetchResponseBroker) {
				b.NodeID = field.Int32()
				b.Host = field.String()
				b.Port = field.Int32()
				b.Rack = field.NullableString()
				field.Tags()
			})
		}
	})
}

// fetchTopicSizeMin is the smallest encoding of a topic: its name or id, the
// count of its partitions, tags.
func fetchTopicSizeMin(version int16) int {
	switch {
	case version >= 13:
		return 18
	case version == 12:
		return 3
	default:
		return 6
	}
}

// fetchPartitionSizeMin is the smallest encoding of a partition.
func fetchPartitionSizeMin(version int16) int {
	switch {
	case version >= 12:
		return 37
	case version == 11:
		return 42
	case version >= 5:
		return 38
	default:
		return 30
	}
}

func (t *FetchResponseTopic) decode(r *Reader, version int16) {
	decodeTopicRef(r, version, &t.Topic, &t.TopicID)
	t.Partitions = resize(t.Partitions, r.ArrayLen(fetchPartitionSizeMin(version)))
	for i := range t.Partitions {
		t.Partitions[i].decode(r, version)
	}
	r.Tags()
}

func (p *FetchResponseTopicPartition) decode(r *Reader, version int16) {
	aborted := p.AbortedTransactions
	*p = NewFetchResponseTopicPartition()
	p.Partition = r.Int32()
	p.ErrorCode = r.Int16()
	p.HighWatermark = r.Int64()
	p.LastStableOffset = r.Int64()
	if version >= 5 {
		p.LogStartOffset = r.Int64()
	}
	p.AbortedTransactions = resizeNullable(aborted, r.NullableArrayLen(r.sizeMin(16, 17)))
	for i := range p.AbortedTransactions {
		p.AbortedTransactions[i].ProducerID = r.Int64()
		p.AbortedTransactions[i].FirstOffset = r.Int64()
		r.Tags()
	}
	if version >= 11 {
		p.PreferredReadReplica = r.Int32()
	}
	p.RecordBatches = r.Records()
	r.TagsFunc(func(tag uint32, field *Reader) {
		switch tag {
		case 0:
			p.DivergingEpoch.Epoch = field.Int32()
			p.DivergingEpoch.EndOffset = field.Int64()
			field.Tags()
		case 1:
			p.CurrentLeader.LeaderID = field.Int32()
			p.CurrentLeader.LeaderEpoch = field.Int32()
			field.Tags()
		case 2:
			p.SnapshotID.EndOffset = field.Int64()
			p.SnapshotID.Epoch = field.Int32()
			field.Tags()
		}
	})
}
