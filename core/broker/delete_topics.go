package broker

import (
	"context"

	"umbra/core/metadata"
	"umbra/kafkaproto"
)

// handleDeleteTopics serves DeleteTopics 1-6.
//
//	v1-v5 topics by name
//	v5+   the answer has messages
//	v6    by name or by topic id, and both are in the answer
//
// A shadow topic that has not been failed over is refused: its link would only
// copy it again. The answer comes when Metadata no longer shows the topic and
// its files are gone, or with REQUEST_TIMED_OUT when the request's time is over.
func handleDeleteTopics(r *request) {
	var req kafkaproto.DeleteTopicsRequest
	if !decode(r, &req) {
		return
	}
	b, version := r.broker, r.version()
	for i := range req.TopicNames {
		req.Topics = append(req.Topics, kafkaproto.DeleteTopicsRequestTopic{Topic: &req.TopicNames[i]})
	}
	r.change("delete topics", func(ctx context.Context, v *verdicts) kafkaproto.Message {
		return b.deleteTopics(ctx, v, &req, version)
	})
}

// deletion is one topic to delete, or why not.
type deletion struct {
	asked kafkaproto.DeleteTopicsRequestTopic
	topic *metadata.Topic
	err   error
}

func (b *Broker) deleteTopics(ctx context.Context, v *verdicts, req *kafkaproto.DeleteTopicsRequest, version int16) *kafkaproto.DeleteTopicsResponse {
	wait, cancel := patience(ctx, req.TimeoutMillis)
	defer cancel()
	list := b.deletions(req, version)
	each(len(list), func(i int) {
		if d := &list[i]; d.err == nil {
			d.err = b.deleteTopic(ctx, wait, d)
		}
	})
	resp := &kafkaproto.DeleteTopicsResponse{Topics: make([]kafkaproto.DeleteTopicsResponseTopic, len(list))}
	for i, d := range list {
		out := kafkaproto.DeleteTopicsResponseTopic{Topic: d.asked.Topic, TopicID: d.asked.TopicID}
		if d.topic != nil {
			out.Topic, out.TopicID = &d.topic.Name, d.topic.ID
		}
		out.ErrorCode, out.ErrorMessage = v.of(d.err, d.noun())
		resp.Topics[i] = out
	}
	return resp
}

func (d *deletion) noun() string {
	switch {
	case d.topic != nil:
		return d.topic.Name
	case d.asked.Topic != nil:
		return *d.asked.Topic
	}
	return "topic id " + d.asked.TopicID.String()
}

// deletions resolves what was asked for. A topic that is asked for twice, in
// whatever form, is refused both times.
func (b *Broker) deletions(req *kafkaproto.DeleteTopicsRequest, version int16) []deletion {
	snap := b.store.Snapshot()
	list := make([]deletion, len(req.Topics))
	for i := range req.Topics {
		list[i] = b.deletion(snap, req.Topics[i], version)
	}
	_, times := tally(list, func(d *deletion) *metadata.Topic { return d.topic })
	for i := range list {
		if t := list[i].topic; t != nil && times[t] > 1 {
			list[i].err = refuse(kafkaproto.InvalidRequest, "topic %q stands in the request %d times", t.Name, times[t])
		}
	}
	return list
}

func (b *Broker) deletion(snap *metadata.Snapshot, asked kafkaproto.DeleteTopicsRequestTopic, version int16) deletion {
	d := deletion{asked: asked}
	byID := !asked.TopicID.IsZero()
	switch {
	case !b.settings.DeleteTopics && version < 3:
		d.err = refuse(kafkaproto.InvalidRequest, "deleting topics is switched off (delete.topic.enable)")
	case !b.settings.DeleteTopics:
		d.err = refuse(kafkaproto.TopicDeletionDisabled, "deleting topics is switched off (delete.topic.enable)")
	case byID == (asked.Topic != nil):
		d.err = refuse(kafkaproto.InvalidRequest, "name the topic either by its name or by its id")
	case byID:
		if d.topic = snap.ByID(asked.TopicID); d.topic == nil {
			d.err = refuse(kafkaproto.UnknownTopicID, "no topic has the id %s", asked.TopicID)
		}
	default:
		if d.topic = snap.Topics[*asked.Topic]; d.topic == nil {
			d.err = refuse(kafkaproto.UnknownTopicOrPartition, "topic %q does not exist", *asked.Topic)
		}
	}
	if d.topic != nil && d.err == nil {
		d.err = readOnly(d.topic)
	}
	return d
}

// deleteTopic deletes exactly the topic that was resolved: one of the same name
// made meanwhile is safe.
func (b *Broker) deleteTopic(ctx, wait context.Context, d *deletion) error {
	t := d.topic
	if err := b.store.DeleteTopic(ctx, t.Name, t.ID); err != nil {
		return b.explain(err, t.Name)
	}
	b.log.Info("topic deleted by a client", "topic", t.Name, "topic_id", t.ID, "partitions", len(t.Partitions))
	if err := b.keeper().Wait(wait, t.ID, 0); err != nil {
		return waitError(err, "topic %q is deleted, and its files are still being removed", t.Name)
	}
	return nil
}
