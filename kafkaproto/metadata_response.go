package kafkaproto

import "math"

// AuthorizedOperationsNone in a bit field of ACL operations means that they
// were not asked for.
const AuthorizedOperationsNone int32 = math.MinInt32

// MetadataResponse lists brokers, topics and partition leaders.
//
//	v1:  controller, racks, internal topics
//	v2:  cluster id
//	v3:  throttle time
//	v5:  offline replicas
//	v7:  leader epochs
//	v8:  authorized operations of topics; of the cluster v8-v10
//	v9:  flexible
//	v10: topic ids
//	v12: a topic that was asked for by an unknown id has a null name
type MetadataResponse struct {
	ThrottleMillis       int32 // v3+
	Brokers              []MetadataResponseBroker
	ClusterID            *string // v2+
	ControllerID         int32   // v1+, default -1
	Topics               []MetadataResponseTopic
	AuthorizedOperations int32 // v8-v10, default AuthorizedOperationsNone
}

// MetadataResponseBroker is one live broker.
type MetadataResponseBroker struct {
	NodeID int32
	Host   string
	Port   int32
	Rack   *string // v1+
}

// MetadataResponseTopic is one topic.
type MetadataResponseTopic struct {
	ErrorCode            int16
	Topic                *string // nil is written as empty before v12
	TopicID              TopicID // v10+
	IsInternal           bool    // v1+
	Partitions           []MetadataResponseTopicPartition
	AuthorizedOperations int32 // v8+, default AuthorizedOperationsNone
}

// MetadataResponseTopicPartition is one partition.
type MetadataResponseTopicPartition struct {
	ErrorCode       int16
	Partition       int32
	Leader          int32 // -1: none
	LeaderEpoch     int32 // v7+, default -1
	Replicas        []int32
	ISR             []int32
	OfflineReplicas []int32 // v5+
}

// Encode writes the body.
func (m *MetadataResponse) Encode(w *Writer, version int16) {
	if version >= 3 {
		w.Int32(m.ThrottleMillis)
	}
	encodeArray(w, m.Brokers, func(b *MetadataResponseBroker) {
		w.Int32(b.NodeID)
		w.String(b.Host)
		w.Int32(b.Port)
		if version >= 1 {
			w.NullableString(b.Rack)
		}
		w.Tags()
	})
	if version >= 2 {
		w.NullableString(m.ClusterID)
	}
	if version >= 1 {
		w.Int32(m.ControllerID)
	}
	encodeArray(w, m.Topics, func(t *MetadataResponseTopic) { t.encode(w, version) })
	if version >= 8 && version <= 10 {
		w.Int32(m.AuthorizedOperations)
	}
	w.Tags()
}

func (t *MetadataResponseTopic) encode(w *Writer, version int16) {
	w.Int16(t.ErrorCode)
	writeNameNullableFrom(w, t.Topic, version >= 12)
	if version >= 10 {
		w.TopicID(t.TopicID)
	}
	if version >= 1 {
		w.Bool(t.IsInternal)
	}
	encodeArray(w, t.Partitions, func(p *MetadataResponseTopicPartition) {
		w.Int16(p.ErrorCode)
		w.Int32(p.Partition)
		w.Int32(p.Leader)
		if version >= 7 {
			w.Int32(p.LeaderEpoch)
		}
		w.Int32s(p.Replicas)
		w.Int32s(p.ISR)
		if version >= 5 {
			w.Int32s(p.OfflineReplicas)
		}
		w.Tags()
	})
	if version >= 8 {
		w.Int32(t.AuthorizedOperations)
	}
	w.Tags()
}

// Decode reads the body; r.Err tells whether it was whole.
func (m *MetadataResponse) Decode(r *Reader, version int16) {
	*m = MetadataResponse{ControllerID: -1, AuthorizedOperations: AuthorizedOperationsNone}
	if version >= 3 {
		m.ThrottleMillis = r.Int32()
	}
	m.Brokers = decodeArray(r, r.sizeMin(10, 11), func(b *MetadataResponseBroker) {
		b.NodeID = r.Int32()
		b.Host = r.String()
		b.Port = r.Int32()
		if version >= 1 {
			b.Rack = r.NullableString()
		}
		r.Tags()
	})
	if version >= 2 {
		m.ClusterID = r.NullableString()
	}
	if version >= 1 {
		m.ControllerID = r.Int32()
	}
	m.Topics = decodeArray(r, r.sizeMin(8, 10), func(t *MetadataResponseTopic) { t.decode(r, version) })
	if version >= 8 && version <= 10 {
		m.AuthorizedOperations = r.Int32()
	}
	r.Tags()
}

func (t *MetadataResponseTopic) decode(r *Reader, version int16) {
	t.AuthorizedOperations = AuthorizedOperationsNone
	t.ErrorCode = r.Int16()
	t.Topic = readNameNullableFrom(r, version >= 12)
	if version >= 10 {
		t.TopicID = r.TopicID()
	}
	if version >= 1 {
		t.IsInternal = r.Bool()
	}
	t.Partitions = decodeArray(r, 18, func(p *MetadataResponseTopicPartition) {
		p.LeaderEpoch = -1
		p.ErrorCode = r.Int16()
		p.Partition = r.Int32()
		p.Leader = r.Int32()
		if version >= 7 {
			p.LeaderEpoch = r.Int32()
		}
		p.Replicas = r.Int32s()
		p.ISR = r.Int32s()
		if version >= 5 {
			p.OfflineReplicas = r.Int32s()
		}
		r.Tags()
	})
	if version >= 8 {
		t.AuthorizedOperations = r.Int32()
	}
	r.Tags()
}
