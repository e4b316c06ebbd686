package kafkaproto

// ProduceResponse answers per partition. With acks=0 none is sent.
//
//	v5:  log start offset
//	v8:  errors per record (KIP-467)
//	v9:  flexible
//	v10: the current leader and its address (KIP-951), both tagged
type ProduceResponse struct {
	Topics         []ProduceResponseTopic
	ThrottleMillis int32
	Brokers        []ProduceResponseBroker // v10+, tagged: addresses of the leaders named below
}

// ProduceResponseTopic is the outcome for one topic.
type ProduceResponseTopic struct {
	Topic      string
	Partitions []ProduceResponseTopicPartition
}

// ProduceResponseTopicPartition is the outcome for one partition.
type ProduceResponseTopicPartition struct {
	Partition      int32
	ErrorCode      int16
	BaseOffset     int64                                      // -1 with an error
	LogAppendTime  int64                                      // -1: the producer's timestamps stand
	LogStartOffset int64                                      // v5+, default -1
	ErrorRecords   []ProduceResponseTopicPartitionErrorRecord // v8+
	ErrorMessage   *string                                    // v8+
	CurrentLeader  ProduceResponseTopicPartitionCurrentLeader // v10+, tagged
}

// ProduceResponseTopicPartitionErrorRecord names a record that made its batch
// be refused.
type ProduceResponseTopicPartitionErrorRecord struct {
	RelativeOffset int32 // index in the batch
	ErrorMessage   *string
}

// ProduceResponseTopicPartitionCurrentLeader is the leader to go to; both
// fields are -1 when unknown, and it is then not sent.
type ProduceResponseTopicPartitionCurrentLeader struct {
	LeaderID    int32
	LeaderEpoch int32
}

// ProduceResponseBroker is the address of a leader.
type ProduceResponseBroker struct {
	NodeID int32
	Host   string
	Port   int32
	Rack   *string
}

// NewProduceResponseTopicPartition has Kafka's defaults set.
func NewProduceResponseTopicPartition() ProduceResponseTopicPartition {
	return ProduceResponseTopicPartition{
		LogAppendTime:  -1,
		LogStartOffset: -1,
		CurrentLeader:  ProduceResponseTopicPartitionCurrentLeader{LeaderID: -1, LeaderEpoch: -1},
	}
}

// Encode writes the body.
func (m *ProduceResponse) Encode(w *Writer, version int16) {
	w.ArrayLen(len(m.Topics))
	for i := range m.Topics {
		t := &m.Topics[i]
		w.String(t.Topic)
		w.ArrayLen(len(t.Partitions))
		for j := range t.Partitions {
			t.Partitions[j].encode(w, version)
		}
		w.Tags()
	}
	w.Int32(m.ThrottleMillis)
	if len(m.Brokers) == 0 {
		w.Tags()
		return
	}
	w.TagsWith(Tag{0, func(w *Writer) {
		encodeArray(w, m.Brokers, func(b *ProduceResponseBroker) {
			w.Int32(b.NodeID)
			w.String(b.Host)
			w.Int32(b.Port)
			w.NullableString(b.Rack)
			w.Tags()
		})
	}})
}

func (p *ProduceResponseTopicPartition) encode(w *Writer, version int16) {
	w.Int32(p.Partition)
	w.Int16(p.ErrorCode)
	w.Int64(p.BaseOffset)
	w.Int64(p.LogAppendTime)
	if version >= 5 {
		w.Int64(p.LogStartOffset)
	}
	if version >= 8 {
		w.ArrayLen(len(p.ErrorRecords))
		for i := range p.ErrorRecords {
			w.Int32(p.ErrorRecords[i].RelativeOffset)
			w.NullableString(p.ErrorRecords[i].ErrorMessage)
			w.Tags()
		}
		w.NullableString(p.ErrorMessage)
	}
	if p.CurrentLeader == (ProduceResponseTopicPartitionCurrentLeader{-1, -1}) {
		w.Tags()
		return
	}
	w.TagsWith(Tag{0, func(w *Writer) {
		w.Int32(p.CurrentLeader.LeaderID)
		w.Int32(p.CurrentLeader.LeaderEpoch)
		w.Tags()
	}})
}

// Decode reads the body; r.Err tells whether it was whole.
func (m *ProduceResponse) Decode(r *Reader, version int16) {
	*m = ProduceResponse{}
	m.Topics = decodeArray(r, r.sizeMin(6, 3), func(t *ProduceResponseTopic) {
		t.Topic = r.String()
		t.Partitions = decodeArray(r, r.sizeMin(22, 33), func(p *ProduceResponseTopicPartition) {
			p.decode(r, version)
		})
		r.Tags()
	})
	m.ThrottleMillis = r.Int32()
	r.TagsFunc(func(tag uint32, field *Reader) {
		if tag == 0 {
			m.Brokers = decodeArray(field, 11, func(b *ProduceResponseBroker) {
				b.NodeID = field.Int32()
				b.Host = field.String()
				b.Port = field.Int32()
				b.Rack = field.NullableString()
				field.Tags()
			})
		}
	})
}

func (p *ProduceResponseTopicPartition) decode(r *Reader, version int16) {
	*p = NewProduceResponseTopicPartition()
	p.Partition = r.Int32()
	p.ErrorCode = r.Int16()
	p.BaseOffset = r.Int64()
	p.LogAppendTime = r.Int64()
	if version >= 5 {
		p.LogStartOffset = r.Int64()
	}
	if version >= 8 {
		p.ErrorRecords = decodeArray(r, r.sizeMin(6, 6), func(e *ProduceResponseTopicPartitionErrorRecord) {
			e.RelativeOffset = r.Int32()
			e.ErrorMessage = r.NullableString()
			r.Tags()
		})
		p.ErrorMessage = r.NullableString()
	}
	r.TagsFunc(func(tag uint32, field *Reader) {
		if tag == 0 {
			p.CurrentLeader.LeaderID = field.Int32()
			p.CurrentLeader.LeaderEpoch = field.Int32()
			field.Tags()
		}
	})
}
