package delay

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"time"
)

// An Ack says that the source has acknowledged everything of a partition below End.
type Ack struct {
	Partition int32 `json:"p"`
	End       int64 `json:"end"`
	At        int64 `json:"at"`             // measure.Now
	Late      int64 `json:"late,omitempty"` // ns it was sent after its time
	Number    int64 `json:"-"`              // of the record in its Load, where one Ack is one record
}

// A Sight says that a client had read everything of a partition below Next.
type Sight struct {
	Partition int32
	Next      int64
	At        int64 // measure.Now
}

// A Timeline is what one Observer saw, in the order in which it saw it.
type Timeline struct {
	by map[int32][]Sight
}

// NewTimeline sorts sights by partition. Those of a partition must be in order.
func NewTimeline(sights []Sight) (Timeline, error) {
	t := Timeline{by: map[int32][]Sight{}}
	for _, s := range sights {
		t.by[s.Partition] = append(t.by[s.Partition], s)
	}
	for p, list := range t.by {
		if !slices.IsSortedFunc(list, func(a, b Sight) int { return cmp.Or(cmp.Compare(a.Next, b.Next), cmp.Compare(a.At, b.At)) }) {
			return t, fmt.Errorf("join sights of partition %d: their offsets go back", p)
		}
	}
	return t, nil
}

// Covered is when everything of a partition below end had been read first.
func (t Timeline) Covered(partition int32, end int64) (at int64, ok bool) {
	list := t.by[partition]
	i := sort.Search(len(list), func(i int) bool { return list[i].Next >= end })
	if i == len(list) {
		return 0, false
	}
	return list[i].At, true
}

// Join finds for every Ack when it was first covered, and returns how long after
// the Ack that was; 0 where it came before. step is the timetable's. An Ack that
// was never covered is an error: the load must have been read to its end.
func (t Timeline) Join(acks []Ack, step time.Duration) ([]time.Duration, error) {
	out := make([]time.Duration, 0, len(acks))
	for _, a := range acks {
		at, ok := t.Covered(a.Partition, a.End)
		if !ok {
			return nil, fmt.Errorf("join acks with sights: partition %d was acknowledged up to %d and never read so far", a.Partition, a.End)
		}
		out = append(out, max(0, time.Duration(at-a.At))+omitted(time.Duration(a.Late), step))
	}
	return out, nil
}

// After is how long after the reader of first this one had each of acks, record by
// record; 0 where it had it before, and sooner counts those. It needs no clock of the
// producer, and what holds both readers up alike is not in it.
func (t Timeline) After(first Timeline, acks []Ack) (behind []time.Duration, sooner int64, err error) {
	behind = make([]time.Duration, 0, len(acks))
	for _, a := range acks {
		here, ok := t.Covered(a.Partition, a.End)
		there, known := first.Covered(a.Partition, a.End)
		if !ok || !known {
			return nil, 0, fmt.Errorf("join two readers: partition %d was acknowledged up to %d and never read so far", a.Partition, a.End)
		}
		if here < there {
			sooner++
		}
		behind = append(behind, max(0, time.Duration(here-there)))
	}
	return behind, sooner, nil
}

// Join is Timeline.Join for sights in any order of their partitions.
func Join(acks []Ack, sights []Sight, step time.Duration) ([]time.Duration, error) {
	t, err := NewTimeline(sights)
	if err != nil {
		return nil, err
	}
	return t.Join(acks, step)
}

// omitted is what a sender's lateness adds to a delay: what goes beyond the step
// of its timetable, which is how finely it can send at all.
func omitted(late, step time.Duration) time.Duration { return max(0, late-step) }
