package admin

import (
	"net/http"
	"sync"
	"time"

	"umbra/admin/api"
)

// eventsKept is how many events the ring holds.
const eventsKept = 1024

// Events is the ring of what happened lately. Any goroutine may use it; it
// remembers eventsKept events and forgets the oldest.
type Events struct {
	mu   sync.Mutex
	ring []api.Event // in order of sequence, starting at oldest
	next int64       // sequence of the next event, from 1
}

// NewEvents is an empty ring.
func NewEvents() *Events { return &Events{next: 1} }

// Add records e; sequence is set, and the time where it is missing.
func (e *Events) Add(ev api.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	ev.Sequence = e.next
	e.next++
	if ev.At.IsZero() {
		ev.At = time.Now()
	}
	ev.At = ev.At.UTC()
	if len(e.ring) < eventsKept {
		e.ring = append(e.ring, ev)
		return
	}
	e.ring[(ev.Sequence-1)%eventsKept] = ev
}

// recent returns the latest limit events that keep accepts and that came
// after the sequence number, oldest first.
func (e *Events) recent(after int64, limit int, keep func(*api.Event) bool) (events []api.Event, dropped int64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	first := e.next - int64(len(e.ring))
	dropped = max(0, first-1-max(after, 0))
	for seq := e.next - 1; seq >= first && seq > after && len(events) < limit; seq-- {
		if ev := &e.ring[(seq-1)%eventsKept]; keep(ev) {
			events = append(events, *ev)
		}
	}
	for i, j := 0, len(events)-1; i < j; i, j = i+1, j-1 {
		events[i], events[j] = events[j], events[i]
	}
	return events, dropped
}

func ofLink(link string) func(*api.Event) bool {
	return func(ev *api.Event) bool { return link == "" || ev.Link == link }
}

// getEvents answers GET /v1/events?link=&after=&limit=.
func (s *Server) getEvents(r *request) (any, error) {
	after, err := r.int("after", 0)
	if err != nil {
		return nil, err
	}
	limit, err := r.int("limit", 100)
	if err != nil {
		return nil, err
	}
	events, dropped := s.events.recent(after, int(min(limit, eventsKept)), ofLink(r.query("link")))
	return &api.EventList{Events: events, Dropped: dropped}, nil
}

func (s *Server) eventRoutes() []route {
	return []route{{http.MethodGet, "/v1/events", s.getEvents}}
}
