package load

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"umbra/bench/delay"
)

// Histogram is a delay.NewHistogram that need not be made: the zero one is empty. It
// crosses processes and reports in HdrHistogram's own compressed form.
type Histogram struct {
	h *hdrhistogram.Histogram
}

func (h *Histogram) get() *hdrhistogram.Histogram {
	if h.h == nil {
		h.h = delay.NewHistogram()
	}
	return h.h
}

// Add records one time.
func (h *Histogram) Add(d time.Duration) {
	if err := h.get().RecordValue(min(max(0, d.Microseconds()), h.get().HighestTrackableValue())); err != nil {
		panic("BUG: a latency outside of its histogram: " + err.Error())
	}
}

// Merge adds what o holds.
func (h *Histogram) Merge(o Histogram) {
	if o.h != nil {
		h.get().Merge(o.h)
	}
}

// Count is how many times were recorded.
func (h Histogram) Count() int64 {
	if h.h == nil {
		return 0
	}
	return h.h.TotalCount()
}

// HDR is what is inside, in microseconds, borrowed; nil for an empty one.
func (h Histogram) HDR() *hdrhistogram.Histogram { return h.h }

// At is the q-th quantile, 0 to 1, in milliseconds; 0 of an empty one.
func (h Histogram) At(q float64) float64 {
	if h.Count() == 0 {
		return 0
	}
	return float64(h.h.ValueAtQuantile(100*q)) / 1000
}

// Summary is the usual quantiles.
func (h Histogram) Summary() delay.Summary {
	if h.Count() == 0 {
		return delay.Summary{}
	}
	return delay.SummaryOf(h.h)
}

// Curve is points of a chart of quantiles: X is 1/(1-quantile), Y milliseconds. It
// ends where fewer than ten times lie above.
func (h Histogram) Curve() (x, y []float64) {
	for decade := 1.0; ; decade *= 10 {
		for _, m := range []float64{1, 2, 4, 10. / 1.5} {
			at := decade * m
			if at*10 > float64(h.Count()) {
				return x, y
			}
			if at > 1 {
				x, y = append(x, at), append(y, h.At(1-1/at))
			}
		}
	}
}

// MarshalJSON writes the compressed form, null for an empty one.
func (h Histogram) MarshalJSON() ([]byte, error) {
	if h.Count() == 0 {
		return []byte("null"), nil
	}
	b, err := h.h.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
	if err != nil {
		return nil, fmt.Errorf("encode a histogram: %w", err)
	}
	return json.Marshal(string(b))
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (h *Histogram) UnmarshalJSON(b []byte) error {
	var text *string
	if err := json.Unmarshal(b, &text); err != nil {
		return fmt.Errorf("read a histogram: %w", err)
	}
	h.h = nil
	if text == nil {
		return nil
	}
	got, err := hdrhistogram.Decode([]byte(*text))
	if err != nil {
		return fmt.Errorf("read a histogram: %w", err)
	}
	h.h = got
	return nil
}
