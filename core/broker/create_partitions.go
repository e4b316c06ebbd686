package broker

import (
	"context"

	"umbra/core/metadata"
	"umbra/kafkaproto"
)

// handleCreatePartitions serves CreatePartitions 0-3; the versions differ in
// encoding and in throttling only. Partitions are only ever added. A shadow
// topic has as many as its source. The answer comes when the new ones are open,
// or with REQUEST_TIMED_OUT when the request's time is over.
func handleCreatePartitions(r *request) {
	var req kafkaproto.CreatePartitionsRequest
	if !decode(r, &req) {
		return
	}
	b := r.broker
	r.change("create partitions", func(ctx context.Context, v *verdicts) kafkaproto.Message { return b.createPartitions(ctx, v, &req) })
}

func (b *Broker) createPartitions(ctx context.Context, v *verdicts, req *kafkaproto.CreatePartitionsRequest) *kafkaproto.CreatePartitionsResponse {
	wait, cancel := patience(ctx, req.TimeoutMillis)
	defer cancel()
	first, times := tally(req.Topics, func(t *kafkaproto.CreatePartitionsRequestTopic) string { return t.Topic })
	resp := &kafkaproto.CreatePartitionsResponse{Topics: make([]kafkaproto.CreatePartitionsResponseTopic, len(first))}
	each(len(first), func(i int) {
		asked := &req.Topics[first[i]]
		err := refuse(kafkaproto.InvalidRequest, "topic %q stands in the request %d times", asked.Topic, times[asked.Topic])
		if times[asked.Topic] == 1 {
			err = b.addPartitions(ctx, wait, asked, req.ValidateOnly)
		}
		out := kafkaproto.CreatePartitionsResponseTopic{Topic: asked.Topic}
		out.ErrorCode, out.ErrorMessage = v.of(err, asked.Topic)
		resp.Topics[i] = out
	})
	return resp
}

func (b *Broker) addPartitions(ctx, wait context.Context, asked *kafkaproto.CreatePartitionsRequestTopic, validateOnly bool) error {
	snap := b.store.Snapshot()
	t := snap.Topics[asked.Topic]
	if t == nil {
		return unknownTopic(asked.Topic)
	}
	if err := readOnly(t); err != nil {
		return err
	}
	if err := checkGrowth(snap, t, asked); err != nil || validateOnly {
		return err
	}
	t, err := b.store.AddPartitions(ctx, t.Name, int(asked.Count))
	if err != nil {
		return b.explain(err, asked.Topic)
	}
	b.log.Info("partitions added by a client", "topic", t.Name, "partitions", len(t.Partitions))
	return b.opened(wait, t, int(asked.Count))
}

func checkGrowth(snap *metadata.Snapshot, t *metadata.Topic, asked *kafkaproto.CreatePartitionsRequestTopic) error {
	have, want := len(t.Partitions), int(asked.Count)
	if want <= have || want > metadata.PartitionsMax {
		return refuse(kafkaproto.InvalidPartitions, "topic %q has %d partitions, and partitions are only ever added: want a total of %d to %d, not %d",
			t.Name, have, have+1, metadata.PartitionsMax, want)
	}
	if asked.Assignment == nil {
		return nil
	}
	if len(asked.Assignment) != want-have {
		return refuse(kafkaproto.InvalidReplicaAssignment, "topic %q gets %d more partitions, and the assignment is for %d", t.Name, want-have, len(asked.Assignment))
	}
	for i, a := range asked.Assignment {
		if err := checkReplicas(snap, have+i, a.Replicas); err != nil {
			return err
		}
	}
	return nil
}
