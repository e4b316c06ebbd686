package kafkaproto

// Message is the body of a request or of a response. Encode appends it to w;
// Decode replaces every field with what r holds, sets Kafka's default where
// version has no such field, and leaves the verdict in r.Err. Both expect a w
// or r whose flexible flag fits the version: RequestHeader, ResponseHeader and
// DecodeResponseHeader set it.
type Message interface {
	Encode(w *Writer, version int16)
	Decode(r *Reader, version int16)
}

// NewRequest is an empty request body for key, nil for a key without codec.
func NewRequest(key int16) Message {
	switch key {
	case KeyApiVersions:
		return new(ApiVersionsRequest)
	}
	return nil
}

// NewResponse is an empty response body for key, nil for a key without codec.
func NewResponse(key int16) Message {
	switch key {
	case KeyApiVersions:
		return new(ApiVersionsResponse)
	}
	return nil
}
