package kafkaproto

// FindCoordinatorRequest (key 10, versions 0-5) asks which broker coordinates
// a group or a transactional id.
//
//	v1: key type
//	v3: flexible
//	v4: many keys in one request (KIP-699)
type FindCoordinatorRequest struct {
	CoordinatorKey  string   // v0-v3
	CoordinatorType int8     // v1+: 0 group, 1 transactional id, 2 share group
	CoordinatorKeys []string // v4+
}

// Encode writes the body.
func (m *FindCoordinatorRequest) Encode(w *Writer, version int16) {
	if version <= 3 {
		w.String(m.CoordinatorKey)
	}
	if version >= 1 {
		w.Int8(m.CoordinatorType)
	}
	if version >= 4 {
		w.Strings(m.CoordinatorKeys)
	}
	w.Tags()
}

// Decode reads the body; r.Err tells whether it was whole.
func (m *FindCoordinatorRequest) Decode(r *Reader, version int16) {
	*m = FindCoordinatorRequest{}
	if version <= 3 {
		m.CoordinatorKey = r.String()
	}
	if version >= 1 {
		m.CoordinatorType = r.Int8()
	}
	if version >= 4 {
		m.CoordinatorKeys = r.Strings()
	}
	r.Tags()
}

// FindCoordinatorResponse has one coordinator up to v3 and a list from v4 on.
type FindCoordinatorResponse struct {
	ThrottleMillis int32                                // v1+
	ErrorCode      int16                                // v0-v3
	ErrorMessage   *string                              // v1-v3
	NodeID         int32                                // v0-v3
	Host           string                               // v0-v3
	Port           int32                                // v0-v3
	Coordinators   []FindCoordinatorResponseCoordinator // v4+
}

// FindCoordinatorResponseCoordinator is the coordinator of one key.
type FindCoordinatorResponseCoordinator struct {
	Key          string
	NodeID       int32
	Host         string
	Port         int32
	ErrorCode    int16
	ErrorMessage *string
}

// Encode writes the body.
func (m *FindCoordinatorResponse) Encode(w *Writer, version int16) {
	if version >= 1 {
		w.Int32(m.ThrottleMillis)
	}
	if version >= 4 {
		encodeArray(w, m.Coordinators, func(c *FindCoordinatorResponseCoordinator) {
			w.String(c.Key)
			w.Int32(c.NodeID)
			w.String(c.Host)
			w.Int32(c.Port)
			w.Int16(c.ErrorCode)
			w.NullableString(c.ErrorMessage)
			w.Tags()
		})
		w.Tags()
		return
	}
	w.Int16(m.ErrorCode)
	if version >= 1 {
		w.NullableString(m.ErrorMessage)
	}
	w.Int32(m.NodeID)
	w.String(m.Host)
	w.Int32(m.Port)
	w.Tags()
}

// Decode reads the body; r.Err tells whether it was whole.
func (m *FindCoordinatorResponse) Decode(r *Reader, version int16) {
	*m = FindCoordinatorResponse{}
	if version >= 1 {
		m.ThrottleMillis = r.Int32()
	}
	if version >= 4 {
		m.Coordinators = decodeArray(r, 14, func(c *FindCoordinatorResponseCoordinator) {
			c.Key = r.String()
			c.NodeID = r.Int32()
			c.Host = r.String()
			c.Port = r.Int32()
			c.ErrorCode = r.Int16()
			c.ErrorMessage = r.NullableString()
			r.Tags()
		})
		r.Tags()
		return
	}
	m.ErrorCode = r.Int16()
	if version >= 1 {
		m.ErrorMessage = r.NullableString()
	}
	m.NodeID = r.Int32()
	m.Host = r.String()
	m.Port = r.Int32()
	r.Tags()
}
