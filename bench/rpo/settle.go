package rpo

import (
	"cmp"
	"slices"

	"github.com/HdrHistogram/hdrhistogram-go"

	"umbra/bench/delay"
	"umbra/bench/report"
)

// take is the rounds that count: the clean ones, or all where fewer than half are.
func (c *Case) take() (rounds []*Round, dirty bool) {
	var all []*Round
	for i := range c.Rounds {
		all = append(all, &c.Rounds[i])
	}
	clean := slices.DeleteFunc(slices.Clone(all), func(r *Round) bool { return !r.Window.Clean() })
	if 2*len(clean) >= len(all) {
		return clean, false
	}
	return all, true
}

// middle is the round that stands for its case in charts of time: the one whose p99
// on the shadow is the median; nil where there is none.
func (c *Case) middle() *Round {
	rounds, _ := c.take()
	if len(rounds) == 0 {
		return nil
	}
	slices.SortFunc(rounds, func(a, b *Round) int { return cmp.Compare(a.Shadow.P99, b.Shadow.P99) })
	return rounds[(len(rounds)-1)/2]
}

// merged is one side of all rounds that count.
func (c *Case) merged(side func(*Round) *hdrhistogram.Histogram) *hdrhistogram.Histogram {
	out := delay.NewHistogram()
	rounds, _ := c.take()
	for _, r := range rounds {
		out.Merge(side(r))
	}
	return out
}

func ofSource(r *Round) *hdrhistogram.Histogram { return r.source }
func ofShadow(r *Round) *hdrhistogram.Histogram { return r.shadow }

// spread is the median, the least and the greatest.
type spread struct {
	median, low, high float64
	n                 int
}

func spreadOf(values []float64) spread {
	s := spread{n: len(values)}
	s.median, s.low, s.high = report.Median(values)
	return s
}
