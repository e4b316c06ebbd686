package delay

import (
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
}

// A Sight says that a client had read everything of a partition below Next.
type Sight struct {
	Partition int32
	Next      int64
	At        int64 // measure.Now
}

// Join finds for every Ack the Sight that first covered it, and returns how long
// after the Ack it came; 0 where it came before. step is the timetable's. An Ack that
// no Sight covers is an error: the load must have been read to its end.
func Join(acks []Ack, sights []Sight, step time.Duration) ([]time.Duration, error) {
	by := map[int32][]Sight{}
	for _, s := range sights {
		by[s.Partition] = append(by[s.Partition], s)
	}
	for p, list := range by {
		if !slices.IsSortedFunc(list, func(a, b Sight) int { return int(min(1, max(-1, a.Next-b.Next))) }) {
			return nil, fmt.Errorf("join sights of partition %d: their offsets go back", p)
		}
	}
	out := make([]time.Duration, 0, len(acks))
	for _, a := range acks {
		list := by[a.Partition]
		i := sort.Search(len(list), func(i int) bool { return list[i].Next >= a.End })
		if i == len(list) {
			return nil, fmt.Errorf("join acks with sights: partition %d was acknowledged up to %d and never read so far", a.Partition, a.End)
		}
		out = append(out, max(0, time.Duration(list[i].At-a.At))+omitted(time.Duration(a.Late), step))
	}
	return out, nil
}

// omitted is what a sender's lateness adds to a delay: what goes beyond the step
// of its timetable, which is how finely it can send at all.
func omitted(late, step time.Duration) time.Duration { return max(0, late-step) }
