package backend

import (
	"context"
	"slices"
	"strings"

	"umbra/admin/api"
	"umbra/core/link"
	"umbra/core/metadata"
	"umbra/shard"
)

// Topics is one row per topic.
func (b *Backend) Topics(context.Context) (*api.TopicList, error) {
	out := &api.TopicList{}
	for _, t := range b.Store.Snapshot().Topics {
		out.Topics = append(out.Topics, b.topicDoc(t))
	}
	slices.SortFunc(out.Topics, func(a, b api.TopicSummary) int { return strings.Compare(a.Topic, b.Topic) })
	return out, nil
}

func (b *Backend) topicDoc(t *metadata.Topic) api.TopicSummary {
	s := api.TopicSummary{Topic: t.Name, TopicID: t.ID.String(), State: api.StateLocal, Writable: t.Writable(), Internal: t.Internal, Partitions: len(t.Partitions)}
	if t.Shadow != nil {
		s.State, s.Link, s.Reason, s.Faulted = t.Shadow.State.String(), t.Shadow.Link, reasonDoc(t.Shadow.Reason), t.Stopped()
	}
	for i := range t.Partitions {
		if p, ok := b.Group.Published(shard.PartitionID{Topic: t.ID, Index: int32(i)}); ok {
			s.SizeBytes += p.SizeBytes
		}
	}
	return s
}

// Topic is everything about one topic.
func (b *Backend) Topic(ctx context.Context, name string) (*api.TopicDescription, error) {
	t := b.Store.Snapshot().Topics[name]
	if t == nil {
		return nil, api.NotFound("topic", name, "umbra topic list")
	}
	out := &api.TopicDescription{TopicSummary: b.topicDoc(t), Configs: t.Configs}
	if t.Shadow != nil {
		out.SourceClusterID = t.Shadow.SourceClusterID
		if !t.Shadow.SourceID.IsZero() {
			out.SourceTopicID = t.Shadow.SourceID.String()
		}
	}
	for i, p := range t.Partitions {
		row := api.TopicPartition{Partition: int32(i), Shard: p.Shard, LeaderEpoch: p.LeaderEpoch, State: out.State}
		if pub, ok := b.Group.Published(shard.PartitionID{Topic: t.ID, Index: int32(i)}); ok {
			row.LeaderEpoch = max(row.LeaderEpoch, pub.LeaderEpoch)
			row.StartOffset, row.HighWatermark, row.LastStableOffset = pub.LogStart, pub.HighWatermark, pub.LastStable
			row.EndOffset, row.SizeBytes = pub.LogEnd, pub.SizeBytes
		}
		out.PartitionRows = append(out.PartitionRows, row)
	}
	if t.Shadow != nil && !t.Writable() {
		b.addLink(ctx, out, t)
	}
	return out, nil
}

// addLink adds what the topic's link knows of it: how far behind each partition
// is, and which of them are stopped. Without the link the states are told, from
// the metadata.
func (b *Backend) addLink(ctx context.Context, out *api.TopicDescription, t *metadata.Topic) {
	for i := range out.PartitionRows {
		state, reason := t.Shadow.StateOf(int32(i))
		out.PartitionRows[i].State, out.PartitionRows[i].Reason = state.String(), reasonDoc(reason)
	}
	out.Stopped = stoppedDocs(t.Shadow.Faults)
	st, err := b.status(ctx, t.Shadow.Link)
	if err != nil {
		return
	}
	at := slices.IndexFunc(st.Topics, func(s link.TopicStatus) bool { return s.Topic.ID == t.ID })
	if at < 0 {
		return // it is of an earlier link of that name
	}
	s := &st.Topics[at]
	lag := lagDoc(s.Lag)
	out.Lag, out.Partial = &lag, partialDoc(s)
	for i := range min(len(out.PartitionRows), len(s.Partitions)) {
		row, p := &out.PartitionRows[i], &s.Partitions[i]
		lag := lagDoc(p.Lag)
		row.State, row.Reason, row.Lag = p.State.String(), reasonDoc(p.Reason), &lag
	}
}
