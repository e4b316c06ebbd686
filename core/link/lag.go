package link

import (
	"time"

	"umbra/core/link/replicate"
)

// Bound says how a lag is to be read.
type Bound string

const (
	Exact   Bound = "exact"    // the source was seen a moment ago
	AtLeast Bound = "at_least" // the source is away: the true lag is this or more
	Unknown Bound = "unknown"  // the source was never seen
)

// Lag is how far a copy is behind its source. It is one definition for status,
// metrics, plans and receipts.
type Lag struct {
	Records int64 `json:"records"` // offsets between the copy's end and the source's high watermark
	Bytes   int64 `json:"bytes"`   // Records at the mean size of what was copied: an estimate
	// Seconds is the time since every record that the source had committed was
	// here: nothing older than that can be missing.
	Seconds float64   `json:"seconds"`
	Bound   Bound     `json:"bound"`
	AsOf    time.Time `json:"as_of,omitzero"` // when the source last spoke about it
}

// staleAfter is how long after its last word a source counts as seen, beyond
// the wait of one fetch.
const staleAfter = 2 * time.Second

// lagOf reads one partition's progress. since is when the link began to want
// the partition: while it never caught up, that is what its seconds count from.
func lagOf(p replicate.PartitionStatus, maxWait time.Duration, since, now time.Time) Lag {
	if p.SeenAt.IsZero() || p.SourceHighWatermark < 0 {
		return Lag{Bound: Unknown}
	}
	l := Lag{Records: max(0, p.SourceHighWatermark-p.LogEnd), AsOf: p.SeenAt, Bound: Exact}
	if p.FetchedRecords > 0 {
		l.Bytes = l.Records * (p.FetchedBytes / p.FetchedRecords)
	}
	if !p.Following || now.Sub(p.SeenAt) > maxWait+staleAfter {
		l.Bound = AtLeast
	}
	caughtUp := p.CaughtUpAt
	if caughtUp.IsZero() {
		caughtUp = since
	}
	if l.Records > 0 || l.Bound == AtLeast {
		l.Seconds = max(0, now.Sub(caughtUp).Seconds())
	}
	return l
}

// Worst adds up what can be added and takes the worst of the rest: the lag of
// a topic or of a link.
func Worst(lags []Lag) Lag {
	var sum Lag
	known := 0
	for _, l := range lags {
		if l.Bound == Unknown {
			continue
		}
		known++
		sum.Records += l.Records
		sum.Bytes += l.Bytes
		sum.Seconds = max(sum.Seconds, l.Seconds)
		if l.Bound == AtLeast {
			sum.Bound = AtLeast
		}
		if sum.AsOf.IsZero() || l.AsOf.Before(sum.AsOf) {
			sum.AsOf = l.AsOf
		}
	}
	switch {
	case len(lags) == 0:
		sum.Bound = Exact
	case known == 0:
		sum.Bound = Unknown
	case known < len(lags):
		sum.Bound = AtLeast
	case sum.Bound == "":
		sum.Bound = Exact
	}
	return sum
}
