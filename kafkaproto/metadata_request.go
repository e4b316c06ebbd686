package kafkaproto

// MetadataRequest (key 3, versions 0-12) asks where partitions live.
//
//	v0:  an empty Topics asks for all of them
//	v1:  null asks for all, empty for none
//	v4:  auto creation can be refused
//	v8:  authorized operations
//	v9:  flexible
//	v10: topic ids in the answer
//	v11: cluster operations are gone
//	v12: topics can be asked for by id, with a null name
type MetadataRequest struct {
	// Topics: nil asks for all topics in every version, because Decode
	// turns the empty array of v0 into nil. Empty, not nil, asks for none.
	Topics                             []MetadataRequestTopic
	AllowAutoTopicCreation             bool // v4+, default true
	IncludeClusterAuthorizedOperations bool // v8-v10
	IncludeTopicAuthorizedOperations   bool // v8+
}

// MetadataRequestTopic names a topic by one of the two.
type MetadataRequestTopic struct {
	TopicID TopicID // v10+
	Topic   *string // nil is written as empty before v10
}

// Encode writes the body.
func (m *MetadataRequest) Encode(w *Writer, version int16) {
	if m.Topics == nil && version >= 1 {
		w.NullArray()
	} else {
		w.ArrayLen(len(m.Topics))
	}
	for i := range m.Topics {
		t := &m.Topics[i]
		if version >= 10 {
			w.TopicID(t.TopicID)
		}
		writeNameNullableFrom(w, t.Topic, version >= 10)
		w.Tags()
	}
	if version >= 4 {
		w.Bool(m.AllowAutoTopicCreation)
	}
	if version >= 8 && version <= 10 {
		w.Bool(m.IncludeClusterAuthorizedOperations)
	}
	if version >= 8 {
		w.Bool(m.IncludeTopicAuthorizedOperations)
	}
	w.Tags()
}

// Decode reads the body; r.Err tells whether it was whole.
func (m *MetadataRequest) Decode(r *Reader, version int16) {
	*m = MetadataRequest{AllowAutoTopicCreation: true}
	least := 2
	if version >= 10 {
		least = 18
	}
	topic := func(t *MetadataRequestTopic) {
		if version >= 10 {
			t.TopicID = r.TopicID()
		}
		t.Topic = readNameNullableFrom(r, version >= 10)
		r.Tags()
	}
	if version == 0 {
		m.Topics = decodeArray(r, least, topic)
	} else {
		m.Topics = decodeNullableArray(r, least, topic)
	}
	if version >= 4 {
		m.AllowAutoTopicCreation = r.Bool()
	}
	if version >= 8 && version <= 10 {
		m.IncludeClusterAuthorizedOperations = r.Bool()
	}
	if version >= 8 {
		m.IncludeTopicAuthorizedOperations = r.Bool()
	}
	r.Tags()
}

// writeNameNullableFrom writes a topic name that became nullable in a later
// version; before that null is written as empty.
func writeNameNullableFrom(w *Writer, name *string, nullable bool) {
	switch {
	case nullable:
		w.NullableString(name)
	case name == nil:
		w.String("")
	default:
		w.String(*name)
	}
}

func readNameNullableFrom(r *Reader, nullable bool) *string {
	if nullable {
		return r.NullableString()
	}
	s := r.String()
	return &s
}
