package soak

import (
	"sync"
	"time"

	"umbra/loadtest/workload"
)

// A Recovery is how long it took, from the end of an event, until everything that the
// source had at that moment was on the shadow.
type Recovery struct {
	Kind    Kind    `json:"kind"`
	Seconds float64 `json:"seconds"`
}

// recoveries measures. An event that begins while another's recovery is under way ends
// that measurement: what it would measure is both.
type recoveries struct {
	mu          sync.Mutex
	active      int
	pending     Kind // whose recovery is measured; empty: none's
	since       time.Time
	done        []Recovery
	interrupted int
}

// begin notes an event; what it returns notes its end.
func (r *recoveries) begin(k Kind) (end func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.pending != "" {
		r.interrupted++
		r.pending = ""
	}
	r.active++
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.active--
		if r.active > 0 {
			r.interrupted++
			return
		}
		r.pending, r.since = k, time.Now()
	}
}

// quiet says that nothing is being done to anybody.
func (r *recoveries) quiet() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.active == 0
}

// look compares what the shadow has, as of now, with what the source had.
func (r *recoveries) look(h *history, held map[workload.TopicPartition]int64, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.pending == "" {
		return
	}
	want, ok := h.after(r.since)
	if !ok {
		return
	}
	for tp, end := range want.of {
		if has, there := held[tp]; !there || has < end {
			return
		}
	}
	r.done = append(r.done, Recovery{Kind: r.pending, Seconds: now.Sub(r.since).Seconds()})
	r.pending = ""
}
