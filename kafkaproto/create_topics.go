package kafkaproto

// CreateTopicsRequest (key 19, versions 2-7) creates topics.
//
//	v4: NumPartitions and ReplicationFactor -1 mean the broker's default
//	v5: flexible
//	v7: the response carries topic ids
type CreateTopicsRequest struct {
	Topics        []CreateTopicsRequestTopic
	TimeoutMillis int32 // how long to wait until the topics can be used
	ValidateOnly  bool
}

// CreateTopicsRequestTopic is one topic to create.
type CreateTopicsRequestTopic struct {
	Topic             string
	NumPartitions     int32 // -1 with ReplicaAssignment, or for the default
	ReplicationFactor int16 // likewise
	ReplicaAssignment []CreateTopicsRequestTopicReplicaAssignment
	Configs           []CreateTopicsRequestTopicConfig
}

// CreateTopicsRequestTopicReplicaAssignment places one partition by hand.
type CreateTopicsRequestTopicReplicaAssignment struct {
	Partition int32
	Replicas  []int32
}

// CreateTopicsRequestTopicConfig is one config that differs from the default.
type CreateTopicsRequestTopicConfig struct {
	Name  string
	Value *string
}

// Encode writes the body.
func (m *CreateTopicsRequest) Encode(w *Writer, version int16) {
	encodeArray(w, m.Topics, func(t *CreateTopicsRequestTopic) {
		w.String(t.Topic)
		w.Int32(t.NumPartitions)
		w.Int16(t.ReplicationFactor)
		encodeArray(w, t.ReplicaAssignment, func(a *CreateTopicsRequestTopicReplicaAssignment) {
			w.Int32(a.Partition)
			w.Int32s(a.Replicas)
			w.Tags()
		})
		encodeArray(w, t.Configs, func(c *CreateTopicsRequestTopicConfig) {
			w.String(c.Name)
			w.NullableString(c.Value)
			w.Tags()
		})
		w.Tags()
	})
	w.Int32(m.TimeoutMillis)
	w.Bool(m.ValidateOnly)
	w.Tags()
}

// Decode reads the body; r.Err tells whether it was whole.
func (m *CreateTopicsRequest) Decode(r *Reader, version int16) {
	*m = CreateTopicsRequest{}
	m.Topics = decodeArray(r, 9, func(t *CreateTopicsRequestTopic) {
		t.Topic = r.String()
		t.NumPartitions = r.Int32()
		t.ReplicationFactor = r.Int16()
		t.ReplicaAssignment = decodeArray(r, 5, func(a *CreateTopicsRequestTopicReplicaAssignment) {
			a.Partition = r.Int32()
			a.Replicas = r.Int32s()
			r.Tags()
		})
		t.Configs = decodeArray(r, 2, func(c *CreateTopicsRequestTopicConfig) {
			c.Name = r.String()
			c.Value = r.NullableString()
			r.Tags()
		})
		r.Tags()
	})
	m.TimeoutMillis = r.Int32()
	m.ValidateOnly = r.Bool()
	r.Tags()
}

// CreateTopicsResponse answers per topic.
type CreateTopicsResponse struct {
	ThrottleMillis int32
	Topics         []CreateTopicsResponseTopic
}

// CreateTopicsResponseTopic is the outcome for one topic.
type CreateTopicsResponseTopic struct {
	Topic             string
	TopicID           TopicID // v7+
	ErrorCode         int16
	ErrorMessage      *string
	ConfigErrorCode   int16                             // v5+, tagged: why Configs is null
	NumPartitions     int32                             // v5+, default -1
	ReplicationFactor int16                             // v5+, default -1
	Configs           []CreateTopicsResponseTopicConfig // v5+, nil is null: may not be told
}

// CreateTopicsResponseTopicConfig is one effective config of the new topic.
type CreateTopicsResponseTopicConfig struct {
	Name        string
	Value       *string
	ReadOnly    bool
	Source      int8 // a ConfigSource
	IsSensitive bool
}

// Encode writes the body.
func (m *CreateTopicsResponse) Encode(w *Writer, version int16) {
	w.Int32(m.ThrottleMillis)
	encodeArray(w, m.Topics, func(t *CreateTopicsResponseTopic) { t.encode(w, version) })
	w.Tags()
}

func (t *CreateTopicsResponseTopic) encode(w *Writer, version int16) {
	w.String(t.Topic)
	if version >= 7 {
		w.TopicID(t.TopicID)
	}
	w.Int16(t.ErrorCode)
	w.NullableString(t.ErrorMessage)
	if version < 5 {
		return
	}
	w.Int32(t.NumPartitions)
	w.Int16(t.ReplicationFactor)
	encodeNullableArray(w, t.Configs, func(c *CreateTopicsResponseTopicConfig) {
		w.String(c.Name)
		w.NullableString(c.Value)
		w.Bool(c.ReadOnly)
		w.Int8(c.Source)
		w.Bool(c.IsSensitive)
		w.Tags()
	})
	if t.ConfigErrorCode == 0 {
		w.Tags()
		return
	}
	w.TagsWith(Tag{ID: 0, Write: func(w *Writer) { w.Int16(t.ConfigErrorCode) }})
}

// Decode reads the body; r.Err tells whether it was whole.
func (m *CreateTopicsResponse) Decode(r *Reader, version int16) {
	*m = CreateTopicsResponse{}
	m.ThrottleMillis = r.Int32()
	m.Topics = decodeArray(r, 4, func(t *CreateTopicsResponseTopic) { t.decode(r, version) })
	r.Tags()
}

func (t *CreateTopicsResponseTopic) decode(r *Reader, version int16) {
	t.NumPartitions, t.ReplicationFactor = -1, -1
	t.Topic = r.String()
	if version >= 7 {
		t.TopicID = r.TopicID()
	}
	t.ErrorCode = r.Int16()
	t.ErrorMessage = r.NullableString()
	if version < 5 {
		return
	}
	t.NumPartitions = r.Int32()
	t.ReplicationFactor = r.Int16()
	t.Configs = decodeNullableArray(r, 5, func(c *CreateTopicsResponseTopicConfig) {
		c.Name = r.String()
		c.Value = r.NullableString()
		c.ReadOnly = r.Bool()
		c.Source = r.Int8()
		c.IsSensitive = r.Bool()
		r.Tags()
	})
	r.TagsFunc(func(tag uint32, field *Reader) {
		if tag == 0 {
			t.ConfigErrorCode = field.Int16()
		}
	})
}
