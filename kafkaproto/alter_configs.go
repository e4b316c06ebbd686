package kafkaproto

// AlterConfigsRequest (key 33, versions 0-2) replaces a resource's whole set of
// configs: what is not named goes back to its default. Old tools use it.
//
//	v2: flexible
type AlterConfigsRequest struct {
	Resources    []AlterConfigsRequestResource
	ValidateOnly bool
}

// AlterConfigsRequestResource is one resource to change.
type AlterConfigsRequestResource struct {
	ResourceType ConfigResourceType
	ResourceName string
	Configs      []AlterConfigsRequestResourceConfig
}

// AlterConfigsRequestResourceConfig is one config to change.
type AlterConfigsRequestResourceConfig struct {
	Name  string
	Value *string
}

// Encode writes the body.
func (m *AlterConfigsRequest) Encode(w *Writer, version int16) {
	encodeArray(w, m.Resources, func(s *AlterConfigsRequestResource) {
		w.Int8(int8(s.ResourceType))
		w.String(s.ResourceName)
		encodeArray(w, s.Configs, func(c *AlterConfigsRequestResourceConfig) {
			w.String(c.Name)
			w.NullableString(c.Value)
			w.Tags()
		})
		w.Tags()
	})
	w.Bool(m.ValidateOnly)
	w.Tags()
}

// Decode reads the body; r.Err tells whether it was whole.
func (m *AlterConfigsRequest) Decode(r *Reader, version int16) {
	*m = AlterConfigsRequest{}
	m.Resources = decodeArray(r, 3, func(s *AlterConfigsRequestResource) {
		s.ResourceType = ConfigResourceType(r.Int8())
		s.ResourceName = r.String()
		s.Configs = decodeArray(r, 2, func(c *AlterConfigsRequestResourceConfig) {
			c.Name = r.String()
			c.Value = r.NullableString()
			r.Tags()
		})
		r.Tags()
	})
	m.ValidateOnly = r.Bool()
	r.Tags()
}

// AlterConfigsResponse answers per resource: one bad config fails that
// resource only.
type AlterConfigsResponse struct {
	ThrottleMillis int32
	Resources      []AlterConfigsResponseResource
}

// AlterConfigsResponseResource is the outcome for one resource.
type AlterConfigsResponseResource struct {
	ErrorCode    int16
	ErrorMessage *string
	ResourceType ConfigResourceType
	ResourceName string
}

// Encode writes the body.
func (m *AlterConfigsResponse) Encode(w *Writer, version int16) {
	w.Int32(m.ThrottleMillis)
	encodeArray(w, m.Resources, func(s *AlterConfigsResponseResource) {
		w.Int16(s.ErrorCode)
		w.NullableString(s.ErrorMessage)
		w.Int8(int8(s.ResourceType))
		w.String(s.ResourceName)
		w.Tags()
	})
	w.Tags()
}

// Decode reads the body; r.Err tells whether it was whole.
func (m *AlterConfigsResponse) Decode(r *Reader, version int16) {
	*m = AlterConfigsResponse{}
	m.ThrottleMillis = r.Int32()
	m.Resources = decodeArray(r, 5, func(s *AlterConfigsResponseResource) {
		s.ErrorCode = r.Int16()
		s.ErrorMessage = r.NullableString()
		s.ResourceType = ConfigResourceType(r.Int8())
		s.ResourceName = r.String()
		r.Tags()
	})
	r.Tags()
}
