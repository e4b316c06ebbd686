package link

import (
	"testing"
	"time"
)

// TestScheduleIsNotPutOff: events that never stop must not keep a link from
// looking, nor have it look without a pause.
func TestScheduleIsNotPutOff(t *testing.T) {
	s := schedule{limit: 5 * time.Second}
	start := time.Unix(1_700_000_000, 0)
	now, looks := start, 0
	for ; now.Before(start.Add(time.Minute)); now = now.Add(time.Millisecond) {
		due := s.ask(now) // an event each millisecond
		if !now.Before(due) {
			s.begin(now)
			looks++
		}
	}
	// 100 ms, 200 ms, .. 3.2 s, then every 5 s.
	if looks < 12 || looks > 25 {
		t.Errorf("%d looks in a minute of events", looks)
	}
	// After a calm, an event is answered at once.
	s.begin(now)
	now = now.Add(time.Minute)
	if due := s.ask(now); due.Sub(now) != refreshSoon {
		t.Errorf("an event after a calm waits %s", due.Sub(now))
	}
	// A later regular look does not put it off.
	if due := s.at(now.Add(time.Hour)); due.Sub(now) != refreshSoon {
		t.Errorf("the look was put off to %s", due.Sub(now))
	}
}
