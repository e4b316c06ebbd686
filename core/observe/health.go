package observe

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// Readiness is the list of what must be true before this process serves, such
// as "listeners" or "recovery". Facts about a source have no place in it. Safe
// for any goroutine.
type Readiness struct {
	began time.Time
	mu    sync.Mutex // parts come up on their own goroutines
	parts []part
	ready time.Time // first time everything was
}

type part struct {
	name   string
	ok     bool
	detail string
}

// NewReadiness names the parts in the order they are shown; none is ready yet.
func NewReadiness(began time.Time, parts ...string) *Readiness {
	r := &Readiness{began: began}
	for _, name := range parts {
		r.parts = append(r.parts, part{name: name, detail: "not started"})
	}
	return r
}

// Set records a part's state with a detail in words. An unknown name is a bug.
func (r *Readiness) Set(name string, ok bool, detail string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.IndexFunc(r.parts, func(p part) bool { return p.name == name })
	if i < 0 {
		panic(fmt.Sprintf("BUG: readiness has no part %q", name))
	}
	r.parts[i] = part{name, ok, detail}
	if r.ready.IsZero() && r.allOK() {
		r.ready = time.Now()
	}
}

func (r *Readiness) allOK() bool {
	return !slices.ContainsFunc(r.parts, func(p part) bool { return !p.ok })
}

// Ready reports whether every part is.
func (r *Readiness) Ready() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.allOK()
}

// Report is one line per part.
func (r *Readiness) Report() (ok bool, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var b strings.Builder
	for _, p := range r.parts {
		writeCheck(&b, p.name, p.ok, p.detail)
	}
	return r.allOK(), b.String()
}

func writeCheck(b *strings.Builder, name string, ok bool, detail string) {
	sign := "-"
	if ok {
		sign = "+"
	}
	fmt.Fprintf(b, "[%s] %s", sign, name)
	if detail != "" {
		fmt.Fprintf(b, ": %s", detail)
	}
	b.WriteByte('\n')
}

// Collect emits umbra_ready and how long the start took.
func (r *Readiness) Collect(e *Emit) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e.Bool("umbra_ready", r.allOK())
	e.Time("umbra_start_timestamp_seconds", r.began)
	took := 0.0
	if !r.ready.IsZero() {
		took = r.ready.Sub(r.began).Seconds()
	}
	e.Value("umbra_start_duration_seconds", took)
}

// Check is a live test of the process itself, for /health. It must be quick
// and must not ask a source.
type Check struct {
	Name string
	Run  func() error
}

// Health is the list of checks that must pass for /health. Owners add theirs
// as they come up. Safe for any goroutine.
type Health struct {
	mu     sync.Mutex
	checks []Check
}

// Add appends checks.
func (h *Health) Add(checks ...Check) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.checks = append(h.checks, checks...)
}

// Report runs the checks and is one line for each.
func (h *Health) Report() (ok bool, text string) {
	h.mu.Lock()
	checks := slices.Clone(h.checks)
	h.mu.Unlock()
	var b strings.Builder
	ok = true
	for _, c := range checks {
		err := c.Run()
		detail := ""
		if err != nil {
			ok, detail = false, err.Error()
		}
		writeCheck(&b, c.Name, err == nil, detail)
	}
	return ok, b.String()
}
