package broker

import (
	"context"
	"maps"
	"slices"

	"umbra/core/metadata"
	"umbra/kafkaproto"
)

// handleMetadata serves Metadata 0-12: brokers, topics and who leads their
// partitions.
//
//	v0      an empty list asks for all topics
//	v1-v12  null asks for all, an empty list for none
//	v4+     the request may forbid auto creation; before, it allows it
//	v10+    topic ids in the answer; v12 also asks by id
//
// A missing topic is created when request, broker, name and links allow it (see
// autocreate.go), and then usually is ready in the answer; where Kafka answers
// LEADER_NOT_AVAILABLE first. The controller is this broker: there is always a
// live one, which the Java admin client and kafka-go insist on.
func handleMetadata(r *request) {
	var req kafkaproto.MetadataRequest
	if !decode(r, &req) {
		return
	}
	b, version, snap := r.broker, r.version(), r.snapshot()
	missing := b.creatable(snap, &req)
	if len(missing) == 0 && isSmall(snap, &req) {
		resp := b.metadata(snap, &req, version, nil)
		for i := range resp.Topics {
			r.countError("metadata", kafkaproto.ErrorCode(resp.Topics[i].ErrorCode).Err())
		}
		r.reply(resp)
		return
	}
	r.change("metadata", func(ctx context.Context, v *verdicts) kafkaproto.Message {
		refused := b.autoCreate(ctx, missing)
		resp := b.metadata(b.store.Snapshot(), &req, version, refused)
		for i := range resp.Topics {
			v.of(kafkaproto.ErrorCode(resp.Topics[i].ErrorCode).Err(), "a topic of a metadata request")
		}
		return resp
	})
}

// metadataHereMax is how many partitions are answered for on the loop. Each
// costs about a third of a microsecond; a larger answer is made elsewhere, so
// that the loop's other connections do not wait for it.
const metadataHereMax = 1000

// isSmall reports whether the answer is short enough to be made on the loop.
func isSmall(snap *metadata.Snapshot, req *kafkaproto.MetadataRequest) bool {
	n := 0
	if req.Topics == nil {
		for _, t := range snap.Topics {
			if n += len(t.Partitions); n > metadataHereMax {
				return false
			}
		}
		return true
	}
	for i := range req.Topics {
		if t := topicOf(snap, &req.Topics[i]); t != nil {
			n += len(t.Partitions)
		}
	}
	return n <= metadataHereMax && len(req.Topics) <= metadataHereMax
}

// topicOf finds what an entry of a request asks for.
func topicOf(snap *metadata.Snapshot, asked *kafkaproto.MetadataRequestTopic) *metadata.Topic {
	switch {
	case !asked.TopicID.IsZero():
		return snap.ByID(asked.TopicID)
	case asked.Topic != nil:
		return snap.Topics[*asked.Topic]
	}
	return nil
}

// metadata makes the response. refused has codes for names that could not be
// created.
func (b *Broker) metadata(snap *metadata.Snapshot, req *kafkaproto.MetadataRequest, version int16, refused map[string]kafkaproto.ErrorCode) *kafkaproto.MetadataResponse {
	resp := &kafkaproto.MetadataResponse{
		ClusterID:            &snap.ClusterID,
		ControllerID:         snap.Broker.ID,
		AuthorizedOperations: operations(req.IncludeClusterAuthorizedOperations, clusterOperations),
	}
	for _, n := range brokersOf(snap) {
		resp.Brokers = append(resp.Brokers, kafkaproto.MetadataResponseBroker{NodeID: n.ID, Host: n.Host, Port: n.Port})
	}
	ops, view := operations(req.IncludeTopicAuthorizedOperations, topicOperations), b.viewer(snap)
	if req.Topics == nil {
		resp.Topics = make([]kafkaproto.MetadataResponseTopic, 0, len(snap.Topics))
		for _, name := range slices.Sorted(maps.Keys(snap.Topics)) {
			resp.Topics = append(resp.Topics, view.metadataTopic(snap.Topics[name], ops))
		}
		return resp
	}
	first, _ := tally(req.Topics, askedOf)
	for _, i := range first {
		resp.Topics = append(resp.Topics, view.askedTopic(req.Topics[i], version, refused, ops))
	}
	return resp
}

// brokersOf lists the live brokers by id.
func brokersOf(snap *metadata.Snapshot) []metadata.Broker {
	return slices.SortedFunc(maps.Values(snap.Brokers), func(a, b metadata.Broker) int { return int(a.ID - b.ID) })
}

// askedKey is what two entries of a request that ask for the same topic share.
type askedKey struct {
	id   kafkaproto.TopicID
	name string
}

func askedOf(t *kafkaproto.MetadataRequestTopic) askedKey {
	if t.Topic == nil {
		return askedKey{id: t.TopicID}
	}
	return askedKey{t.TopicID, *t.Topic}
}

// askedTopic answers for one topic of the request.
func (w viewer) askedTopic(asked kafkaproto.MetadataRequestTopic, version int16, refused map[string]kafkaproto.ErrorCode, ops int32) kafkaproto.MetadataResponseTopic {
	out := kafkaproto.MetadataResponseTopic{Topic: asked.Topic, TopicID: asked.TopicID, AuthorizedOperations: kafkaproto.AuthorizedOperationsNone}
	byID := !asked.TopicID.IsZero()
	if version < 12 && (byID || asked.Topic == nil) {
		out.ErrorCode = int16(kafkaproto.InvalidRequest) // the field exists from v10 on, its use from v12 on
		return out
	}
	t := topicOf(w.snap, &asked)
	switch {
	case t != nil:
		return w.metadataTopic(t, ops)
	case byID:
		out.Topic, out.ErrorCode = nil, int16(kafkaproto.UnknownTopicID)
	case asked.Topic == nil || metadata.ValidateTopicName(*asked.Topic) != nil:
		out.ErrorCode = int16(kafkaproto.InvalidTopicException)
	case refused[*asked.Topic] != kafkaproto.None:
		out.ErrorCode = int16(refused[*asked.Topic])
	default:
		out.ErrorCode = int16(kafkaproto.UnknownTopicOrPartition)
	}
	return out
}

func (w viewer) metadataTopic(t *metadata.Topic, ops int32) kafkaproto.MetadataResponseTopic {
	out := kafkaproto.MetadataResponseTopic{
		Topic: &t.Name, TopicID: t.ID, IsInternal: t.Internal, AuthorizedOperations: ops,
		Partitions: make([]kafkaproto.MetadataResponseTopicPartition, len(t.Partitions)),
	}
	for i := range t.Partitions {
		v := w.partition(t, i)
		out.Partitions[i] = kafkaproto.MetadataResponseTopicPartition{
			ErrorCode: int16(v.err), Partition: int32(i), Leader: v.leader, LeaderEpoch: v.epoch,
			Replicas: v.replica, ISR: v.inSync, OfflineReplicas: v.offline,
		}
	}
	return out
}
