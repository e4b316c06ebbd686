package soak

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"
)

// Count is how often a check was done.
type Count struct {
	Done    int64 `json:"done"`
	Skipped int64 `json:"skipped"` // it could not be done then: a side was away
	Failed  int64 `json:"failed"`
}

// Violation is something that cannot be.
type Violation struct {
	Seconds float64   `json:"seconds"` // since the run began
	At      time.Time `json:"at"`
	Check   string    `json:"check"`
	Subject string    `json:"subject"` // a partition, a topic, a series
	Detail  string    `json:"detail"`
	Events  []string  `json:"events"` // the latest ones of the nemesis, the last one last
}

// Mark is an event as it happened.
type Mark struct {
	Seconds float64 `json:"seconds"`
	Lasted  float64 `json:"lasted"`
	Kind    Kind    `json:"kind"`
	Detail  string  `json:"detail"`
	Failed  string  `json:"failed,omitempty"` // why it did not happen
}

const (
	violationsMax = 50 // that are kept; all are counted
	recentEvents  = 8  // that a violation carries
)

// A book holds what happened and what was found, and writes each line of it to the
// journal at once. Any goroutine may use it.
type book struct {
	mu         sync.Mutex
	begin      time.Time
	journal    *bufio.Writer
	counts     map[string]*Count
	marks      []Mark
	recent     []string
	violations []Violation
	seen       map[string]bool // check and subject of violations: each is told once
	failed     int64
	onFirst    func() // told of the first violation
}

func newBook(journal io.Writer) *book {
	return &book{begin: time.Now(), journal: bufio.NewWriter(journal), counts: map[string]*Count{}, seen: map[string]bool{}, onFirst: func() {}}
}

// A line of the journal.
type line struct {
	Seconds float64   `json:"seconds"`
	At      time.Time `json:"at"`
	What    string    `json:"what"` // phase, event, healed, check, skipped, violation, figures
	Name    string    `json:"name"`
	Subject string    `json:"subject,omitempty"`
	Detail  string    `json:"detail,omitempty"`
	Data    any       `json:"data,omitempty"`
}

func (b *book) since() float64 { return time.Since(b.begin).Seconds() }

// write puts a line into the journal; the lock is held.
func (b *book) write(what, name, subject, detail string, data any) {
	l := line{Seconds: b.since(), At: time.Now().UTC(), What: what, Name: name, Subject: subject, Detail: detail, Data: data}
	j, err := json.Marshal(l)
	if err == nil {
		b.journal.Write(append(j, '\n'))
		b.journal.Flush()
	}
}

// phase notes where in its story the run is.
func (b *book) phase(name, format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.write("phase", name, "", fmt.Sprintf(format, args...), nil)
}

// event notes that the nemesis acts, and returns what notes the end of it.
func (b *book) event(e Event, detail string) (healed func(err error)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	begin := b.since()
	b.write("event", string(e.Kind), "", detail, e)
	b.recent = append(b.recent, fmt.Sprintf("%.1fs %s %s", begin, e.Kind, detail))
	b.recent = b.recent[max(0, len(b.recent)-recentEvents):]
	return func(err error) {
		b.mu.Lock()
		defer b.mu.Unlock()
		m := Mark{Seconds: begin, Lasted: b.since() - begin, Kind: e.Kind, Detail: detail}
		if err != nil {
			m.Failed = err.Error()
		}
		b.marks = append(b.marks, m)
		b.write("healed", string(e.Kind), "", m.Failed, nil)
	}
}

func (b *book) count(check string) *Count {
	c := b.counts[check]
	if c == nil {
		c = &Count{}
		b.counts[check] = c
	}
	return c
}

// passed counts a check that found all well. Small ones come every second and leave no
// line; a detail makes one.
func (b *book) passed(check, subject, detail string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.count(check).Done++
	if detail != "" {
		b.write("check", check, subject, detail, nil)
	}
}

// skipped counts a check that could not be done.
func (b *book) skipped(check, subject string, why error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.count(check).Skipped++
	b.write("skipped", check, subject, why.Error(), nil)
}

// violate notes what cannot be. What is wrong about one subject is told once.
func (b *book) violate(check, subject, format string, args ...any) {
	b.mu.Lock()
	first := b.failed == 0
	b.count(check).Done++
	b.count(check).Failed++
	b.failed++
	if key := check + "\x00" + subject; !b.seen[key] {
		b.seen[key] = true
		v := Violation{Seconds: b.since(), At: time.Now().UTC(), Check: check, Subject: subject, Detail: fmt.Sprintf(format, args...), Events: slices.Clone(b.recent)}
		if len(b.violations) < violationsMax {
			b.violations = append(b.violations, v)
		}
		b.write("violation", check, subject, v.Detail, v.Events)
	}
	b.mu.Unlock()
	if first {
		b.onFirst()
	}
}

// judge sorts the outcome of a check: an error that passes is no verdict.
func (b *book) judge(check, subject, detail string, err error) {
	switch {
	case err == nil:
		b.passed(check, subject, detail)
	case isWrong(err):
		b.violate(check, subject, "%v", err)
	default:
		b.skipped(check, subject, err)
	}
}

// clean says whether nothing was violated so far.
func (b *book) clean() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.failed == 0
}
