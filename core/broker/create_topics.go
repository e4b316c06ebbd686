package broker

import (
	"context"

	"umbra/core/metadata"
	"umbra/kafkaproto"
)

// handleCreateTopics serves CreateTopics 2-7.
//
//	v4+ partitions and replication factor of -1 are the broker's defaults; we take them in v2 and v3, too
//	v5+ the answer has partition count, replication factor and configs
//	v7+ and the topic id
//
// Each topic stands for itself. The answer comes when its partitions are open
// and Metadata shows them, or when the request's time is over: then it is
// REQUEST_TIMED_OUT and the topic comes all the same. A timeout of 0 does not
// wait. Unlike Kafka we refuse the names of logs that each cluster keeps for
// itself, and names that a link's filter takes.
func handleCreateTopics(r *request) {
	var req kafkaproto.CreateTopicsRequest
	if !decode(r, &req) {
		return
	}
	b := r.broker
	r.change("create topics", func(ctx context.Context, v *verdicts) kafkaproto.Message { return b.createTopics(ctx, v, &req) })
}

func (b *Broker) createTopics(ctx context.Context, v *verdicts, req *kafkaproto.CreateTopicsRequest) *kafkaproto.CreateTopicsResponse {
	wait, cancel := patience(ctx, req.TimeoutMillis)
	defer cancel()
	first, times := tally(req.Topics, func(t *kafkaproto.CreateTopicsRequestTopic) string { return t.Topic })
	resp := &kafkaproto.CreateTopicsResponse{Topics: make([]kafkaproto.CreateTopicsResponseTopic, len(first))}
	each(len(first), func(i int) {
		asked := &req.Topics[first[i]]
		var made *metadata.Topic
		err := refuse(kafkaproto.InvalidRequest, "topic %q stands in the request %d times", asked.Topic, times[asked.Topic])
		if times[asked.Topic] == 1 {
			made, err = b.createTopic(ctx, wait, asked, req.ValidateOnly)
		}
		resp.Topics[i] = b.createdTopic(v, asked, made, err)
	})
	return resp
}

// createTopic creates one topic, or says what it would be like.
func (b *Broker) createTopic(ctx, wait context.Context, asked *kafkaproto.CreateTopicsRequestTopic, validateOnly bool) (*metadata.Topic, error) {
	snap := b.store.Snapshot()
	if err := mayCreate(snap, asked.Topic); err != nil {
		return nil, err
	}
	n, err := newTopic(snap, asked)
	if err != nil {
		return nil, err
	}
	if validateOnly {
		n, err = b.store.CheckTopic(n)
		return &metadata.Topic{Name: n.Name, Partitions: make([]metadata.Partition, max(n.Partitions, 0)), Configs: n.Configs}, err
	}
	t, err := b.store.CreateTopic(ctx, n)
	if err != nil {
		return nil, err
	}
	b.log.Info("topic created by a client", "topic", t.Name, "topic_id", t.ID, "partitions", len(t.Partitions))
	return t, b.opened(wait, t, len(t.Partitions))
}

// mayCreate says why a name may not be created by a client, nil if it may.
func mayCreate(snap *metadata.Snapshot, name string) error {
	if err := metadata.ValidateTopicName(name); err != nil {
		return err
	}
	if snap.Topics[name] != nil {
		return refuse(kafkaproto.TopicAlreadyExists, "topic %q already exists", name)
	}
	if clusterOwned(name) {
		return refuse(kafkaproto.InvalidRequest, "topic %q belongs to the broker, which creates it when it is needed", name)
	}
	if l, why := snap.LinkFor(name); l != nil {
		return refuse(kafkaproto.PolicyViolation, "topic %q belongs to link %q (%s): the link creates it as soon as the source has it; "+
			"to create it here, choose another name, or let the link exclude this one", name, l.Name, why)
	}
	return nil
}

// clusterOwned names the logs that a cluster keeps for itself, with partition
// counts and configs that must be right.
func clusterOwned(name string) bool {
	switch name {
	case "__consumer_offsets", "__transaction_state", "__share_group_state", "__cluster_metadata":
		return true
	}
	return false
}

// newTopic translates what a client asked for.
func newTopic(snap *metadata.Snapshot, asked *kafkaproto.CreateTopicsRequestTopic) (metadata.NewTopic, error) {
	n := metadata.NewTopic{Name: asked.Topic, Configs: make(map[string]string, len(asked.Configs))}
	var err error
	if len(asked.ReplicaAssignment) > 0 {
		n.Partitions, err = assigned(snap, asked)
	} else {
		n.Partitions, err = counted(snap, asked)
	}
	if err != nil {
		return n, err
	}
	for _, c := range asked.Configs {
		if c.Value == nil {
			return n, refuse(kafkaproto.InvalidConfig, "config %s has no value (null)", c.Name)
		}
		n.Configs[c.Name] = *c.Value
	}
	return n, nil
}

// counted reads partition count and replication factor; 0 is the default.
func counted(snap *metadata.Snapshot, asked *kafkaproto.CreateTopicsRequestTopic) (partitions int, err error) {
	p, rf := asked.NumPartitions, asked.ReplicationFactor
	switch {
	case p != -1 && (p < 1 || p > metadata.PartitionsMax):
		return 0, refuse(kafkaproto.InvalidPartitions, "%d partitions are not possible: want 1 to %d, or -1 for the default", p, metadata.PartitionsMax)
	case rf != -1 && rf < 1:
		return 0, refuse(kafkaproto.InvalidReplicationFactor, "replication factor %d is not possible: want 1, or -1 for the default", rf)
	case rf > 1 && int(rf) > len(snap.Brokers):
		return 0, refuse(kafkaproto.InvalidReplicationFactor, "replication factor %d is larger than the number of brokers (%d)", rf, len(snap.Brokers))
	case rf > 1:
		return 0, refuse(kafkaproto.InvalidReplicationFactor, "replication factor %d: umbra keeps one replica", rf)
	}
	return int(max(p, 0)), nil
}

// assigned checks a manual assignment: partitions 0 to n-1, one replica each.
func assigned(snap *metadata.Snapshot, asked *kafkaproto.CreateTopicsRequestTopic) (partitions int, err error) {
	if asked.NumPartitions != -1 || asked.ReplicationFactor != -1 {
		return 0, refuse(kafkaproto.InvalidRequest, "topic %q has an assignment, so partition count and replication factor must be -1", asked.Topic)
	}
	n := len(asked.ReplicaAssignment)
	seen := make([]bool, n)
	for _, a := range asked.ReplicaAssignment {
		if a.Partition < 0 || int(a.Partition) >= n || seen[a.Partition] {
			return 0, refuse(kafkaproto.InvalidReplicaAssignment, "the assignment must name each of the partitions 0 to %d once; partition %d is beyond them or named twice", n-1, a.Partition)
		}
		seen[a.Partition] = true
		if err := checkReplicas(snap, int(a.Partition), a.Replicas); err != nil {
			return 0, err
		}
	}
	return n, nil
}

// createdTopic is the answer for one topic.
func (b *Broker) createdTopic(v *verdicts, asked *kafkaproto.CreateTopicsRequestTopic, t *metadata.Topic, err error) kafkaproto.CreateTopicsResponseTopic {
	out := kafkaproto.CreateTopicsResponseTopic{
		Topic: asked.Topic, NumPartitions: -1, ReplicationFactor: -1, Configs: []kafkaproto.CreateTopicsResponseTopicConfig{},
	}
	out.ErrorCode, out.ErrorMessage = v.of(err, asked.Topic)
	if err != nil {
		return out
	}
	out.TopicID, out.NumPartitions, out.ReplicationFactor = t.ID, int32(len(t.Partitions)), 1
	for _, e := range b.configs.Topic(t.Configs) {
		out.Configs = append(out.Configs, kafkaproto.CreateTopicsResponseTopicConfig{
			Name: e.Key.Name, Value: shownValue(e), ReadOnly: e.Key.Use == metadata.ReadOnly, Source: int8(e.Source), IsSensitive: e.Key.Sensitive,
		})
	}
	return out
}
