package replicate

import (
	"log/slog"
	"time"
)

// rateLogEvery is how often one message may be logged by one fetcher.
const rateLogEvery = 10 * time.Second

// rateLog keeps a source that fails a thousand times a second out of the
// operator's log: each message is written once per rateLogEvery, with the
// number that were left out. Loop only.
type rateLog struct {
	log  *slog.Logger
	now  func() time.Time
	seen map[string]*rateEntry
}

type rateEntry struct {
	at      time.Time
	skipped int
}

func newRateLog(log *slog.Logger, now func() time.Time) rateLog {
	return rateLog{log: log, now: now, seen: map[string]*rateEntry{}}
}

// Warn logs msg unless it was logged a moment ago. The set of messages is the
// set of call sites, so the map is bounded.
func (l rateLog) Warn(msg string, args ...any) {
	e, now := l.seen[msg], l.now()
	switch {
	case e == nil:
		l.seen[msg] = &rateEntry{at: now}
	case now.Sub(e.at) < rateLogEvery:
		e.skipped++
		return
	default:
		if e.skipped > 0 {
			args = append(args, "repeated", e.skipped)
		}
		e.at, e.skipped = now, 0
	}
	l.log.Warn(msg, args...)
}
