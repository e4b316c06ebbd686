package kafkaproto

// CreatePartitionsRequest (key 37, versions 0-3) raises partition counts.
//
//	v2: flexible
//	v3: same layout; the broker may answer THROTTLING_QUOTA_EXCEEDED
type CreatePartitionsRequest struct {
	Topics        []CreatePartitionsRequestTopic
	TimeoutMillis int32
	ValidateOnly  bool
}

// CreatePartitionsRequestTopic is one topic to grow.
type CreatePartitionsRequestTopic struct {
	Topic      string
	Count      int32                                    // the new total
	Assignment []CreatePartitionsRequestTopicAssignment // nil is null: the broker places
}

// CreatePartitionsRequestTopicAssignment places one new partition by hand.
type CreatePartitionsRequestTopicAssignment struct {
	Replicas []int32
}

// Encode writes the body.
func (m *CreatePartitionsRequest) Encode(w *Writer, version int16) {
	encodeArray(w, m.Topics, func(t *CreatePartitionsRequestTopic) {
		w.String(t.Topic)
		w.Int32(t.Count)
		encodeNullableArray(w, t.Assignment, func(a *CreatePartitionsRequestTopicAssignment) {
			w.Int32s(a.Replicas)
			w.Tags()
		})
		w.Tags()
	})
	w.Int32(m.TimeoutMillis)
	w.Bool(m.ValidateOnly)
	w.Tags()
}

// Decode reads the body; r.Err tells whether it was whole.
func (m *CreatePartitionsRequest) Decode(r *Reader, version int16) {
	*m = CreatePartitionsRequest{}
	m.Topics = decodeArray(r, 6, func(t *CreatePartitionsRequestTopic) {
		t.Topic = r.String()
		t.Count = r.Int32()
		t.Assignment = decodeNullableArray(r, 1, func(a *CreatePartitionsRequestTopicAssignment) {
			a.Replicas = r.Int32s()
			r.Tags()
		})
		r.Tags()
	})
	m.TimeoutMillis = r.Int32()
	m.ValidateOnly = r.Bool()
	r.Tags()
}

// CreatePartitionsResponse answers per topic.
type CreatePartitionsResponse struct {
	ThrottleMillis int32
	Topics         []CreatePartitionsResponseTopic
}

// CreatePartitionsResponseTopic is the outcome for one topic.
type CreatePartitionsResponseTopic struct {
	Topic        string
	ErrorCode    int16
	ErrorMessage *string
}

// Encode writes the body.
func (m *CreatePartitionsResponse) Encode(w *Writer, version int16) {
	w.Int32(m.ThrottleMillis)
	encodeArray(w, m.Topics, func(t *CreatePartitionsResponseTopic) {
		w.String(t.Topic)
		w.Int16(t.ErrorCode)
		w.NullableString(t.ErrorMessage)
		w.Tags()
	})
	w.Tags()
}

// Decode reads the body; r.Err tells whether it was whole.
func (m *CreatePartitionsResponse) Decode(r *Reader, version int16) {
	*m = CreatePartitionsResponse{}
	m.ThrottleMillis = r.Int32()
	m.Topics = decodeArray(r, 4, func(t *CreatePartitionsResponseTopic) {
		t.Topic = r.String()
		t.ErrorCode = r.Int16()
		t.ErrorMessage = r.NullableString()
		r.Tags()
	})
	r.Tags()
}
