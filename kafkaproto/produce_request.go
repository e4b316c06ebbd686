package kafkaproto

// ProduceRequest (key 0, versions 3-11) appends record batches.
//
// Records are views over the Reader's buffer. A struct that is decoded into
// again keeps its slices and its topic names, so that a producer's steady
// stream of requests allocates nothing; it also keeps the largest it has seen.
//
//	v3: transactional id, record batch v2
//	v9: flexible
//	v3-v11 differ otherwise in the response, and in what the broker may answer
type ProduceRequest struct {
	TransactionID *string
	Acks          int16 // -1 all, 1 leader, 0 no response at all
	TimeoutMillis int32
	Topics        []ProduceRequestTopic
}

// ProduceRequestTopic is the data for one topic.
type ProduceRequestTopic struct {
	Topic      string
	Partitions []ProduceRequestTopicPartition
}

// ProduceRequestTopicPartition is the data for one partition.
type ProduceRequestTopicPartition struct {
	Partition int32
	Records   []byte // borrowed; nil is null
}

// Encode writes the body.
func (m *ProduceRequest) Encode(w *Writer, version int16) {
	w.NullableString(m.TransactionID)
	w.Int16(m.Acks)
	w.Int32(m.TimeoutMillis)
	w.ArrayLen(len(m.Topics))
	for i := range m.Topics {
		t := &m.Topics[i]
		w.String(t.Topic)
		w.ArrayLen(len(t.Partitions))
		for j := range t.Partitions {
			w.Int32(t.Partitions[j].Partition)
			w.NullableBytes(t.Partitions[j].Records)
			w.Tags()
		}
		w.Tags()
	}
	w.Tags()
}

// Decode reads the body; r.Err tells whether it was whole.
func (m *ProduceRequest) Decode(r *Reader, version int16) {
	r.nullableStringInto(&m.TransactionID)
	m.Acks = r.Int16()
	m.TimeoutMillis = r.Int32()
	m.Topics = resize(m.Topics, r.ArrayLen(r.sizeMin(6, 3)))
	for i := range m.Topics {
		m.Topics[i].decode(r)
	}
	r.Tags()
}

func (t *ProduceRequestTopic) decode(r *Reader) {
	r.StringInto(&t.Topic)
	t.Partitions = resize(t.Partitions, r.ArrayLen(r.sizeMin(8, 6)))
	for i := range t.Partitions {
		p := &t.Partitions[i]
		p.Partition = r.Int32()
		p.Records = r.Records()
		r.Tags()
	}
	r.Tags()
}
