package delay

import (
	"math"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// longest is the largest delay told apart; what is longer counts as this.
const longest = 10 * time.Minute

// Summary is the percentiles of one side, in milliseconds.
type Summary struct {
	Count int64   `json:"count"`
	P50   float64 `json:"p50_ms"`
	P99   float64 `json:"p99_ms"`
	P999  float64 `json:"p99_9_ms"`
	Max   float64 `json:"max_ms"`
}

// NewHistogram is one for delays in microseconds, with three digits.
func NewHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, longest.Microseconds(), 3)
}

// Histogram puts delays into a NewHistogram.
func Histogram(delays []time.Duration) *hdrhistogram.Histogram {
	h := NewHistogram()
	for _, d := range delays {
		if err := h.RecordValue(min(d, longest).Microseconds()); err != nil {
			panic("BUG: a delay outside of its histogram: " + err.Error())
		}
	}
	return h
}

// Summarize puts delays into a histogram with three digits from 1 us on. The
// maximum is exact.
func Summarize(delays []time.Duration) Summary {
	s := SummaryOf(Histogram(delays))
	var top time.Duration
	for _, d := range delays {
		top = max(top, d)
	}
	s.Max = float64(top.Microseconds()) / 1000
	return s
}

// SummaryOf is the percentiles of a NewHistogram.
func SummaryOf(h *hdrhistogram.Histogram) Summary {
	at := func(q float64) float64 { return float64(h.ValueAtQuantile(q)) / 1000 }
	return Summary{Count: h.TotalCount(), P50: at(50), P99: at(99), P999: at(99.9), Max: float64(h.Max()) / 1000}
}

// Minus is the difference of the percentiles; Count stays.
func (s Summary) Minus(o Summary) Summary {
	less := func(a, b float64) float64 { return math.Round(1000*(a-b)) / 1000 } // to the microsecond, as they are
	return Summary{Count: s.Count, P50: less(s.P50, o.P50), P99: less(s.P99, o.P99), P999: less(s.P999, o.P999), Max: less(s.Max, o.Max)}
}
