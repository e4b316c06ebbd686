package link

import (
	"context"
	"errors"
	"maps"
	"time"

	"umbra/core/link/replicate"
	"umbra/core/link/verify"
	"umbra/core/metadata"
	"umbra/kafkaproto"
)

// Totals are what a link did since this process began to run it, besides
// copying. They only grow, except that Verified forgets topics that are gone.
type Totals struct {
	ControlErrors int64 // questions to the source that failed: metadata, configs, offsets
	GapRecords    int64 // offsets that went into the gap ledger
	CutRecords    int64 // offsets that went into the cut ledger

	Failovers       map[FailoverResult]int64
	FailoverSeconds replicate.Histogram // from the decision until the last topic was writable

	Verified map[kafkaproto.TopicID]TopicVerified
}

// FailoverResult is how a failover ended.
type FailoverResult string

const (
	FailoverDone    FailoverResult = "done"    // every topic is writable
	FailoverPartial FailoverResult = "partial" // some are
	FailoverFailed  FailoverResult = "failed"  // it ended early; it goes on when it is asked for again, or at the next start
)

// FailoverResults lists them.
func FailoverResults() []FailoverResult {
	return []FailoverResult{FailoverDone, FailoverPartial, FailoverFailed}
}

// TopicVerified is what verifications of one topic found.
type TopicVerified struct {
	Equal      time.Time // when the last one that found it equal ended; zero: never
	Mismatches int64     // partitions found different, over all verifications
}

func (t Totals) clone() Totals {
	t.Failovers, t.Verified = maps.Clone(t.Failovers), maps.Clone(t.Verified)
	return t
}

// tally changes the totals.
func (l *Link) tally(change func(*Totals)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change(&l.state.totals)
}

// tallyFailover counts a failover that has ended. One that was left because the
// process stops, or that had nothing to do, is none.
func (l *Link) tallyFailover(ctx context.Context, r *Receipt, err error) {
	if ctx.Err() != nil || errors.Is(err, ErrNothingToDo) {
		return
	}
	result := FailoverDone
	switch {
	case err != nil:
		result = FailoverFailed
	case r.Partial():
		result = FailoverPartial
	}
	l.tally(func(t *Totals) {
		if t.Failovers == nil {
			t.Failovers = map[FailoverResult]int64{}
		}
		t.Failovers[result]++
		if err == nil {
			t.FailoverSeconds.Observe(r.writableAfter())
		}
	})
}

// writableAfter is the time from the decision until the last topic was
// writable.
func (r *Receipt) writableAfter() (d time.Duration) {
	for _, t := range r.Topics {
		if !t.Writable.IsZero() {
			d = max(d, t.Writable.Sub(t.Started))
		}
	}
	return d
}

// tallyVerification notes what a verification of some of the link's topics
// found. A topic is equal when every partition of it was compared to its end.
func (l *Link) tallyVerification(v *Verification, topics []*metadata.Topic, at time.Time) {
	ids := map[string]kafkaproto.TopicID{}
	alive := map[kafkaproto.TopicID]bool{}
	for _, t := range topics {
		ids[t.Name], alive[t.ID] = t.ID, true
	}
	found := verdicts(v.Results)
	l.tally(func(t *Totals) {
		if t.Verified == nil {
			t.Verified = map[kafkaproto.TopicID]TopicVerified{}
		}
		maps.DeleteFunc(t.Verified, func(id kafkaproto.TopicID, _ TopicVerified) bool { return !alive[id] })
		for topic, f := range found {
			row := t.Verified[ids[topic]]
			row.Mismatches += f.different
			if f.different == 0 && f.failed == 0 && v.Left[topic] == "" {
				row.Equal = at
			}
			t.Verified[ids[topic]] = row
		}
	})
}

type verdict struct{ different, failed int64 }

func verdicts(results []verify.Result) map[string]verdict {
	out := map[string]verdict{}
	for _, r := range results {
		f := out[r.Target.Topic]
		if r.Difference != nil {
			f.different++
		}
		if r.Err != nil {
			f.failed++
		}
		out[r.Target.Topic] = f
	}
	return out
}
