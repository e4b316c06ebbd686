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
	case KeyCreateTopics:
		return new(CreateTopicsRequest)
	case KeyDeleteTopics:
		return new(DeleteTopicsRequest)
	case KeyDeleteRecords:
		return new(DeleteRecordsRequest)
	case KeyDescribeConfigs:
		return new(DescribeConfigsRequest)
	case KeyAlterConfigs:
		return new(AlterConfigsRequest)
	case KeyDescribeLogDirs:
		return new(DescribeLogDirsRequest)
	case KeyCreatePartitions:
		return new(CreatePartitionsRequest)
	case KeyIncrementalAlterConfigs:
		return new(IncrementalAlterConfigsRequest)
	case KeyDescribeCluster:
		return new(DescribeClusterRequest)
	case KeyDescribeTopicPartitions:
		return new(DescribeTopicPartitionsRequest)
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
	case KeyCreateTopics:
		return new(CreateTopicsResponse)
	case KeyDeleteTopics:
		return new(DeleteTopicsResponse)
	case KeyDeleteRecords:
		return new(DeleteRecordsResponse)
	case KeyDescribeConfigs:
		return new(DescribeConfigsResponse)
	case KeyAlterConfigs:
		return new(AlterConfigsResponse)
	case KeyDescribeLogDirs:
		return new(DescribeLogDirsResponse)
	case KeyCreatePartitions:
		return new(CreatePartitionsResponse)
	case KeyIncrementalAlterConfigs:
		return new(IncrementalAlterConfigsResponse)
	case KeyDescribeCluster:
		return new(DescribeClusterResponse)
	case KeyDescribeTopicPartitions:
		return new(DescribeTopicPartitionsResponse)
	}
	return nil
}
