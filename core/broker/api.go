package broker

import "umbra/kafkaproto"

// handler answers one request on its connection's loop. It ends the request
// with exactly one of reply, replySpans, noReply, fail or offLoop, now or later
// (on the same loop).
type handler func(*request)

// handlerFor is the table of what this broker serves, nil for the rest: one
// line per API, versions as in kafkaproto.Lookup.
func handlerFor(key int16) handler {
	switch key {
	case kafkaproto.KeyProduce:
		return handleProduce
	case kafkaproto.KeyFetch:
		return handleFetch
	case kafkaproto.KeyListOffsets:
		return handleListOffsets
	case kafkaproto.KeyFindCoordinator:
		return handleFindCoordinator
	case kafkaproto.KeyInitProducerID:
		return handleInitProducerID
	case kafkaproto.KeyOffsetForLeaderEpoch:
		return handleOffsetForLeaderEpoch
	case kafkaproto.KeyApiVersions:
		return handleApiVersions
	case kafkaproto.KeyMetadata:
		return handleMetadata
	case kafkaproto.KeyCreateTopics:
		return handleCreateTopics
	case kafkaproto.KeyDeleteTopics:
		return handleDeleteTopics
	case kafkaproto.KeyDeleteRecords:
		return handleDeleteRecords
	case kafkaproto.KeyDescribeConfigs:
		return handleDescribeConfigs
	case kafkaproto.KeyAlterConfigs:
		return handleAlterConfigs
	case kafkaproto.KeyDescribeLogDirs:
		return handleDescribeLogDirs
	case kafkaproto.KeyCreatePartitions:
		return handleCreatePartitions
	case kafkaproto.KeyIncrementalAlterConfigs:
		return handleIncrementalAlterConfigs
	case kafkaproto.KeyDescribeCluster:
		return handleDescribeCluster
	case kafkaproto.KeyDescribeTopicPartitions:
		return handleDescribeTopicPartitions
	}
	return nil
}

// served is the version table's rows for what has a handler, by key.
func served() []kafkaproto.API {
	var out []kafkaproto.API
	for _, a := range kafkaproto.APIs() {
		if handlerFor(a.Key) != nil {
			out = append(out, a)
		}
	}
	return out
}
