package api

import (
	"encoding/json"
	"time"
)

// Bound says what a number that depends on the source is worth.
type Bound string

const (
	// Exact: the source was seen at AsOf and this was the difference then.
	Exact Bound = "exact"
	// AtLeast: the source is away; the true number is this or more.
	AtLeast Bound = "at_least"
	// Unknown: nothing was ever learnt. In JSON the numbers are null.
	Unknown Bound = "unknown"
)

// Lag is how far a copy is behind its source, and what would be missing if it
// were cut now. The zero Lag is not "no lag": its Bound is empty, which reads
// as Unknown.
type Lag struct {
	Records int64     `json:"records"`
	Bytes   int64     `json:"bytes"`   // an estimate: Records at the mean size of what was copied
	Seconds float64   `json:"seconds"` // time since all that the source had was here
	Bound   Bound     `json:"bound"`
	AsOf    time.Time `json:"as_of,omitzero"` // when the source was last asked
}

// Known is false when the numbers mean nothing.
func (l Lag) Known() bool { return l.Bound == Exact || l.Bound == AtLeast }

// MarshalJSON writes null for numbers that are not known, so that no reader
// can take them for 0.
func (l Lag) MarshalJSON() ([]byte, error) {
	if l.Known() {
		type plain Lag
		return json.Marshal(plain(l))
	}
	return json.Marshal(struct {
		Records *int64    `json:"records"`
		Bytes   *int64    `json:"bytes"`
		Seconds *float64  `json:"seconds"`
		Bound   Bound     `json:"bound"`
		AsOf    time.Time `json:"as_of,omitzero"`
	}{Bound: Unknown, AsOf: l.AsOf})
}

// RPO is the recovery point of a link: how much time a failover now would
// lose, by its worst partition.
type RPO struct {
	Seconds       float64   `json:"seconds"`
	Bound         Bound     `json:"bound"`
	AsOf          time.Time `json:"as_of,omitzero"`
	TargetSeconds float64   `json:"target_seconds,omitempty"` // 0: no target is set
}

// Known is false when Seconds means nothing.
func (r RPO) Known() bool { return r.Bound == Exact || r.Bound == AtLeast }

// Breached is true when there is a target and it is not met, or cannot be
// shown to be met.
func (r RPO) Breached() bool {
	return r.TargetSeconds > 0 && (!r.Known() || r.Seconds > r.TargetSeconds)
}

// MarshalJSON writes null for seconds that are not known; see Lag.
func (r RPO) MarshalJSON() ([]byte, error) {
	if r.Known() {
		type plain RPO
		return json.Marshal(plain(r))
	}
	return json.Marshal(struct {
		Seconds       *float64  `json:"seconds"`
		Bound         Bound     `json:"bound"`
		AsOf          time.Time `json:"as_of,omitzero"`
		TargetSeconds float64   `json:"target_seconds,omitempty"`
	}{Bound: Unknown, AsOf: r.AsOf, TargetSeconds: r.TargetSeconds})
}

// Offset is a log offset that may be unknown, as nil; JSON null.
type Offset = *int64

// KnownOffset is an Offset that is known.
func KnownOffset(offset int64) Offset { return &offset }
