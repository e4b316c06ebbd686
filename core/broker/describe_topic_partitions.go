package broker

import (
	"maps"
	"slices"

	"umbra/core/metadata"
	"umbra/kafkaproto"
)

// describePartitionsMax bounds the partitions of one answer, as Kafka's
// max.request.partition.size.limit does.
const describePartitionsMax = 2000

// handleDescribeTopicPartitions serves DescribeTopicPartitions 0: topics in the
// order of their names, cut into pages. The cursor of an answer names the first
// partition of the next page. No list of topics means all of them. There are no
// eligible leaders besides the one replica; the lists are empty and not null,
// because the Java client does not expect null.
func handleDescribeTopicPartitions(r *request) {
	var req kafkaproto.DescribeTopicPartitionsRequest
	if !decode(r, &req) {
		return
	}
	r.reply(r.broker.describeTopicPartitions(r.snapshot(), &req, describePartitionsMax))
}

func (b *Broker) describeTopicPartitions(snap *metadata.Snapshot, req *kafkaproto.DescribeTopicPartitionsRequest, limitMax int) *kafkaproto.DescribeTopicPartitionsResponse {
	resp := &kafkaproto.DescribeTopicPartitionsResponse{}
	names := describedNames(snap, req)
	if req.Cursor != nil && req.Cursor.Partition < 0 {
		for i := range names {
			resp.Topics = append(resp.Topics, noTopicPartitions(&names[i], kafkaproto.InvalidRequest))
		}
		return resp
	}
	view, left := b.viewer(snap), min(max(int(req.ResponsePartitionLimit), 1), limitMax)
	for i := range names {
		from := 0
		if req.Cursor != nil && names[i] == req.Cursor.Topic {
			from = int(req.Cursor.Partition)
		}
		if left == 0 {
			resp.NextCursor = &kafkaproto.DescribeTopicPartitionsResponseNextCursor{Topic: names[i], Partition: int32(from)}
			return resp
		}
		t := snap.Topics[names[i]]
		if t == nil {
			resp.Topics = append(resp.Topics, noTopicPartitions(&names[i], code(unknownTopic(names[i]))))
			continue
		}
		page := view.topicPartitions(t, from, left)
		resp.Topics = append(resp.Topics, page)
		left -= len(page.Partitions)
		if next := from + len(page.Partitions); next < len(t.Partitions) {
			resp.NextCursor = &kafkaproto.DescribeTopicPartitionsResponseNextCursor{Topic: t.Name, Partition: int32(next)}
			return resp
		}
	}
	return resp
}

// describedNames lists the topics to describe from the cursor on, each once.
func describedNames(snap *metadata.Snapshot, req *kafkaproto.DescribeTopicPartitionsRequest) []string {
	var names []string
	for _, t := range req.Topics {
		names = append(names, t.Topic)
	}
	if len(names) == 0 {
		names = slices.Collect(maps.Keys(snap.Topics))
	}
	slices.Sort(names)
	names = slices.Compact(names)
	if req.Cursor != nil {
		at, _ := slices.BinarySearch(names, req.Cursor.Topic)
		names = names[at:]
	}
	return names
}

func noTopicPartitions(name *string, c kafkaproto.ErrorCode) kafkaproto.DescribeTopicPartitionsResponseTopic {
	return kafkaproto.DescribeTopicPartitionsResponseTopic{Topic: name, ErrorCode: int16(c), AuthorizedOperations: kafkaproto.AuthorizedOperationsNone}
}

// topicPartitions describes at most limit partitions of a topic.
func (w viewer) topicPartitions(t *metadata.Topic, from, limit int) kafkaproto.DescribeTopicPartitionsResponseTopic {
	out := kafkaproto.DescribeTopicPartitionsResponseTopic{
		Topic: &t.Name, TopicID: t.ID, IsInternal: t.Internal, AuthorizedOperations: topicOperations,
	}
	for i := from; i < min(len(t.Partitions), from+limit); i++ {
		v := w.partition(t, i)
		out.Partitions = append(out.Partitions, kafkaproto.DescribeTopicPartitionsResponseTopicPartition{
			ErrorCode: int16(v.err), Partition: int32(i), LeaderID: v.leader, LeaderEpoch: v.epoch,
			Replicas: v.replica, ISR: v.inSync, OfflineReplicas: v.offline,
			EligibleLeaderReplicas: []int32{}, LastKnownELR: []int32{},
		})
	}
	return out
}
