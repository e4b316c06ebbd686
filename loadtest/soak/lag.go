package soak

import (
	"fmt"
	"sync"
	"time"

	"umbra/admin/api"
	"umbra/loadtest/workload"
)

const (
	// lagSlack is how much earlier than the moment a lag is said to be of the source's
	// answer may have been made: it was on its way.
	lagSlack = 3 * time.Second
	// exactFor is how long after the source's last word a lag may still be called exact.
	exactFor = 10 * time.Second
	// historyFor is how long readings of the source are kept.
	historyFor = 3 * time.Minute
)

// ends is where the source's logs ended, at the latest at a moment.
type ends struct {
	at time.Time
	of map[workload.TopicPartition]int64
}

// history is what the source's ends were. Any goroutine may use it.
type history struct {
	mu   sync.Mutex
	list []ends // by time
}

// add enters a reading whose answer came at e.at.
func (h *history) add(e ends) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.list = append(h.list, e)
	for len(h.list) > 1 && e.at.Sub(h.list[0].at) > historyFor {
		h.list = h.list[1:]
	}
}

// before is the newest reading of a partition that is not younger than t.
func (h *history) before(t time.Time, tp workload.TopicPartition) (end int64, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := len(h.list) - 1; i >= 0; i-- {
		if e, found := h.list[i].of[tp]; found && !h.list[i].at.After(t) {
			return e, true
		}
	}
	return 0, false
}

// after is the oldest reading that is younger than t.
func (h *history) after(t time.Time) (ends, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range h.list {
		if e.at.After(t) {
			return e, true
		}
	}
	return ends{}, false
}

// latest is the newest reading.
func (h *history) latest() (ends, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.list) == 0 {
		return ends{}, false
	}
	return h.list[len(h.list)-1], true
}

// lagLie says what a partition's row claims that cannot be so, now being the moment it
// was asked for; empty when it may be true. A row claims that at its time the source
// ended at EndOffset + Lag.Records; a reading of the source from well before that time
// must not be higher.
func lagLie(row api.PartitionRow, h *history, now time.Time) string {
	if !row.Lag.Known() {
		return ""
	}
	if age := now.Sub(row.Lag.AsOf); row.Lag.Bound == api.Exact && age > exactFor {
		return fmt.Sprintf("a lag of %d records is called exact, as of %.1f s ago", row.Lag.Records, age.Seconds())
	}
	tp := workload.TopicPartition{Topic: row.Topic, Partition: row.Partition}
	was, ok := h.before(row.Lag.AsOf.Add(-lagSlack), tp)
	if claimed := row.EndOffset + row.Lag.Records; ok && claimed < was {
		return fmt.Sprintf("a lag of %d records (%s, as of %s) behind an end at %d means that the source ended at %d; it had %d more than %v before",
			row.Lag.Records, row.Lag.Bound, row.Lag.AsOf.Format(time.TimeOnly+".000"), row.EndOffset, claimed, was-claimed, lagSlack)
	}
	return ""
}
