package link

import (
	"fmt"

	"umbra/core/link/source"
	"umbra/core/link/spec"
	"umbra/core/metadata"
	"umbra/kafkaproto"
)

// change is one thing that must be done so that the shadow topics of a link
// follow what the source has.
type change struct {
	kind   changeKind
	topic  string
	source *source.Topic   // create, grow
	shadow *metadata.Topic // all but create
	reason spec.Reason     // fault, note
}

type changeKind uint8

const (
	create   changeKind = iota // the filter takes a topic that is not here yet
	grow                       // the source has more partitions
	fault                      // the topic as a whole cannot go on
	note                       // the topic goes on (or has nothing to copy); the reason is shown
	unnote                     // a note does not hold any more
	identify                   // the source has given the topic an id since
	conflict                   // the filter takes a topic whose name is taken here
	adopted                    // nothing to do; the topic is followed
)

// discover compares a link's shadow topics with the source's topics. It is
// pure. Topics that are being failed over, or are, are left alone: F2.
func discover(l *spec.Link, shadows []*metadata.Topic, taken func(name string) *metadata.Topic, cl *source.Cluster) []change {
	at := map[string]*source.Topic{}
	for i := range cl.Topics {
		at[cl.Topics[i].Name] = &cl.Topics[i]
	}
	var out []change
	ours := map[string]bool{}
	for _, t := range shadows {
		ours[t.Name] = true
		if c, ok := compare(t, at[t.Name], cl.TopicIDs); ok {
			out = append(out, c)
		}
	}
	for i := range cl.Topics {
		if s := &cl.Topics[i]; !ours[s.Name] && wanted(l, s) {
			out = append(out, newTopic(s, taken(s.Name)))
		}
	}
	return out
}

// wanted: the filter takes it, and the source could tell us what it is.
func wanted(l *spec.Link, s *source.Topic) bool {
	ok, _ := l.Filter.Matches(s.Name)
	return ok && s.Err == kafkaproto.None && len(s.Partitions) > 0
}

func newTopic(s *source.Topic, existing *metadata.Topic) change {
	if existing != nil {
		return change{kind: conflict, topic: s.Name, source: s, shadow: existing,
			reason: spec.Reason{Code: spec.LocalNameConflict, Detail: fmt.Sprintf("topic id here %s, at the source %s", existing.ID, s.ID)}}
	}
	return change{kind: create, topic: s.Name, source: s}
}

// compare looks at one shadow topic and its source.
func compare(t *metadata.Topic, s *source.Topic, ids bool) (change, bool) {
	sh := t.Shadow
	if sh.State == spec.FailingOver || sh.State == spec.FailedOver {
		return change{}, false
	}
	c := change{topic: t.Name, shadow: t, source: s}
	stopped := sh.State == spec.Faulted // also in part: what stopped it is what is shown, until it is resumed
	switch {
	case s == nil || s.Err == kafkaproto.UnknownTopicOrPartition:
		if stopped {
			return c, false
		}
		return c.as(note, spec.SourceDeleted, "its data here is kept")
	case ids && !s.ID.IsZero() && !sh.SourceID.IsZero() && s.ID != sh.SourceID:
		return c.as(fault, spec.SourceRecreated, fmt.Sprintf("topic id was %s, is now %s; the old data here is kept", sh.SourceID, s.ID))
	case s.Err == kafkaproto.TopicAuthorizationFailed && !stopped:
		return c.as(note, spec.SourceAuthorization, notDescribed)
	case s.Err != kafkaproto.None:
		return c, false // in transition at the source: the next refresh tells
	case len(s.Partitions) < len(t.Partitions):
		return c.as(fault, spec.SourceShrunk, fmt.Sprintf("%d partitions here, %d at the source", len(t.Partitions), len(s.Partitions)))
	case !sh.Copying():
		return c, false
	case ids && !s.ID.IsZero() && sh.SourceID.IsZero():
		c.kind = identify
		return c, true
	case len(s.Partitions) > len(t.Partitions):
		c.kind = grow
		return c, true
	case stopped:
		return c, false
	case cleared(sh.Reason):
		c.kind = unnote
		return c, true
	}
	c.kind = adopted
	return c, true
}

func (c change) as(kind changeKind, code spec.Code, detail string) (change, bool) {
	c.kind, c.reason = kind, spec.Reason{Code: code, Detail: detail}
	if c.shadow.Shadow.Reason.Code == code && c.shadow.Shadow.Reason.Detail == detail {
		return c, false // known already
	}
	return c, true
}

// notDescribed is the detail of a refusal that a look at the source has met; a
// refusal that a fetch has met is taken back by a fetch.
const notDescribed = "the source refuses to describe the topic"

// cleared are the notes that a good look at the source takes back.
func cleared(r spec.Reason) bool {
	return r.Code == spec.SourceDeleted || r.Code == spec.SourceAuthorization && r.Detail == notDescribed
}
