package kafkaproto

// IncrementalAlterConfigsRequest (key 44, versions 0-1) changes single configs and leaves
// the others alone (KIP-339).
//
//	v1: flexible
type IncrementalAlterConfigsRequest struct {
	Resources    []IncrementalAlterConfigsRequestResource
	ValidateOnly bool
}

// IncrementalAlterConfigsRequestResource is one resource to change.
type IncrementalAlterConfigsRequestResource struct {
	ResourceType ConfigResourceType
	ResourceName string
	Configs      []IncrementalAlterConfigsRequestResourceConfig
}

// IncrementalAlterConfigsRequestResourceConfig is one config to change.
type IncrementalAlterConfigsRequestResourceConfig struct {
	Name  string
	Op    IncrementalAlterConfigOp
	Value *string
}

// Encode writes the body.
func (m *IncrementalAlterConfigsRequest) Encode(w *Writer, version int16) {
	encodeArray(w, m.Resources, func(s *IncrementalAlterConfigsRequestResource) {
		w.Int8(int8(s.ResourceType))
		w.String(s.ResourceName)
		encodeArray(w, s.Configs, func(c *IncrementalAlterConfigsRequestResourceConfig) {
			w.String(c.Name)
			w.Int8(int8(c.Op))
			w.NullableString(c.Value)
			w.Tags()
		})
		w.Tags()
	})
	w.Bool(m.ValidateOnly)
	w.Tags()
}

// Decode reads the body; r.Err tells whether it was whole.
func (m *IncrementalAlterConfigsRequest) Decode(r *Reader, version int16) {
	*m = IncrementalAlterConfigsRequest{}
	m.Resources = decodeArray(r, 3, func(s *IncrementalAlterConfigsRequestResource) {
		s.ResourceType = ConfigResourceType(r.Int8())
		s.ResourceName = r.String()
		s.Configs = decodeArray(r, 3, func(c *IncrementalAlterConfigsRequestResourceConfig) {
			c.Name = r.String()
			c.Op = IncrementalAlterConfigOp(r.Int8())
			c.Value = r.NullableString()
			r.Tags()
		})
		r.Tags()
	})
	m.ValidateOnly = r.Bool()
	r.Tags()
}

// IncrementalAlterConfigsResponse answers per resource: one bad config fails that
// resource only.
type IncrementalAlterConfigsResponse struct {
	ThrottleMillis int32
	Resources      []IncrementalAlterConfigsResponseResource
}

// IncrementalAlterConfigsResponseResource is the outcome for one resource.
type IncrementalAlterConfigsResponseResource struct {
	ErrorCode    int16
	ErrorMessage *string
	ResourceType ConfigResourceType
	ResourceName string
}

// Encode writes the body.
func (m *IncrementalAlterConfigsResponse) Encode(w *Writer, version int16) {
	w.Int32(m.ThrottleMillis)
	encodeArray(w, m.Resources, func(s *IncrementalAlterConfigsResponseResource) {
		w.Int16(s.ErrorCode)
		w.NullableString(s.ErrorMessage)
		w.Int8(int8(s.ResourceType))
		w.String(s.ResourceName)
		w.Tags()
	})
	w.Tags()
}

// Decode reads the body; r.Err tells whether it was whole.
func (m *IncrementalAlterConfigsResponse) Decode(r *Reader, version int16) {
	*m = IncrementalAlterConfigsResponse{}
	m.ThrottleMillis = r.Int32()
	m.Resources = decodeArray(r, 5, func(s *IncrementalAlterConfigsResponseResource) {
		s.ErrorCode = r.Int16()
		s.ErrorMessage = r.NullableString()
		s.ResourceType = ConfigResourceType(r.Int8())
		s.ResourceName = r.String()
		r.Tags()
	})
	r.Tags()
}
