package link

import (
	"time"
)

const (
	// refreshSoon is how long a link gathers events before it asks the source
	// again: a broker that dies makes one event per partition.
	refreshSoon = 50 * time.Millisecond
	// calmAfter is how long no event must have come for the next one to be
	// answered at once.
	calmAfter = 5 * time.Second
)

// schedule says when a link looks at its source next. Looks that events ask for
// come sooner than the regular ones, but the further apart the more of them
// there are: one look costs the source its whole list of topics, and a source
// in trouble makes events faster than looks can help. It is pure.
type schedule struct {
	due   time.Time     // zero: not known yet
	last  time.Time     // the last look's beginning
	asked time.Time     // the last event that asked for a look
	pace  time.Duration // least time between looks that events ask for
	limit time.Duration // of pace
}

// ask moves the next look close. It only ever moves it closer, however many
// events there are.
func (s *schedule) ask(now time.Time) (due time.Time) {
	if now.Sub(s.asked) > max(calmAfter, 2*s.pace) {
		s.pace = 0
	}
	s.asked = now
	at := now.Add(refreshSoon)
	if !s.last.IsZero() && s.last.Add(s.pace).After(at) {
		at = s.last.Add(s.pace)
	}
	return s.at(at)
}

// at has a look at a moment, or at the earlier one that is due already.
func (s *schedule) at(t time.Time) (due time.Time) {
	if s.due.IsZero() || t.Before(s.due) {
		s.due = t
	}
	return s.due
}

// begin notes that a look begins; events asked for it when they came after the
// one before.
func (s *schedule) begin(now time.Time) {
	if s.asked.After(s.last) {
		s.pace = min(max(2*s.pace, 2*refreshSoon), s.limit)
	}
	s.last, s.due = now, time.Time{}
}
