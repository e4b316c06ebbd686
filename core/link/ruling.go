package link

import (
	"context"
	"errors"

	"umbra/core/link/spec"
	"umbra/core/metadata"
	"umbra/kafkaproto"
)

// ruling is what the link has found about one topic: that it must stop, or some
// partitions of it, or what is to be shown about it.
type ruling struct {
	topic  *metadata.Topic // as it was when this was found
	kind   rulingKind
	faults spec.Faults // kind some
	reason spec.Reason // else; zero: what was shown is over
}

// rulingKind is what a ruling does to its topic. Of several about one topic the
// highest counts.
type rulingKind uint8

const (
	shown rulingKind = iota // nothing but what is said of it
	some                    // partitions stop, the others go on
	whole                   // the topic stops
)

func stopPartition(t *metadata.Topic, index int32, r spec.Reason) ruling {
	return ruling{topic: t, kind: some, faults: spec.Faults{{Partition: index, Reason: r}}}
}

// rule stores rulings, thousands of them in few transactions. Several about one
// topic become one: faults of partitions add up, of others of one kind the last
// counts, but of those that stop it the first. A topic that has moved on since
// (its term rose) is left alone: the ruling is about an earlier life of it.
func (l *Link) rule(ctx context.Context, list []ruling) error {
	list = oneEach(list)
	updates := make([]metadata.ShadowUpdate, len(list))
	now := l.cfg.Now()
	for i, r := range list {
		if r.reason.Code != "" {
			r.reason.Since = now
		}
		for j := range r.faults {
			r.faults[j].Since = now
		}
		l.announce(r)
		updates[i] = metadata.ShadowUpdate{ID: r.topic.ID, Term: r.topic.Shadow.Term, Apply: r.apply}
	}
	var errs []error
	for _, err := range l.cfg.Store.UpdateShadows(ctx, updates) {
		if err != nil && !errors.Is(err, metadata.ErrStale) && !errors.Is(err, metadata.ErrNotFound) && !errors.Is(err, spec.ErrTransition) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func oneEach(list []ruling) []ruling {
	at := map[kafkaproto.TopicID]int{}
	var out []ruling
	for _, r := range list {
		i, ok := at[r.topic.ID]
		if !ok {
			at[r.topic.ID] = len(out)
			out = append(out, r)
			continue
		}
		switch have := &out[i]; {
		case r.kind > have.kind || r.kind == shown && have.kind == shown:
			*have = r
		case r.kind == some && have.kind == some:
			for _, f := range r.faults {
				have.faults = have.faults.With(f)
			}
		}
	}
	return out
}

// apply edits the topic; see metadata.Shadow for what each kind means. What is
// merely to be shown gives way to a fault.
func (r ruling) apply(t *metadata.Topic) error {
	switch {
	case r.kind == whole:
		return t.Shadow.Stop(r.reason)
	case r.kind == some:
		return t.StopPartitions(r.faults)
	case t.Shadow.State != spec.Faulted:
		t.Shadow.Reason = r.reason
	}
	return nil
}

func (l *Link) announce(r ruling) {
	was := r.topic.Shadow
	code, detail := r.reason.Code, r.reason.Detail
	switch {
	case r.kind == some:
		l.announceFaults(r)
	case r.kind == whole && was.State == spec.Faulted && !was.Copying():
		l.log.Warn("topic is stopped; another cause", "topic", r.topic.Name, "reason", code, "detail", detail)
	case r.kind == whole:
		l.log.Error("topic stopped", "event", "topic_faulted", "topic", r.topic.Name, "reason", code, "detail", detail)
	case code != "":
		l.log.Warn("topic needs attention", "event", "topic_noted", "topic", r.topic.Name, "reason", code, "detail", detail)
	default:
		l.log.Info("topic is well again", "event", "topic_well", "topic", r.topic.Name, "was", was.Reason.Code)
	}
}

// announceFaults tells each partition once.
func (l *Link) announceFaults(r ruling) {
	for _, f := range r.faults {
		if !r.topic.Shadow.Faults.Of(f.Partition).IsZero() {
			continue
		}
		l.log.Error("partition stopped; the topic's others go on", "event", "topic_faulted", "topic", r.topic.Name,
			"partition", f.Partition, "reason", f.Code, "detail", f.Detail)
	}
}
