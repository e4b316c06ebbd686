package link

import "umbra/bench/report"

// Median is the middle of a case's rounds, figure by figure. The ratio is the
// median of the pairs' ratios, not the ratio of the medians.
type Median struct {
	Rounds  int     `json:"rounds"`       // it was taken from
	Clean   int     `json:"clean_rounds"` // of all
	Dirty   bool    `json:"dirty"`        // too few were clean, so all were taken
	Ratio   float64 `json:"ratio"`
	Discard Figures `json:"discard"`
	Shadow  Figures `json:"shadow"`
	// LowRatio and HighRatio are the ends of the pairs' ratios.
	LowRatio  float64 `json:"ratio_low"`
	HighRatio float64 `json:"ratio_high"`
}

// Figures are one side's medians.
type Figures struct {
	GiBps  float64 `json:"gib_per_second"`
	Filled float64 `json:"filled_gib_per_second,omitempty"`
	Cost   float64 `json:"cpu_s_per_gib"`
	Cores  float64 `json:"cores"`
	Source float64 `json:"source_s_per_gib"`
}

// enough is how many rounds must be clean for the dirty ones to be left out.
func enough(rounds int) int { return (rounds + 1) / 2 }

// Settle works out the medians of a case.
func (c *Case) Settle() {
	if len(c.Rounds) == 0 {
		return
	}
	m := &Median{}
	var take []Round
	take, m.Clean, m.Dirty = c.taken()
	m.Rounds = len(take)
	of := func(f func(*Round) float64) float64 {
		v, _, _ := report.Median(values(take, f))
		return v
	}
	m.Ratio, m.LowRatio, m.HighRatio = report.Median(values(take, (*Round).Ratio))
	figures := func(side func(*Round) *Sample) Figures {
		return Figures{
			GiBps:  of(func(r *Round) float64 { return side(r).GiBps }),
			Filled: of(func(r *Round) float64 { return side(r).Filled }),
			Cost:   of(func(r *Round) float64 { return side(r).Cost }),
			Cores:  of(func(r *Round) float64 { return side(r).Cores() }),
			Source: of(func(r *Round) float64 { return side(r).Source }),
		}
	}
	m.Discard = figures(func(r *Round) *Sample { return &r.Discard })
	m.Shadow = figures(func(r *Round) *Sample { return &r.Shadow })
	c.Median = m
}

// taken are the rounds that figures are taken from: the clean ones, or all where too
// few are clean.
func (c *Case) taken() (take []Round, clean int, dirty bool) {
	for _, r := range c.Rounds {
		if len(r.Noise()) == 0 {
			take = append(take, r)
		}
	}
	if clean = len(take); clean < enough(len(c.Rounds)) {
		return c.Rounds, clean, true
	}
	return take, clean, false
}

// values is one figure of every round.
func values(rounds []Round, f func(*Round) float64) []float64 {
	out := make([]float64, len(rounds))
	for i := range rounds {
		out[i] = f(&rounds[i])
	}
	return out
}
