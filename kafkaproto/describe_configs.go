package kafkaproto

// DescribeConfigsRequest (key 32, versions 1-4) reads the configs of topics,
// brokers and broker loggers.
//
//	v1: synonyms
//	v3: types and documentation
//	v4: flexible
type DescribeConfigsRequest struct {
	Resources            []DescribeConfigsRequestResource
	IncludeSynonyms      bool
	IncludeDocumentation bool // v3+
}

// DescribeConfigsRequestResource is one resource to describe.
type DescribeConfigsRequestResource struct {
	ResourceType ConfigResourceType
	ResourceName string
	ConfigNames  []string // nil is null: all configs
}

// Encode writes the body.
func (m *DescribeConfigsRequest) Encode(w *Writer, version int16) {
	encodeArray(w, m.Resources, func(s *DescribeConfigsRequestResource) {
		w.Int8(int8(s.ResourceType))
		w.String(s.ResourceName)
		encodeNullableArray(w, s.ConfigNames, func(name *string) { w.String(*name) })
		w.Tags()
	})
	w.Bool(m.IncludeSynonyms)
	if version >= 3 {
		w.Bool(m.IncludeDocumentation)
	}
	w.Tags()
}

// Decode reads the body; r.Err tells whether it was whole.
func (m *DescribeConfigsRequest) Decode(r *Reader, version int16) {
	*m = DescribeConfigsRequest{}
	m.Resources = decodeArray(r, 3, func(s *DescribeConfigsRequestResource) {
		s.ResourceType = ConfigResourceType(r.Int8())
		s.ResourceName = r.String()
		s.ConfigNames = decodeNullableArray(r, 1, func(name *string) { *name = r.String() })
		r.Tags()
	})
	m.IncludeSynonyms = r.Bool()
	if version >= 3 {
		m.IncludeDocumentation = r.Bool()
	}
	r.Tags()
}

// DescribeConfigsResponse answers per resource.
type DescribeConfigsResponse struct {
	ThrottleMillis int32
	Resources      []DescribeConfigsResponseResource
}

// DescribeConfigsResponseResource is one resource's configs, or the error.
type DescribeConfigsResponseResource struct {
	ErrorCode    int16
	ErrorMessage *string
	ResourceType ConfigResourceType
	ResourceName string
	Configs      []DescribeConfigsResponseResourceConfig
}

// DescribeConfigsResponseResourceConfig is one config.
type DescribeConfigsResponseResourceConfig struct {
	Name           string
	Value          *string // nil when sensitive
	ReadOnly       bool
	Source         ConfigSource
	IsSensitive    bool
	ConfigSynonyms []DescribeConfigsResponseResourceConfigConfigSynonym
	ConfigType     ConfigType // v3+
	Documentation  *string    // v3+
}

// DescribeConfigsResponseResourceConfigConfigSynonym is a value the config
// would have if the ones before it in the list were not set.
type DescribeConfigsResponseResourceConfigConfigSynonym struct {
	Name   string
	Value  *string
	Source ConfigSource
}

// Encode writes the body.
func (m *DescribeConfigsResponse) Encode(w *Writer, version int16) {
	w.Int32(m.ThrottleMillis)
	encodeArray(w, m.Resources, func(s *DescribeConfigsResponseResource) {
		w.Int16(s.ErrorCode)
		w.NullableString(s.ErrorMessage)
		w.Int8(int8(s.ResourceType))
		w.String(s.ResourceName)
		encodeArray(w, s.Configs, func(c *DescribeConfigsResponseResourceConfig) { c.encode(w, version) })
		w.Tags()
	})
	w.Tags()
}

func (c *DescribeConfigsResponseResourceConfig) encode(w *Writer, version int16) {
	w.String(c.Name)
	w.NullableString(c.Value)
	w.Bool(c.ReadOnly)
	w.Int8(int8(c.Source))
	w.Bool(c.IsSensitive)
	encodeArray(w, c.ConfigSynonyms, func(s *DescribeConfigsResponseResourceConfigConfigSynonym) {
		w.String(s.Name)
		w.NullableString(s.Value)
		w.Int8(int8(s.Source))
		w.Tags()
	})
	if version >= 3 {
		w.Int8(int8(c.ConfigType))
		w.NullableString(c.Documentation)
	}
	w.Tags()
}

// Decode reads the body; r.Err tells whether it was whole.
func (m *DescribeConfigsResponse) Decode(r *Reader, version int16) {
	*m = DescribeConfigsResponse{}
	m.ThrottleMillis = r.Int32()
	m.Resources = decodeArray(r, 6, func(s *DescribeConfigsResponseResource) {
		s.ErrorCode = r.Int16()
		s.ErrorMessage = r.NullableString()
		s.ResourceType = ConfigResourceType(r.Int8())
		s.ResourceName = r.String()
		s.Configs = decodeArray(r, 6, func(c *DescribeConfigsResponseResourceConfig) { c.decode(r, version) })
		r.Tags()
	})
	r.Tags()
}

func (c *DescribeConfigsResponseResourceConfig) decode(r *Reader, version int16) {
	c.Name = r.String()
	c.Value = r.NullableString()
	c.ReadOnly = r.Bool()
	c.Source = ConfigSource(r.Int8())
	c.IsSensitive = r.Bool()
	c.ConfigSynonyms = decodeArray(r, 3, func(s *DescribeConfigsResponseResourceConfigConfigSynonym) {
		s.Name = r.String()
		s.Value = r.NullableString()
		s.Source = ConfigSource(r.Int8())
		r.Tags()
	})
	if version >= 3 {
		c.ConfigType = ConfigType(r.Int8())
		c.Documentation = r.NullableString()
	}
	r.Tags()
}
