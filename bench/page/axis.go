package page

import (
	"math"
	"strconv"

	"github.com/dustin/go-humanize"

	"umbra/bench/report"
)

// axis turns values into places: low lies at from, high at to.
type axis struct {
	low, high float64
	from, to  float64
	log       bool
	ticks     []tick
}

type tick struct {
	at    float64 // a value
	label string
}

// at is the place of a value; what does not fit on a log axis lies at its low end.
func (a *axis) at(v float64) float64 {
	low, high := a.low, a.high
	if a.log {
		v, low, high = math.Log10(max(v, a.low)), math.Log10(a.low), math.Log10(a.high)
	}
	return a.from + (a.to-a.from)*(v-low)/(high-low)
}

// linear is an axis for values from low to high whose ends are round, with about
// count ticks. Where zero is asked for it is on the axis.
func linear(low, high float64, zero bool, count int) *axis {
	if zero {
		low, high = min(low, 0), max(high, 0)
	}
	if high <= low {
		high = low + 1
	}
	step := niceStep((high - low) / float64(max(1, count)))
	a := &axis{low: math.Floor(low/step+1e-9) * step, high: math.Ceil(high/step-1e-9) * step}
	places := max(0, int(-math.Floor(math.Log10(step)+1e-9)))
	for i := 0; ; i++ {
		v := a.low + float64(i)*step
		if v > a.high+step/2 {
			return a
		}
		a.ticks = append(a.ticks, tick{v, plain(v, places)})
	}
}

// niceStep is the next of 1, 2, 5, 10, .. times a power of ten.
func niceStep(least float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(least)))
	for _, m := range []float64{1, 2, 5} {
		if m*power >= least*(1-1e-9) {
			return m * power
		}
	}
	return 10 * power
}

// logarithmic is an axis for values above zero, over whole powers of ten; between
// few of them 2 and 5 have a tick too.
func logarithmic(low, high float64) *axis {
	if !(low > 0) || math.IsInf(low, 0) {
		low = 1
	}
	high = max(high, low)
	first, last := int(math.Floor(math.Log10(low)+1e-9)), int(math.Ceil(math.Log10(high)-1e-9))
	if last <= first {
		last = first + 1
	}
	a := &axis{log: true, low: math.Pow10(first), high: math.Pow10(last)}
	between := []float64{1, 2, 5}
	if last-first > 2 {
		between = between[:1]
	}
	for p := first; p <= last; p++ {
		for _, m := range between {
			if v := m * math.Pow10(p); v <= a.high*(1+1e-9) {
				a.ticks = append(a.ticks, tick{v, plain(v, max(0, -p))})
			}
		}
	}
	return a
}

// quantileAxis is HdrHistogram's: at 1/(1-quantile) on a log scale, so that each
// further nine takes the same room.
func quantileAxis(high float64) *axis {
	a := &axis{log: true, low: 1, high: max(high, 10)}
	a.ticks = []tick{{1, "0%"}, {2, "50%"}, {10, "90%"}, {100, "99%"}}
	nines := "99."
	for at := 1000.0; at <= a.high*1.0001; at *= 10 {
		nines += "9"
		a.ticks = append(a.ticks, tick{at, nines + "%"})
	}
	if a.high < 100 {
		a.ticks = a.ticks[:3]
	}
	return a
}

// round is a number that somebody chose, as short as it is; a measured one has three
// digits.
func round(v float64) string {
	if short, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 4, 64), 64); err != nil || short != v {
		return report.Number(v)
	}
	return humanize.Commaf(v)
}

// plain is a tick's label.
func plain(v float64, places int) string {
	if places == 0 {
		return humanize.Commaf(math.Round(v))
	}
	return strconv.FormatFloat(v, 'f', places, 64)
}
