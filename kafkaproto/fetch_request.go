package kafkaproto

import "math"

// FetchRequest (key 1, versions 4-17) asks for record batches, and waits for
// them. A struct that is decoded into again keeps its slices and topic names.
//
//	v5:  log start offset of a follower
//	v7:  sessions (KIP-227)
//	v9:  current leader epoch (KIP-320)
//	v11: rack
//	v12: flexible, last fetched epoch (KIP-595)
//	v13: topics by id instead of name (KIP-516)
//	v15: the replica id moves into the tagged ReplicaState
//	v17: directory id of a follower
type FetchRequest struct {
	ClusterID       *string                  // v12+, tagged
	ReplicaID       int32                    // v4-v14, default -1: a consumer
	ReplicaState    FetchRequestReplicaState // v15+, tagged
	MaxWaitMillis   int32
	MinBytes        int32
	MaxBytes        int32
	IsolationLevel  int8  // 0 read uncommitted, 1 read committed
	SessionID       int32 // v7+
	SessionEpoch    int32 // v7+, default -1: no session
	Topics          []FetchRequestTopic
	ForgottenTopics []FetchRequestForgottenTopic // v7+
	Rack            string                       // v11+
}

// FetchRequestReplicaState identifies a follower; -1, -1 is a consumer.
type FetchRequestReplicaState struct {
	ID    int32
	Epoch int64
}

// FetchRequestTopic is what is wanted of one topic.
type FetchRequestTopic struct {
	Topic      string  // v4-v12
	TopicID    TopicID // v13+
	Partitions []FetchRequestTopicPartition
}

// FetchRequestTopicPartition is what is wanted of one partition.
type FetchRequestTopicPartition struct {
	Partition          int32
	CurrentLeaderEpoch int32 // v9+, default -1: do not check
	FetchOffset        int64
	LastFetchedEpoch   int32 // v12+, default -1: do not check for divergence
	LogStartOffset     int64 // v5+, default -1
	PartitionMaxBytes  int32
	ReplicaDirectoryID TopicID // v17+, tagged, zero is unset
	HighWatermark      int64   // tagged, default MaxInt64: not told (KIP-1166)
}

// FetchRequestForgottenTopic takes partitions out of the session.
type FetchRequestForgottenTopic struct {
	Topic      string  // v7-v12
	TopicID    TopicID // v13+
	Partitions []int32
}

// NewFetchRequest is a consumer's request without a session, Kafka's defaults
// set.
func NewFetchRequest() FetchRequest {
	return FetchRequest{
		ReplicaID:    -1,
		ReplicaState: FetchRequestReplicaState{-1, -1},
		MaxBytes:     math.MaxInt32,
		SessionEpoch: -1,
	}
}

// NewFetchRequestTopicPartition has Kafka's defaults set.
func NewFetchRequestTopicPartition() FetchRequestTopicPartition {
	return FetchRequestTopicPartition{
		CurrentLeaderEpoch: -1,
		LastFetchedEpoch:   -1,
		LogStartOffset:     -1,
		HighWatermark:      math.MaxInt64,
	}
}

// Encode writes the body.
func (m *FetchRequest) Encode(w *Writer, version int16) {
	if version <= 14 {
		w.Int32(m.ReplicaID)
	}
	w.Int32(m.MaxWaitMillis)
	w.Int32(m.MinBytes)
	w.Int32(m.MaxBytes)
	w.Int8(m.IsolationLevel)
	if version >= 7 {
		w.Int32(m.SessionID)
		w.Int32(m.SessionEpoch)
	}
	w.ArrayLen(len(m.Topics))
	for i := range m.Topics {
		m.Topics[i].encode(w, version)
	}
	if version >= 7 {
		w.ArrayLen(len(m.ForgottenTopics))
		for i := range m.ForgottenTopics {
			m.ForgottenTopics[i].encode(w, version)
		}
	}
	if version >= 11 {
		w.String(m.Rack)
	}
	m.encodeTags(w)
}

func (m *FetchRequest) encodeTags(w *Writer) {
	consumer := m.ReplicaState == FetchRequestReplicaState{-1, -1}
	if m.ClusterID == nil && consumer {
		w.Tags()
		return
	}
	var tags []Tag
	if m.ClusterID != nil {
		tags = append(tags, Tag{0, func(w *Writer) { w.NullableString(m.ClusterID) }})
	}
	if !consumer {
		tags = append(tags, Tag{1, func(w *Writer) {
			w.Int32(m.ReplicaState.ID)
			w.Int64(m.ReplicaState.Epoch)
			w.Tags()
		}})
	}
	w.TagsWith(tags...)
}

func (t *FetchRequestTopic) encode(w *Writer, version int16) {
	if version <= 12 {
		w.String(t.Topic)
	} else {
		w.TopicID(t.TopicID)
	}
	w.ArrayLen(len(t.Partitions))
	for i := range t.Partitions {
		t.Partitions[i].encode(w, version)
	}
	w.Tags()
}

func (p *FetchRequestTopicPartition) encode(w *Writer, version int16) {
	w.Int32(p.Partition)
	if version >= 9 {
		w.Int32(p.CurrentLeaderEpoch)
	}
	w.Int64(p.FetchOffset)
	if version >= 12 {
		w.Int32(p.LastFetchedEpoch)
	}
	if version >= 5 {
		w.Int64(p.LogStartOffset)
	}
	w.Int32(p.PartitionMaxBytes)
	if p.ReplicaDirectoryID.IsZero() && p.HighWatermark == math.MaxInt64 {
		w.Tags()
		return
	}
	var tags []Tag
	if !p.ReplicaDirectoryID.IsZero() {
		tags = append(tags, Tag{0, func(w *Writer) { w.TopicID(p.ReplicaDirectoryID) }})
	}
	if p.HighWatermark != math.MaxInt64 {
		tags = append(tags, Tag{1, func(w *Writer) { w.Int64(p.HighWatermark) }})
	}
	w.TagsWith(tags...)
}

func (t *FetchRequestForgottenTopic) encode(w *Writer, version int16) {
	if version <= 12 {
		w.String(t.Topic)
	} else {
		w.TopicID(t.TopicID)
	}
	w.Int32s(t.Partitions)
	w.Tags()
}

// Decode reads the body; r.Err tells whether it was whole.
func (m *FetchRequest) Decode(r *Reader, version int16) {
	topics, forgotten := m.Topics, m.ForgottenTopics
	rack := m.Rack
	*m = NewFetchRequest()
	if version <= 14 {
		m.ReplicaID = r.Int32()
	}
	m.MaxWaitMillis = r.Int32()
	m.MinBytes = r.Int32()
	m.MaxBytes = r.Int32()
	m.IsolationLevel = r.Int8()
	if version >= 7 {
		m.SessionID = r.Int32()
		m.SessionEpoch = r.Int32()
	}
	least := r.sizeMin(6, 3)
	if version >= 13 {
		least = 18
	}
	m.Topics = resize(topics, r.ArrayLen(least))
	for i := range m.Topics {
		m.Topics[i].decode(r, version)
	}
	m.ForgottenTopics = forgotten[:0]
	if version >= 7 {
		m.ForgottenTopics = resize(forgotten, r.ArrayLen(least))
		for i := range m.ForgottenTopics {
			m.ForgottenTopics[i].decode(r, version)
		}
	}
	if version >= 11 {
		m.Rack = rack
		r.StringInto(&m.Rack)
	}
	r.TagsFunc(func(tag uint32, field *Reader) {
		switch tag {
		case 0:
			m.ClusterID = field.NullableString()
		case 1:
			m.ReplicaState.ID = field.Int32()
			m.ReplicaState.Epoch = field.Int64()
			field.Tags()
		}
	})
}

func (t *FetchRequestTopic) decode(r *Reader, version int16) {
	decodeTopicRef(r, version, &t.Topic, &t.TopicID)
	t.Partitions = resize(t.Partitions, r.ArrayLen(r.sizeMin(16, 33)))
	for i := range t.Partitions {
		t.Partitions[i].decode(r, version)
	}
	r.Tags()
}

// decodeTopicRef reads what names a topic in Fetch: its name up to v12, its
// id from v13 on.
func decodeTopicRef(r *Reader, version int16, name *string, id *TopicID) {
	if version <= 12 {
		*id = TopicID{}
		r.StringInto(name)
		return
	}
	*name = ""
	*id = r.TopicID()
}

func (p *FetchRequestTopicPartition) decode(r *Reader, version int16) {
	*p = NewFetchRequestTopicPartition()
	p.Partition = r.Int32()
	if version >= 9 {
		p.CurrentLeaderEpoch = r.Int32()
	}
	p.FetchOffset = r.Int64()
	if version >= 12 {
		p.LastFetchedEpoch = r.Int32()
	}
	if version >= 5 {
		p.LogStartOffset = r.Int64()
	}
	p.PartitionMaxBytes = r.Int32()
	r.TagsFunc(func(tag uint32, field *Reader) {
		switch tag {
		case 0:
			p.ReplicaDirectoryID = field.TopicID()
		case 1:
			p.HighWatermark = field.Int64()
		}
	})
}

func (t *FetchRequestForgottenTopic) decode(r *Reader, version int16) {
	decodeTopicRef(r, version, &t.Topic, &t.TopicID)
	t.Partitions = resize(t.Partitions, r.ArrayLen(4))
	for i := range t.Partitions {
		t.Partitions[i] = r.Int32()
	}
	r.Tags()
}
