package link

import (
	"context"
	"errors"
	"fmt"

	"umbra/core/link/replicate"
	"umbra/core/link/spec"
	"umbra/core/metadata"
	"umbra/ioring/buf"
	"umbra/kafkaproto"
	"umbra/shard"
	"umbra/shard/segment"
)

// eventsMax bounds the events of a link's shards that wait for its goroutine.
// One that finds no room is dropped: every partition it speaks about is stopped,
// or says what it waits for, and is found again by the next refresh.
const eventsMax = 4096

// report runs on a shard's loop.
func (l *Link) report(e replicate.Event) {
	if e.Kind == replicate.BrokerDown {
		l.noteBroker(e)
	}
	select {
	case l.events <- e:
	default: // see eventsMax
	}
}

// noteBroker keeps why a source broker was lost last, for status.
func (l *Link) noteBroker(e replicate.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.state.lost) >= brokersShown {
		clear(l.state.lost)
	}
	l.state.lost[e.Broker.Addr] = e.Err
}

// brokersShown bounds what a source with ever new addresses costs.
const brokersShown = 1000

// drain is e and all events that wait behind it.
func (l *Link) drain(e replicate.Event) []replicate.Event {
	list := []replicate.Event{e}
	for {
		select {
		case e := <-l.events:
			list = append(list, e)
		default:
			return list
		}
	}
}

// take handles events of the shards; true asks for a refresh soon.
func (l *Link) take(ctx context.Context, list []replicate.Event) (refresh bool) {
	snap := l.cfg.Store.Snapshot()
	var rulings []ruling
	touched := map[kafkaproto.TopicID]*metadata.Topic{}
	for _, e := range list {
		t := snap.ByID(e.Partition.Topic)
		ours := t != nil && t.Shadow != nil && t.Shadow.LinkID == l.id && t.Shadow.Term == e.Term
		switch e.Kind {
		case replicate.Faulted:
			if ours { // an event of an earlier term is about an earlier life of the topic
				rulings = append(rulings, stopPartition(t, e.Partition.Index, faultReason(e.Err)))
			}
		case replicate.Refused:
			l.waits[e.Partition] = waitReason(e)
			touched[e.Partition.Topic] = t
		case replicate.Accepted:
			delete(l.waits, e.Partition)
			touched[e.Partition.Topic] = t
		case replicate.BrokerUp:
		default:
			refresh = true
		}
	}
	for _, t := range touched {
		if t != nil && t.Shadow != nil && t.Shadow.LinkID == l.id {
			rulings = append(rulings, l.waiting(t)...)
		}
	}
	if err := l.rule(ctx, rulings); err != nil && ctx.Err() == nil {
		l.log.Warn("topic states not stored; the partitions stay stopped and are looked at again", "err", err)
		return true
	}
	return refresh
}

// waitReason is what an operator reads while a partition waits.
func waitReason(e replicate.Event) spec.Reason {
	switch code, index := e.Code, e.Partition.Index; {
	case errors.Is(e.Err, segment.ErrNoSpace):
		return spec.Reason{Code: spec.LocalStorageFull, Detail: fmt.Sprintf("partition %d has no room", index)}
	case errors.Is(e.Err, buf.ErrBudget):
		return spec.Reason{Code: spec.LocalMemoryFull, Detail: fmt.Sprintf("partition %d finds none", index)}
	case code == kafkaproto.TopicAuthorizationFailed || code == kafkaproto.ClusterAuthorizationFailed:
		return spec.Reason{Code: spec.SourceAuthorization, Detail: "fetch is refused with " + code.Error()}
	}
	return spec.Reason{Code: spec.SourceRefuses, Detail: fmt.Sprintf("fetch of partition %d is refused with %s", e.Partition.Index, e.Code.Error())}
}

// waiting rules what is shown of a topic whose partitions wait for something,
// or wait no more. Of a topic with stopped partitions it is those that are shown,
// until they are resumed.
func (l *Link) waiting(t *metadata.Topic) []ruling {
	if t.Shadow.State != spec.Active {
		return nil
	}
	var want spec.Reason
	for i := range t.Partitions {
		if r, ok := l.waits[shard.PartitionID{Topic: t.ID, Index: int32(i)}]; ok && (want.Code == "" || r.Code == spec.LocalStorageFull) {
			want = r
		}
	}
	now := t.Shadow.Reason
	switch {
	case want.Code != "" && want.Code != now.Code:
		return []ruling{{topic: t, reason: want}}
	case want.Code == "" && clearsByWaiting(now.Code):
		return []ruling{{topic: t}}
	}
	return nil
}

// untold are the topics of which nothing is said although partitions of them
// wait: what was said gave way to a fault, and that is resumed since.
func (l *Link) untold(def *spec.Link) (out []ruling) {
	if len(l.waits) == 0 {
		return nil
	}
	for _, t := range l.cfg.Store.Snapshot().ShadowsOf(def) {
		if t.Shadow.Reason.IsZero() {
			out = append(out, l.waiting(t)...)
		}
	}
	return out
}

// clearsByWaiting are the notes that end when no partition waits any more.
func clearsByWaiting(c spec.Code) bool {
	return c == spec.LocalStorageFull || c == spec.LocalMemoryFull || c == spec.SourceRefuses || c == spec.SourceAuthorization
}
