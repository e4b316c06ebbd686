package broker

import (
	"context"
	"errors"
	"sync"

	"umbra/core/metadata"
	"umbra/kafkaproto"
)

// creatable lists the names in the request that do not exist and may be created
// for it: the request allows it, auto.create.topics.enable is on, the name is
// valid, belongs to no cluster's own logs, and no link takes it. A name that a
// link takes stays unknown: the link creates it when the source has it, and a
// client that waits for it then finds it.
func (b *Broker) creatable(snap *metadata.Snapshot, req *kafkaproto.MetadataRequest) []string {
	if !req.AllowAutoTopicCreation || !b.settings.AutoCreateTopics {
		return nil
	}
	var out []string
	first, _ := tally(req.Topics, askedOf)
	for _, i := range first {
		t := &req.Topics[i]
		if t.TopicID.IsZero() && t.Topic != nil && mayCreate(snap, *t.Topic) == nil {
			out = append(out, *t.Topic)
		}
	}
	return out
}

// autoCreate creates topics with the broker's defaults and waits a moment for
// them to open. It gives the codes of those that can never exist; the others
// are unknown or there, as the next snapshot says.
func (b *Broker) autoCreate(ctx context.Context, names []string) map[string]kafkaproto.ErrorCode {
	wait, cancel := context.WithTimeout(ctx, b.cfg.AutoCreateWait)
	defer cancel()
	var mu sync.Mutex // several goroutines of each write to refused
	refused := map[string]kafkaproto.ErrorCode{}
	each(len(names), func(i int) {
		t, err := b.store.CreateTopic(ctx, metadata.NewTopic{Name: names[i]})
		switch {
		case err == nil:
			b.log.Info("topic created for a client's metadata request", "topic", t.Name, "partitions", len(t.Partitions))
		case errors.Is(err, metadata.ErrExists):
			if t = b.store.Snapshot().Topics[names[i]]; t == nil {
				return
			}
		case errors.Is(err, metadata.ErrCollision):
			mu.Lock()
			defer mu.Unlock()
			refused[names[i]] = code(err)
			return
		default:
			b.log.Warn("topic not created for a client's metadata request", "topic", names[i], "err", err)
			return
		}
		// A wait cut short shows in the answer: no leader yet.
		_ = b.keeper().Wait(wait, t.ID, len(t.Partitions))
	})
	return refused
}
