package link

import (
	"cmp"
	"context"
	"slices"
	"time"

	"umbra/core/link/spec"
	"umbra/core/metadata"
)

// resumeEvery is the least time between attempts to finish a failover that ended
// early.
const resumeEvery = 5 * time.Second

// topics are the shadow topics of this very link, ordered by name, also when the
// link itself is deleted.
func (l *Link) topics(snap *metadata.Snapshot) (out []*metadata.Topic) {
	for _, t := range snap.Topics {
		if t.Shadow != nil && t.Shadow.LinkID == l.id {
			out = append(out, t)
		}
	}
	slices.SortFunc(out, func(a, b *metadata.Topic) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// unfinished are the topics whose failover has been decided and has not got to
// its end, by operation.
func (l *Link) unfinished() map[string][]*metadata.Topic {
	out := map[string][]*metadata.Topic{}
	for _, t := range l.topics(l.cfg.Store.Snapshot()) {
		if f := t.Shadow.Failover; f != nil && f.Step < spec.FailoverReceipted {
			out[f.Operation] = append(out[f.Operation], t)
		}
	}
	return out
}

// finishFailovers takes failovers to their end that a crash, a stop or an error
// interrupted: forward only (F1). It does not wait for them.
func (l *Link) finishFailovers(ctx context.Context) {
	now := l.cfg.Now()
	if l.crashed.Load() || now.Sub(l.resumed) < resumeEvery || len(l.unfinished()) == 0 || !l.failovers.TryLock() {
		return
	}
	l.resumed = now
	l.helper.Go(func() {
		defer l.failovers.Unlock()
		for op, topics := range l.unfinished() { // looked up again: whoever held the lock may have finished them
			l.log.Warn("resuming a failover that was interrupted", "event", "failover_started", "topics", len(topics), "operation", op)
			l.newFailover(op, topics[0].Shadow.Failover.By, topics).tallied(ctx) // which tells how it ended
		}
	})
}
