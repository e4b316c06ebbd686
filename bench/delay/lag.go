package delay

import (
	"slices"
	"sort"
	"time"
)

// Lag is how far one reader is behind another at an instant.
type Lag struct {
	Records int64         // that the other has read and this one has not, of all partitions
	For     time.Duration // since the other read the first of them, of the worst partition
}

func (l Lag) most(o Lag) Lag  { return Lag{max(l.Records, o.Records), max(l.For, o.For)} }
func (l Lag) least(o Lag) Lag { return Lag{min(l.Records, o.Records), min(l.For, o.For)} }

// position is up to where a partition had been read; 0 before anything was.
func (t Timeline) position(partition int32, at int64) int64 {
	list := t.by[partition]
	i := sort.Search(len(list), func(i int) bool { return list[i].At > at })
	if i == 0 {
		return 0
	}
	return list[i-1].Next
}

// Behind is how far t is behind first at an instant of measure.Now.
func (t Timeline) Behind(first Timeline, at int64) Lag {
	var out Lag
	for p := range first.by {
		there, here := first.position(p, at), t.position(p, at)
		if there <= here {
			continue
		}
		since, _ := first.Covered(p, here+1) // it was: there is beyond here
		out = Lag{out.Records + there - here, max(out.For, time.Duration(at-since))}
	}
	return out
}

// Range is the least and the greatest lag of t behind first between two instants,
// both included. Lag grows until t reads something, so those are the places to look.
func (t Timeline) Range(first Timeline, from, to int64) (least, most Lag) {
	least = t.Behind(first, from)
	most = least.most(t.Behind(first, to))
	for _, at := range t.times(from, to) {
		least = least.least(t.Behind(first, at))
		most = most.most(t.Behind(first, at-1))
	}
	return least, most
}

// times are the instants after from and up to to at which t read something.
func (t Timeline) times(from, to int64) []int64 {
	var out []int64
	for _, list := range t.by {
		i := sort.Search(len(list), func(i int) bool { return list[i].At > from })
		for ; i < len(list) && list[i].At <= to; i++ {
			out = append(out, list[i].At)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// A Report is a lag that somebody else stated, at some instant between two.
type Report struct {
	From, To int64 // measure.Now when it was asked for and when it was here
	Lag      Lag
}

// Off is by how much a stated lag misses what t really was behind first meanwhile:
// above 0 where it overstates, 0 where it was true at some instant of its time.
func (t Timeline) Off(first Timeline, r Report) Lag {
	least, most := t.Range(first, r.From, r.To)
	return Lag{outside(r.Lag.Records, least.Records, most.Records), outside(r.Lag.For, least.For, most.For)}
}

func outside[T ~int64](v, low, high T) T { return min(0, v-low) + max(0, v-high) }
