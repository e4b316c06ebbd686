package broker

import (
	"umbra/core/metadata"
	"umbra/kafkaproto"
	"umbra/shard"
)

// topicSettings are the effective settings of one value of a topic.
type topicSettings struct {
	of *metadata.Topic
	metadata.TopicSettings
}

// settings gives the effective settings of t, worked out once per value of the
// topic: the metadata's values never change, they are replaced.
func (l *loop) settings(t *metadata.Topic) *metadata.TopicSettings {
	s := l.topics[t.ID]
	if s == nil || s.of != t {
		if l.topics == nil || len(l.topics) > topicCacheSlack+2*len(l.broker.store.Snapshot().Topics) {
			l.topics = map[kafkaproto.TopicID]*topicSettings{} // most are of topics that are gone
		}
		s = &topicSettings{t, l.broker.configs.Settings(t.Configs)}
		l.topics[t.ID] = s
	}
	return &s.TopicSettings
}

const topicCacheSlack = 16

// partitionID names partition index of t for the shards.
func partitionID(t *metadata.Topic, index int32) shard.PartitionID {
	return shard.PartitionID{Topic: t.ID, Index: index}
}

// findByName finds a topic's partition for a client that names it. What no
// topic can be called is unknown like any other name, as in Kafka's Fetch,
// ListOffsets and DeleteRecords; see unknownTopic for the others.
func findByName(snap *metadata.Snapshot, name string, index int32) (*metadata.Topic, error) {
	t := snap.Topics[name]
	if t == nil {
		return nil, refuse(kafkaproto.UnknownTopicOrPartition, "topic %q does not exist", name)
	}
	return t, checkIndex(t, index)
}

// unknownTopic is the refusal for a name that no topic has, where Kafka tells
// names that are not allowed apart.
func unknownTopic(name string) error {
	if err := metadata.ValidateTopicName(name); err != nil {
		return err
	}
	return refuse(kafkaproto.UnknownTopicOrPartition, "topic %q does not exist", name)
}

func checkIndex(t *metadata.Topic, index int32) error {
	if index < 0 || int(index) >= len(t.Partitions) {
		return refuse(kafkaproto.UnknownTopicOrPartition, "topic %q has no partition %d; it has %d", t.Name, index, len(t.Partitions))
	}
	return nil
}

// loopOf is the loop that owns a partition of t that exists. It is nil when
// the metadata names a shard this process does not have.
func (b *Broker) loopOf(t *metadata.Topic, index int32) *loop {
	loops := b.bound.Load().loops
	if s := t.Partitions[index].Shard; s >= 0 && s < len(loops) {
		return loops[s]
	}
	return nil
}

// notOpen says why a partition of the metadata is not on its shard: its files
// do not open, or they are about to.
func (b *Broker) notOpen(id shard.PartitionID) error {
	if err := b.keeper().Err(id); err != nil {
		return refuse(kafkaproto.KafkaStorageError, "partition %d is not served: %v", id.Index, err)
	}
	return refuse(kafkaproto.NotLeaderOrFollower, "partition %d is not open yet", id.Index)
}

// checkEpoch fences a client by the leader epoch it knows (KIP-320); -1 is not
// checked.
func checkEpoch(client, ours int32) error {
	switch {
	case client < 0 || client == ours:
		return nil
	case client < ours:
		return refuse(kafkaproto.FencedLeaderEpoch, "leader epoch %d is older than the partition's, %d", client, ours)
	}
	return refuse(kafkaproto.UnknownLeaderEpoch, "leader epoch %d is newer than the partition's, %d", client, ours)
}
