package replicate

import (
	"time"

	"umbra/shard"
)

// trimRetry is how long a start that could not be moved waits.
const trimRetry = time.Second

// trim is the way of a log's start to the source's (S5). One move is under way
// at a time: while it waits for the log to be durable, answers that name the
// same start must not queue the same work again.
type trim struct {
	busy  bool
	retry *shard.Timer
	after []func() // wait for the move that is under way
}

// followStart moves the log's start to the source's. It is called for every
// answer, with or without records, and tries again by itself after an error: a
// start may have to move when no data ever comes again. It never lets the start
// overtake either the source's or what is held here; an overtaken end is a gap,
// which the control plane records first.
func (r *Replicator) followStart(s *shard.Shard) {
	log, to := r.part.Log, r.progress.SourceStart
	if r.trim.busy || r.trim.retry != nil || to <= log.StartOffset() || to > log.EndOffset() || log.Term() != r.Term {
		return
	}
	if log.Err() != nil {
		// A log on a full disk is about to take back its tail, perhaps below the
		// new start: moving it now would be a reset, a gap nobody recorded.
		r.trimLater(s)
		return
	}
	r.trim.busy = true
	log.SetStart(to, func(err error) {
		r.trim.busy = false
		after := r.trim.after
		r.trim.after = nil
		for _, f := range after {
			f()
		}
		switch {
		case r.phase == stopped || log.Term() != r.Term:
		case err != nil:
			r.trimLater(s)
		default:
			r.followStart(s) // it may have moved on meanwhile
		}
	})
}

func (r *Replicator) trimLater(s *shard.Shard) {
	r.trim.retry = s.After(trimRetry, func() {
		r.trim.retry = nil
		if r.phase != stopped {
			r.followStart(s)
		}
	})
}

// whenTrimmed calls f once no move of the start is under way.
func (r *Replicator) whenTrimmed(f func()) {
	if r.trim.busy {
		r.trim.after = append(r.trim.after, f)
		return
	}
	f()
}
