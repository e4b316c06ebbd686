package hdr

import (
	"bufio"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// micros is a histogram as the benches have it, with n values that have a tail.
func micros(t *testing.T, seed uint64, n int) *hdrhistogram.Histogram {
	t.Helper()
	h := hdrhistogram.New(1, (10 * time.Minute).Microseconds(), 3)
	r := rand.New(rand.NewPCG(seed, 0))
	for range n {
		if err := h.RecordValue(1 + int64(200*math.Exp(r.NormFloat64()))); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

var start = time.Date(2030, 1, 2, 3, 4, 5, 678e6, time.UTC)

func TestLogRoundTrip(t *testing.T) {
	var b strings.Builder
	l, err := NewLog(&b, start, time.Microsecond, "umbra-bench rpo", "two\nlines")
	if err != nil {
		t.Fatal(err)
	}
	type interval struct {
		tag      string
		from, to time.Duration
		h        *hdrhistogram.Histogram
	}
	wrote := []interval{
		{"source", 0, time.Second, micros(t, 1, 1000)},
		{"shadow", 0, time.Second, micros(t, 2, 1000)},
		{"", time.Second, 2500 * time.Millisecond, micros(t, 3, 10)},
		{"shadow", 1500 * time.Millisecond, 2500 * time.Millisecond, micros(t, 4, 0)},
	}
	for _, i := range wrote {
		if err := l.Add(i.tag, start.Add(i.from), start.Add(i.to), i.h); err != nil {
			t.Fatal(err)
		}
	}
	r := hdrhistogram.NewHistogramLogReader(strings.NewReader(b.String()))
	for n, want := range wrote {
		got, err := r.NextIntervalHistogram()
		if err != nil || got == nil {
			t.Fatalf("interval %d: %v, %v", n, got, err)
		}
		begin, end := start.Add(want.from).UnixMilli(), start.Add(want.to).UnixMilli()
		// The library reads seconds as a float and cuts the rest of the millisecond off.
		if !got.Equals(want.h) || got.Tag() != want.tag || begin-got.StartTimeMs() > 1 || end-got.EndTimeMs() > 1 || got.StartTimeMs() > begin || got.EndTimeMs() > end {
			t.Errorf("interval %d: tag %q, %d to %d ms, %d values; want tag %q, %d to %d ms, %d values", n,
				got.Tag(), got.StartTimeMs(), got.EndTimeMs(), got.TotalCount(), want.tag, begin, end, want.h.TotalCount())
		}
	}
	if more, err := r.NextIntervalHistogram(); more != nil || err != nil {
		t.Errorf("after the last: %v, %v", more, err)
	}
}

// The head is what log processors look for, and the largest value is in milliseconds.
func TestLogLines(t *testing.T) {
	var b strings.Builder
	l, err := NewLog(&b, start, time.Microsecond, "two\nlines")
	if err != nil {
		t.Fatal(err)
	}
	h := hdrhistogram.New(1, 1e6, 3)
	if err := h.RecordValue(1500); err != nil {
		t.Fatal(err)
	}
	if err := l.Add("a", start.Add(time.Second), start.Add(3*time.Second), h); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"#[two lines]\n", "#[Histogram log format version 1.3]\n", "#[StartTime: 1893553445.678 (seconds since epoch), 2030-01-02T03:04:05Z]\n",
		"#[BaseTime: 1893553445.678 (seconds since epoch)]\n", `"StartTimestamp","Interval_Length",`, "\nTag=a,1.000,2.000,1.500,HISTFAAAA",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in:\n%s", want, b.String())
		}
	}
}

func TestLogRefuses(t *testing.T) {
	var b strings.Builder
	if _, err := NewLog(&b, start, 0); err == nil {
		t.Error("a log without a unit was begun")
	}
	l, err := NewLog(&b, start, time.Microsecond)
	if err != nil {
		t.Fatal(err)
	}
	before := b.Len()
	h := micros(t, 1, 1)
	for tag, at := range map[string][2]time.Time{"a,b": {start, start}, "a b": {start, start}, "early": {start.Add(-time.Second), start}, "back": {start.Add(time.Second), start}} {
		if err := l.Add(tag, at[0], at[1], h); err == nil {
			t.Errorf("%q from %v to %v was added", tag, at[0], at[1])
		}
	}
	if b.Len() != before {
		t.Error("what was refused was written")
	}
}

// readPercentiles reads an .hgrm file back.
func readPercentiles(t *testing.T, text string) (points []Point, tail map[string]float64) {
	t.Helper()
	tail = map[string]float64{}
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		line := lines.Text()
		var value, quantile, inverse, a, c float64
		var count int64
		switch n, _ := fmt.Sscanf(line, "%f %f %d %f", &value, &quantile, &count, &inverse); {
		case n == 4 && math.Abs(inverse-1/(1-quantile)) > 0.006*inverse:
			t.Errorf("1/(1-%v) is not %v", quantile, inverse)
			fallthrough
		case n == 4, n == 3 && quantile == 1:
			points = append(points, Point{quantile, int64(math.Round(1000 * value)), count})
			continue
		}
		for _, form := range []string{"Mean = %f, StdDeviation = %f]", "Max = %f, Total count = %f]", "Buckets = %f, SubBuckets = %f]"} {
			if n, _ := fmt.Sscanf(strings.Join(strings.Fields(strings.TrimPrefix(line, "#[")), " "), form, &a, &c); n == 2 {
				first, _, _ := strings.Cut(form, " ")
				tail[first], tail[strings.Fields(form)[3]] = a, c
			}
		}
	}
	return points, tail
}

// counts is how many values of h are no larger than value, and how many are smaller.
func counts(h *hdrhistogram.Histogram, value int64) (upTo, below int64) {
	for _, bar := range h.Distribution() {
		if bar.From <= value {
			upTo += bar.Count
		}
		if bar.To < value {
			below += bar.Count
		}
	}
	return upTo, below
}

func TestPercentilesRoundTrip(t *testing.T) {
	for _, n := range []int{1, 2, 10, 1000, 100_000} {
		h := micros(t, uint64(n), n)
		var b strings.Builder
		if err := WritePercentiles(&b, h, 1000); err != nil {
			t.Fatal(err)
		}
		points, tail := readPercentiles(t, b.String())
		if len(points) == 0 {
			t.Fatalf("%d values: no points in:\n%s", n, b.String())
		}
		last := points[len(points)-1]
		if last.Quantile != 1 || last.Count != int64(n) || !h.ValuesAreEquivalent(last.Value, h.Max()) {
			t.Errorf("%d values: the last point is %+v", n, last)
		}
		if math.Abs(tail["Mean"]-h.Mean()/1000) > 0.001 || math.Abs(tail["Max"]-float64(h.Max())/1000) > 0.001 {
			t.Errorf("%d values: the tail says %v", n, tail)
		}
		for i, p := range points {
			need := p.Quantile * float64(n)
			if upTo, below := counts(h, p.Value); upTo != p.Count || float64(upTo) < need-1e-6*need || p.Quantile > 0 && float64(below) >= need {
				t.Errorf("%d values: %v is at %d us with %d up to it; the histogram has %d up to it and %d below", n, p.Quantile, p.Value, p.Count, upTo, below)
			}
			if i > 0 && (p.Quantile <= points[i-1].Quantile || p.Value < points[i-1].Value || p.Count < points[i-1].Count) {
				t.Errorf("%d values: %+v after %+v", n, p, points[i-1])
			}
		}
	}
}

// Between p50 and p75 there are as many points as between p75 and p87.5.
func TestPointsHalve(t *testing.T) {
	h := micros(t, 7, 1_000_000)
	within := make([]int, 8)
	for p := range Points(h) {
		if i := int(-math.Log2(1-p.Quantile) + 1e-9); p.Quantile < 1 && i < len(within) {
			within[i]++
		}
	}
	for i, n := range within {
		if n != perHalf {
			t.Errorf("%d points in half %d, want %d", n, i, perHalf)
		}
	}
}

func TestCurve(t *testing.T) {
	h := hdrhistogram.New(1, 1e6, 3)
	for v := int64(1); v <= 100; v++ {
		if err := h.RecordValue(v * 10); err != nil {
			t.Fatal(err)
		}
	}
	x, y := Curve(h, 1000)
	if len(x) != len(y) || x[0] != 1 || x[len(x)-1] != 100 || y[len(y)-1] != 1 {
		t.Errorf("from %v,%v to %v,%v", x[0], y[0], x[len(x)-1], y[len(y)-1])
	}
	if x, y := Curve(hdrhistogram.New(1, 1e6, 3), 1); len(x) != 0 || len(y) != 0 {
		t.Errorf("of no values: %v, %v", x, y)
	}
}

// Worked out by hand: 2048 values are told apart for 3 digits, the unit is a power
// of two, and the range doubles until it holds the largest value.
func TestGeometry(t *testing.T) {
	f := func(low, high int64, digits, buckets, subBuckets int) {
		t.Helper()
		if b, s := geometry(hdrhistogram.New(low, high, digits)); b != buckets || s != subBuckets {
			t.Errorf("%d to %d with %d digits: %d, %d; want %d, %d", low, high, digits, b, s, buckets, subBuckets)
		}
	}
	f(1, 3_600_000_000, 3, 22, 2048)
	f(1, 600_000_000, 3, 20, 2048)
	f(1000, 3_600_000_000_000, 3, 23, 2048)
	f(1, 1000, 2, 3, 256)
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("the disk is full") }

func TestWriteErrorsAreTold(t *testing.T) {
	if _, err := NewLog(broken{}, start, time.Microsecond); err == nil || !strings.Contains(err.Error(), "disk is full") {
		t.Errorf("a log: %v", err)
	}
	if err := WritePercentiles(broken{}, micros(t, 1, 10), 1); err == nil || !strings.Contains(err.Error(), "disk is full") {
		t.Errorf("percentiles: %v", err)
	}
	if err := WritePercentiles(broken{}, micros(t, 1, 10), 0); err == nil || !strings.Contains(err.Error(), "unit scale") {
		t.Errorf("no scale: %v", err)
	}
}
