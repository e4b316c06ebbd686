package kafkaproto

// ApiVersionsRequest (key 18, versions 0-4) asks what the broker speaks.
//
//	v3: flexible, the client names its software (KIP-511)
//	v4: same layout as v3; features with minimum version 0 may be listed
type ApiVersionsRequest struct {
	ClientSoftwareName    string // v3+
	ClientSoftwareVersion string // v3+
}

// Encode writes the body.
func (m *ApiVersionsRequest) Encode(w *Writer, version int16) {
	if version >= 3 {
		w.String(m.ClientSoftwareName)
		w.String(m.ClientSoftwareVersion)
	}
	w.Tags()
}

// Decode reads the body; r.Err tells whether it was whole.
func (m *ApiVersionsRequest) Decode(r *Reader, version int16) {
	*m = ApiVersionsRequest{}
	if version >= 3 {
		m.ClientSoftwareName = r.String()
		m.ClientSoftwareVersion = r.String()
	}
	r.Tags()
}

// ApiVersionsResponse lists API keys and their version ranges. Its header is
// v0 in every version. An unknown request version is answered with version 0
// of this body, ErrorCode UNSUPPORTED_VERSION and the range of key 18.
type ApiVersionsResponse struct {
	ErrorCode              int16
	ApiKeys                []ApiVersionsResponseApiKey
	ThrottleMillis         int32                                 // v1+
	SupportedFeatures      []ApiVersionsResponseSupportedFeature // v3+, tagged
	FinalizedFeaturesEpoch int64                                 // v3+, tagged, default -1: unknown
	FinalizedFeatures      []ApiVersionsResponseFinalizedFeature // v3+, tagged
	ZkMigrationReady       bool                                  // v3+, tagged
}

// ApiVersionsResponseApiKey is one API and its version range, both ends in.
type ApiVersionsResponseApiKey struct {
	ApiKey     int16
	MinVersion int16
	MaxVersion int16
}

// ApiVersionsResponseSupportedFeature is a feature range (KIP-584).
type ApiVersionsResponseSupportedFeature struct {
	Name       string
	MinVersion int16
	MaxVersion int16
}

// ApiVersionsResponseFinalizedFeature is the cluster-wide level of a feature.
type ApiVersionsResponseFinalizedFeature struct {
	Name            string
	MaxVersionLevel int16
	MinVersionLevel int16
}

// Encode writes the body.
func (m *ApiVersionsResponse) Encode(w *Writer, version int16) {
	w.Int16(m.ErrorCode)
	encodeArray(w, m.ApiKeys, func(k *ApiVersionsResponseApiKey) {
		w.Int16(k.ApiKey)
		w.Int16(k.MinVersion)
		w.Int16(k.MaxVersion)
		w.Tags()
	})
	if version >= 1 {
		w.Int32(m.ThrottleMillis)
	}
	w.TagsWith(m.tags()...)
}

func (m *ApiVersionsResponse) tags() (tags []Tag) {
	if len(m.SupportedFeatures) > 0 {
		tags = append(tags, Tag{0, func(w *Writer) {
			encodeArray(w, m.SupportedFeatures, func(f *ApiVersionsResponseSupportedFeature) {
				w.String(f.Name)
				w.Int16(f.MinVersion)
				w.Int16(f.MaxVersion)
				w.Tags()
			})
		}})
	}
	if m.FinalizedFeaturesEpoch != -1 {
		tags = append(tags, Tag{1, func(w *Writer) { w.Int64(m.FinalizedFeaturesEpoch) }})
	}
	if len(m.FinalizedFeatures) > 0 {
		tags = append(tags, Tag{2, func(w *Writer) {
			encodeArray(w, m.FinalizedFeatures, func(f *ApiVersionsResponseFinalizedFeature) {
				w.String(f.Name)
				w.Int16(f.MaxVersionLevel)
				w.Int16(f.MinVersionLevel)
				w.Tags()
			})
		}})
	}
	if m.ZkMigrationReady {
		tags = append(tags, Tag{3, func(w *Writer) { w.Bool(true) }})
	}
	return tags
}

// Decode reads the body; r.Err tells whether it was whole.
func (m *ApiVersionsResponse) Decode(r *Reader, version int16) {
	*m = ApiVersionsResponse{FinalizedFeaturesEpoch: -1}
	m.ErrorCode = r.Int16()
	m.ApiKeys = decodeArray(r, 6, func(k *ApiVersionsResponseApiKey) {
		k.ApiKey = r.Int16()
		k.MinVersion = r.Int16()
		k.MaxVersion = r.Int16()
		r.Tags()
	})
	if version >= 1 {
		m.ThrottleMillis = r.Int32()
	}
	r.TagsFunc(func(tag uint32, field *Reader) {
		switch tag {
		case 0:
			m.SupportedFeatures = decodeArray(field, 6, func(f *ApiVersionsResponseSupportedFeature) {
				f.Name = field.String()
				f.MinVersion = field.Int16()
				f.MaxVersion = field.Int16()
				field.Tags()
			})
		case 1:
			m.FinalizedFeaturesEpoch = field.Int64()
		case 2:
			m.FinalizedFeatures = decodeArray(field, 6, func(f *ApiVersionsResponseFinalizedFeature) {
				f.Name = field.String()
				f.MaxVersionLevel = field.Int16()
				f.MinVersionLevel = field.Int16()
				field.Tags()
			})
		case 3:
			m.ZkMigrationReady = field.Bool()
		}
	})
}
