package link

import (
	"context"
	"errors"

	"umbra/core/link/spec"
	"umbra/core/metadata"
	"umbra/kafkaproto"
)

// ruling is what the link has found about one topic: that it must stop, or what
// is to be shown about it.
type ruling struct {
	topic  *metadata.Topic // as it was when this was found
	stop   bool
	reason spec.Reason // zero: what was shown is over
}

// rule stores rulings, thousands of them in few transactions. Of several about
// one topic the first that stops it counts, else the last. A topic that has
// moved on since (its term rose) is left alone: the ruling is about an earlier
// life of it.
func (l *Link) rule(ctx context.Context, list []ruling) error {
	list = oneEach(list)
	updates := make([]metadata.ShadowUpdate, len(list))
	now := l.cfg.Now()
	for i, r := range list {
		if r.reason.Code != "" {
			r.reason.Since = now
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
		switch {
		case !ok:
			at[r.topic.ID] = len(out)
			out = append(out, r)
		case !out[i].stop:
			out[i] = r
		}
	}
	return out
}

// apply edits the topic. The term rises when it stops, so that nothing of it
// that is still on its way can be appended.
func (r ruling) apply(t *metadata.Topic) error {
	if !r.stop {
		t.Shadow.Reason = r.reason
		return nil
	}
	next, err := spec.Next(t.Shadow.State, spec.EventFault)
	if err != nil {
		return err
	}
	if t.Shadow.State != next {
		t.Shadow.Term++
	}
	t.Shadow.State, t.Shadow.Reason = next, r.reason
	return nil
}

func (l *Link) announce(r ruling) {
	code, detail := r.reason.Code, r.reason.Detail
	switch {
	case r.stop && r.topic.Shadow.State == spec.Faulted: // one partition after the other finds out
		l.log.Warn("topic is stopped; another cause", "topic", r.topic.Name, "reason", code, "detail", detail)
	case r.stop:
		l.log.Error("topic stopped", "event", "topic_faulted", "topic", r.topic.Name, "reason", code, "detail", detail)
	case code != "":
		l.log.Warn("topic needs attention", "event", "topic_noted", "topic", r.topic.Name, "reason", code, "detail", detail)
	default:
		l.log.Info("topic is well again", "event", "topic_well", "topic", r.topic.Name, "was", r.topic.Shadow.Reason.Code)
	}
}
