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
	case KeyProduce:
		return new(ProduceRequest)
	case KeyFetch:
		return new(FetchRequest)
	case KeyListOffsets:
		return new(ListOffsetsRequest)
	case KeyMetadata:
		return new(MetadataRequest)
	case KeyFindCoordinator:
		return new(FindCoordinatorRequest)
	case KeyApiVersions:
		return new(ApiVersionsRequest)
	case KeyInitProducerID:
		return new(InitProducerIDRequest)
	case KeyOffsetForLeaderEpoch:
		return new(OffsetForLeaderEpochRequest)
	}
	return nil
}

// NewResponse is an empty response body for key, nil for a key without codec.
func NewResponse(key int16) Message {
	switch key {
	case KeyProduce:
		return new(ProduceResponse)
	case KeyFetch:
		return new(FetchResponse)
	case KeyListOffsets:
		return new(ListOffsetsResponse)
	case KeyMetadata:
		return new(MetadataResponse)
	case KeyFindCoordinator:
		return new(FindCoordinatorResponse)
	case KeyApiVersions:
		return new(ApiVersionsResponse)
	case KeyInitProducerID:
		return new(InitProducerIDResponse)
	case KeyOffsetForLeaderEpoch:
		return new(OffsetForLeaderEpochResponse)
	}
	return nil
}
