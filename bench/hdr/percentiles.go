package hdr

import (
	"bufio"
	"fmt"
	"io"
	"iter"
	"math"
	"math/bits"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// perHalf is how many points there are between p50 and p75, between p75 and p87.5,
// and so on: each time the rest is halved.
const perHalf = 5

// Point is one place of a distribution.
type Point struct {
	Quantile float64 // 0 to 1
	Value    int64   // in the histogram's unit: this part of all is no larger, as far as it tells values apart
	Count    int64   // of values up to it
}

// Inverse is 1/(1-quantile), the axis on which the rest is halved in equal steps.
// At the very end it is the number of all values, where the largest one sits.
func (p Point) Inverse() float64 {
	if p.Quantile >= 1 {
		return float64(max(1, p.Count))
	}
	return 1 / (1 - p.Quantile)
}

// Points goes through a distribution from its smallest value to its largest, in
// steps that grow finer towards the end. It borrows h.
func Points(h *hdrhistogram.Histogram) iter.Seq[Point] {
	return func(yield func(Point) bool) {
		total := h.TotalCount()
		var count int64
		half, step := 0, 0
		for _, bar := range h.Distribution() {
			if bar.Count == 0 {
				continue
			}
			count += bar.Count
			for at := quantile(half, step); count < total && count >= rank(at, total); at = quantile(half, step) {
				if !yield(Point{at, bar.To, count}) {
					return
				}
				if step++; step == perHalf {
					half, step = half+1, 0
				}
			}
			if count == total {
				yield(Point{1, bar.To, count})
				return
			}
		}
	}
}

// quantile is the place of a step after the rest was halved so many times. It is
// not summed up: the error of a sum moves a point to the next value.
func quantile(half, step int) float64 {
	return 1 - math.Ldexp(1-float64(step)/(2*perHalf), -half)
}

// rank is how many of total lie at or below a quantile, at least.
func rank(quantile float64, total int64) int64 {
	return int64(math.Ceil(quantile * float64(total) * (1 - 1e-12)))
}

// Curve is a distribution as X and Y of a chart of quantiles; scale is how many of
// the histogram's unit make one of Y's. It borrows h.
func Curve(h *hdrhistogram.Histogram, scale float64) (x, y []float64) {
	for p := range Points(h) {
		x = append(x, p.Inverse())
		y = append(y, float64(p.Value)/scale)
	}
	return x, y
}

// WritePercentiles writes the distribution in the form of .hgrm files; unitScale is
// how many of the histogram's unit make one of the file's: 1000 for microseconds
// shown as milliseconds. It borrows h.
func WritePercentiles(w io.Writer, h *hdrhistogram.Histogram, unitScale float64) error {
	if unitScale <= 0 {
		return fmt.Errorf("write percentiles: the unit scale is %v; want more than 0", unitScale)
	}
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "%12s %14s %10s %14s\n\n", "Value", "Percentile", "TotalCount", "1/(1-Percentile)")
	for p := range Points(h) {
		fmt.Fprintf(b, "%12.3f %2.12f %10d", float64(p.Value)/unitScale, p.Quantile, p.Count)
		if p.Quantile < 1 {
			fmt.Fprintf(b, " %14.2f", p.Inverse())
		}
		fmt.Fprintln(b)
	}
	buckets, subBuckets := geometry(h)
	fmt.Fprintf(b, "#[Mean    = %12.3f, StdDeviation   = %12.3f]\n", h.Mean()/unitScale, h.StdDev()/unitScale)
	fmt.Fprintf(b, "#[Max     = %12.3f, Total count    = %12d]\n", float64(h.Max())/unitScale, h.TotalCount())
	fmt.Fprintf(b, "#[Buckets = %12d, SubBuckets     = %12d]\n", buckets, subBuckets)
	if err := b.Flush(); err != nil {
		return fmt.Errorf("write percentiles: %w", err)
	}
	return nil
}

// geometry works out what the file's last line tells: how many times the range
// doubles, and how many values are told apart within the first.
func geometry(h *hdrhistogram.Histogram) (buckets, subBuckets int) {
	largest := 2 * math.Pow10(int(h.SignificantFigures()))
	subBuckets = 1 << bits.Len(uint(largest-1))
	unit := bits.Len64(uint64(max(1, h.LowestTrackableValue()))) - 1
	covered := float64(subBuckets) * math.Exp2(float64(unit))
	for buckets = 1; covered <= float64(h.HighestTrackableValue()); buckets++ {
		covered *= 2
	}
	return buckets, subBuckets
}
