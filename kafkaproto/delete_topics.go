package kafkaproto

// DeleteTopicsRequest (key 20, versions 1-6) deletes topics by name, and from
// v6 on by name or id.
//
//	v4: flexible
//	v5: the response carries error messages
//	v6: Topics replaces TopicNames
type DeleteTopicsRequest struct {
	TopicNames    []string                   // v1-v5
	Topics        []DeleteTopicsRequestTopic // v6+
	TimeoutMillis int32
}

// DeleteTopicsRequestTopic names one topic: by Topic, or by TopicID when Topic
// is nil.
type DeleteTopicsRequestTopic struct {
	Topic   *string
	TopicID TopicID
}

// Encode writes the body.
func (m *DeleteTopicsRequest) Encode(w *Writer, version int16) {
	if version >= 6 {
		encodeArray(w, m.Topics, func(t *DeleteTopicsRequestTopic) {
			w.NullableString(t.Topic)
			w.TopicID(t.TopicID)
			w.Tags()
		})
	} else {
		w.Strings(m.TopicNames)
	}
	w.Int32(m.TimeoutMillis)
	w.Tags()
}

// Decode reads the body; r.Err tells whether it was whole.
func (m *DeleteTopicsRequest) Decode(r *Reader, version int16) {
	*m = DeleteTopicsRequest{}
	if version >= 6 {
		m.Topics = decodeArray(r, 17, func(t *DeleteTopicsRequestTopic) {
			t.Topic = r.NullableString()
			t.TopicID = r.TopicID()
			r.Tags()
		})
	} else {
		m.TopicNames = r.Strings()
	}
	m.TimeoutMillis = r.Int32()
	r.Tags()
}

// DeleteTopicsResponse answers per topic.
type DeleteTopicsResponse struct {
	ThrottleMillis int32
	Topics         []DeleteTopicsResponseTopic
}

// DeleteTopicsResponseTopic is the outcome for one topic. Topic may be nil
// from v6 on only; before, nil is written as an empty name.
type DeleteTopicsResponseTopic struct {
	Topic        *string
	TopicID      TopicID // v6+
	ErrorCode    int16
	ErrorMessage *string // v5+
}

// Encode writes the body.
func (m *DeleteTopicsResponse) Encode(w *Writer, version int16) {
	w.Int32(m.ThrottleMillis)
	encodeArray(w, m.Topics, func(t *DeleteTopicsResponseTopic) {
		switch {
		case version >= 6:
			w.NullableString(t.Topic)
			w.TopicID(t.TopicID)
		case t.Topic == nil:
			w.String("")
		default:
			w.String(*t.Topic)
		}
		w.Int16(t.ErrorCode)
		if version >= 5 {
			w.NullableString(t.ErrorMessage)
		}
		w.Tags()
	})
	w.Tags()
}

// Decode reads the body; r.Err tells whether it was whole.
func (m *DeleteTopicsResponse) Decode(r *Reader, version int16) {
	*m = DeleteTopicsResponse{}
	m.ThrottleMillis = r.Int32()
	m.Topics = decodeArray(r, 3, func(t *DeleteTopicsResponseTopic) {
		if version >= 6 {
			t.Topic = r.NullableString()
			t.TopicID = r.TopicID()
		} else {
			name := r.String()
			t.Topic = &name
		}
		t.ErrorCode = r.Int16()
		if version >= 5 {
			t.ErrorMessage = r.NullableString()
		}
		r.Tags()
	})
	r.Tags()
}
