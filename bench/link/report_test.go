package link

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"umbra/bench/ceiling"
	"umbra/bench/delay"
	"umbra/bench/golden"
	"umbra/bench/measure"
	"umbra/bench/report"
)

const gib = 1 << 30

// round is a pair of a GiB each that cost so many CPU-seconds.
func round(discard, shadow float64, noise ...string) Round {
	sample := func(process string, cost float64, noise []string) Sample {
		return NewSample(process, gib, measure.Window{Wall: 2 * time.Second, Cores: 2, Noise: noise, Other: time.Duration(len(noise)) * 1800 * time.Millisecond,
			CPU: map[string]time.Duration{process: time.Duration(cost * float64(time.Second)), "source": 200 * time.Millisecond}})
	}
	r := Round{Discard: sample("discard", discard, nil), Shadow: sample("umbra", shadow, noise)}
	r.Shadow.Heap = Heap{Allocations: 30_000, Bytes: 5 << 20}.since(Heap{Allocations: 10_000, Bytes: 1 << 20})
	return r
}

func TestNewSample(t *testing.T) {
	s := round(0.2, 0.5).Shadow
	if s.GiBps != 0.5 || s.Cost != 0.5 || s.Source != 0.2 || s.Process != "umbra" {
		t.Errorf("a GiB in 2 s for 0.5 CPU-seconds: %+v", s)
	}
	if s := NewSample("umbra", 0, measure.Window{}); s.GiBps != 0 || s.Cost != 0 {
		t.Errorf("nothing: %+v", s)
	}
}

func TestSettle(t *testing.T) {
	f := func(what string, rounds []Round, ratio float64, took, clean int, dirty bool) {
		t.Helper()
		c := Case{Rounds: rounds}
		c.Settle()
		m := c.Median
		if m == nil || m.Ratio != ratio || m.Rounds != took || m.Clean != clean || m.Dirty != dirty {
			t.Errorf("%s: got %+v, want ratio %v of %d rounds, %d clean, dirty %v", what, m, ratio, took, clean, dirty)
		}
	}
	f("one round", []Round{round(0.25, 0.5)}, 2, 1, 1, false)
	f("an even number", []Round{round(0.25, 0.5), round(0.25, 1)}, 3, 2, 2, false)
	f("an odd number, unsorted", []Round{round(0.25, 1), round(0.25, 0.25), round(0.25, 0.5)}, 2, 3, 3, false)
	f("a dirty one is left out", []Round{round(0.25, 0.5), round(0.25, 5, "noise"), round(0.25, 0.5)}, 2, 2, 2, false)
	f("half are clean", []Round{round(0.25, 0.5), round(0.25, 5, "noise")}, 2, 1, 1, false)
	f("too few are clean", []Round{round(0.25, 0.5), round(0.25, 1, "noise"), round(0.25, 2, "noise")}, 4, 3, 1, true)
	f("none is clean", []Round{round(0.25, 1, "noise")}, 4, 1, 0, true)

	none := Case{}
	none.Settle()
	if none.Median != nil {
		t.Errorf("the median of no rounds: %+v", none.Median)
	}
}

// The ratio is taken pair by pair: a machine that slows down half way through
// does not move it.
func TestRatioIsOfPairs(t *testing.T) {
	c := Case{Rounds: []Round{round(0.25, 0.5), round(0.25, 0.5), round(1, 2), round(1, 2), round(1, 2)}}
	c.Settle()
	if c.Median.Ratio != 2 || c.Median.LowRatio != 2 || c.Median.HighRatio != 2 || c.Median.Shadow.Cost != 2 {
		t.Errorf("got %+v", c.Median)
	}
	if got := (&Round{}).Ratio(); got != 0 {
		t.Errorf("ratio of nothing: %v", got)
	}
}

// sample is a report with every kind of line.
func sample() *Report {
	busy := "other processes used 0.90 cores, more than 0.08"
	r := &Report{Document: report.Document{Head: report.Head{
		Schema: Schema, Started: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC), Seconds: 61.5, Seed: 1,
		Env:   measure.Env{Kernel: "6.18.0", CPU: "Example 9000", Cores: 2, MemoryGiB: 24, Go: "go1.26.0", FileSystem: "tmpfs"},
		Umbra: "umbra 0.1.0 0123456789ab, 2 shards, pinned false, left alone it takes io_uring (the kernel offers all of it)",
		Flags: map[string]string{"bytes": "1.0 GiB"}, Rule: measure.DefaultRule(),
	}}}
	add := func(source, engine string, cell Cell, delays []*Delay, rounds ...Round) *Case {
		c := &Case{Source: source, Engine: engine, EngineReason: "asked for by configuration", Cell: cell, MemoryPeak: 300 << 20, Rounds: rounds, Delays: delays}
		for _, d := range delays {
			d.Difference = d.Shadow.Minus(d.Source)
		}
		if cell.Packing != "none" {
			c.Plain = 1.43
		}
		c.Settle()
		r.Cases = append(r.Cases, c)
		return c
	}
	cells := map[string]Cell{}
	for _, c := range good().Cells(SourceSynthetic) {
		cells[c.Name] = c
	}
	slow := []*Delay{{Rate: 1e6, Burst: 16 << 10, Seconds: 5, CPU: 0.05,
		Source: delay.Summary{Count: 300, P50: 0.12, P99: 0.54, P999: 2.38, Max: 4.85},
		Shadow: delay.Summary{Count: 300, P50: 0.42, P99: 1.77, P999: 4.21, Max: 7.24}}, {Rate: 20e6, Burst: 16 << 10, Seconds: 5, CPU: 0.31,
		Source: delay.Summary{Count: 6000, P50: 0.12, P99: 0.54, P999: 2.38, Max: 4.85},
		Shadow: delay.Summary{Count: 6000, P50: 0.82, P99: 1.77, P999: 4.21, Max: 7.24}}}
	add("synthetic", "io_uring", cells[cellBase], slow, round(0.20, 0.28), round(0.20, 0.31), round(0.20, 0.50, busy))
	add("synthetic", "io_uring", cells["codec-lz4"], nil, round(0.20, 0.28), round(0.20, 0.31), round(0.20, 0.50))
	add("synthetic", "io_uring", cells[cellSmallBatch], nil, round(0.20, 0.38), round(0.20, 0.41), round(0.20, 0.50))
	add("synthetic", "io_uring", cells[cellLargeBatch], nil, round(0.20, 0.28), round(0.20, 0.31), round(0.20, 0.40))
	add("synthetic", "io_uring", cells[cellMany], nil, round(0.20, 0.68), round(0.20, 0.91), round(0.20, 0.90))
	add("synthetic", "io_uring", cells[cellLiveFew], nil, round(1.20, 4))
	add("synthetic", "io_uring", cells[cellLiveMany], nil, round(1.20, 12))
	add("synthetic", "io_uring", cells[cellLogFew], nil, round(1.20, 4))
	add("synthetic", "io_uring", cells[cellLogMany], nil, round(1.20, 6))
	add("synthetic", "io_uring", cells[cellHot], nil, round(0.20, 0.30))
	far := round(0.20, 0.40)
	far.Discard.Filled, far.Shadow.Filled = 0.09, 0.10
	add("synthetic", "io_uring", cells[cellFar], nil, far)
	r.Cases = append(r.Cases, &Case{Source: "kafka", Engine: "io_uring", Cell: cells[cellBase], Skipped: "umbra does not take it here: refused by the container"})
	add("kafka", "pwrite", cells[cellBase], []*Delay{{Rate: 20e6, CPU: 0.4, Window: measure.Window{Noise: []string{busy}},
		Source: delay.Summary{Count: 90000, P50: 1.1, P99: 20, P999: 30, Max: 31},
		Shadow: delay.Summary{Count: 90000, P50: 3, P99: 40, P999: 29, Max: 32}}}, round(0.25, 1.5, busy))
	r.Ceiling = &ceiling.Ceiling{Things: []ceiling.Thing{{Name: ceiling.CRC, Samples: []ceiling.Sample{{GiBps: 12, Cost: 0.08}}},
		{Name: ceiling.Disk, Samples: []ceiling.Sample{{GiBps: 2, Cost: 0.09}, {GiBps: 3, Cost: 0.08}}}}}
	r.Vitals = []*Vitals{{Engine: "io_uring", Pauses: Histogram{Count: 40, P50: 0.05, P99: 0.26, Max: 0.46}, Waits: Histogram{Count: 9000, P50: 0.01, P99: 0.2, Max: 3},
		Turns: Histogram{Count: 70000, P50: 0.064, P99: 0.512, Max: 8.192}, Loops: []float64{0.0001, 0.004, 0.0002}}}
	r.conclude()
	return r
}

// What is concluded can be compared and drawn.
func TestConclusionsAreSound(t *testing.T) {
	r := sample()
	if err := r.Check(); err != nil {
		t.Error(err)
	}
	valued := func(name string, value float64) (f report.Figure) {
		t.Helper()
		i := slices.IndexFunc(r.Figures, func(f report.Figure) bool { return f.Name == name })
		if i < 0 {
			t.Errorf("no figure %s", name)
			return f
		}
		if math.Abs(r.Figures[i].Value-value) > 1e-9 {
			t.Errorf("%+v: want %v", r.Figures[i], value)
		}
		return r.Figures[i]
	}
	f := func(name string, value float64, met bool) {
		t.Helper()
		of := valued(name, value)
		if got, ok := of.Met(); !ok || got != met {
			t.Errorf("%s is met: %v, want %v", name, got, met)
		}
	}
	valued("link/synthetic/io_uring/base/cost_over_parts", (0.28+0.31)/2/(0.2+0.08+0.085))
	f("link/synthetic/io_uring/base/ratio", 1.475, true)
	f("link/kafka/pwrite/base/ratio", 6, false)
	f("link/synthetic/io_uring/batch-5KiB/cost_over_batch-1MiB", 0.41/0.31, true)
	f("link/synthetic/io_uring/live-5000/cost_over_live-10", 3, false)
	f("link/synthetic/io_uring/live-journal-5000/cost_over_live-journal-10", 1.5, true)
	f("link/synthetic/io_uring/hot/gib_per_s", 0.5, false)
	f("link/synthetic/io_uring/rtt-85ms/line_filled", 0.1*(1<<30)*8/1e9, true)
	f("link/synthetic/io_uring/delay-20MB/p50_over_source_ms", 0.7, false)
	f("link/synthetic/io_uring/delay-1MB/p99_over_source_ms", 1.23, true)
	var charts []string
	titles := map[string]string{}
	for _, c := range r.Charts {
		charts, titles[c.ID] = append(charts, c.ID), c.Title
	}
	want := "link-cost-synthetic link-live-synthetic link-rate-synthetic link-ratio-partitions-synthetic link-ratio-batch-synthetic link-cost-kafka link-rate-kafka link-rtt link-delay-p50 link-delay-p99"
	if got := strings.Join(charts, " "); got != want {
		t.Errorf("charts:\n%s, want\n%s", got, want)
	}
	for id, want := range map[string]string{
		"link-cost-kafka":            "CPU per GiB from kafka: umbra takes 6 times what discarding takes",
		"link-live-synthetic":        "CPU per GiB from synthetic of topics that grow by 50 MB/s in all: umbra takes 3.33 to 10 times what discarding takes",
		"link-ratio-batch-synthetic": "By batch size, 5KiB to 1MiB: umbra takes 1.48 to 2.05 times the CPU of discarding, from synthetic with io_uring",
		"link-rtt":                   "One hot partition over a line of 1 Gbit/s: umbra uses 85.9 % of it",
		"link-delay-p50":             "Delay of the shadow above the source's own, median: 0.300 to 1.90 ms",
	} {
		if titles[id] != want {
			t.Errorf("title of %s: %q, want %q", id, titles[id], want)
		}
	}
}

func TestTableGolden(t *testing.T) {
	var b strings.Builder
	if err := sample().Table(&b); err != nil {
		t.Fatal(err)
	}
	golden.Check(t, "table.txt", b.String())
}

// What a report holds can be read back, and its fields keep their names.
func TestJSONGolden(t *testing.T) {
	r := sample()
	r.Cases, r.Charts = r.Cases[:1], r.Charts[:1]
	doc, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	golden.Check(t, "report.json", string(doc)+"\n")
	var back Report
	if err := json.Unmarshal(doc, &back); err != nil || back.Cases[0].Median.Ratio != r.Cases[0].Median.Ratio {
		t.Errorf("read back: %v", err)
	}
}

func TestTableOfNothing(t *testing.T) {
	var b strings.Builder
	if err := (&Report{Document: report.Document{Head: report.Head{Umbra: "umbra"}}}).Table(&b); err != nil || strings.Contains(b.String(), "SOURCE") {
		t.Errorf("%v:\n%s", err, b.String())
	}
}
