package peers

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"umbra/bench/delay"
	"umbra/bench/golden"
	"umbra/bench/measure"
	"umbra/bench/report"
)

const gib = 1 << 30

// sample is a transfer of a GiB in 2 s.
func sample(mirror, beside float64, noise ...string) Sample {
	s := newSample(measure.Window{Wall: 2 * time.Second, Cores: 2, Noise: noise, Other: time.Duration(len(noise)) * time.Second,
		CPU: map[string]time.Duration{"m": seconds(mirror), "b": seconds(beside), procSource: 300 * time.Millisecond}}, gib, "m", "b")
	s.Memory = 700 << 20
	return s
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

func TestNewSample(t *testing.T) {
	s := sample(1, 0.5)
	if s.GiBps != 0.5 || s.Cost != 1.5 || s.Mirror != 1 || s.Source != 0.3 {
		t.Errorf("a GiB in 2 s: %+v", s)
	}
	alone := newSample(measure.Window{Wall: time.Second, CPU: map[string]time.Duration{"m": time.Second}}, gib, "m", "")
	if alone.Cost != 1 || alone.Mirror != 1 {
		t.Errorf("one process: %+v", alone)
	}
	if none := newSample(measure.Window{}, 0, "m", ""); none.GiBps != 0 || none.Cost != 0 {
		t.Errorf("nothing: %+v", none)
	}
}

func TestFigure(t *testing.T) {
	f := func(what string, v []float64, clean []bool, value, low, high float64, samples int, dirty bool) {
		t.Helper()
		got := figure("x", "x", report.Less, v, clean)
		if got.Value != value || got.Low != low || got.High != high || got.Samples != samples || got.Dirty != dirty {
			t.Errorf("%s: %+v", what, got)
		}
	}
	f("one", []float64{3}, []bool{true}, 3, 3, 3, 1, false)
	f("odd, unsorted", []float64{9, 1, 2}, []bool{true, true, true}, 2, 1, 9, 3, false)
	f("even", []float64{4, 2}, []bool{true, true}, 3, 2, 4, 2, false)
	f("a dirty one is left out", []float64{1, 99, 3}, []bool{true, false, true}, 2, 1, 3, 2, false)
	f("half are clean", []float64{1, 99}, []bool{true, false}, 1, 1, 1, 1, false)
	f("too few are clean", []float64{1, 99, 50}, []bool{true, false, false}, 50, 1, 99, 3, true)
	f("none is clean", []float64{7}, []bool{false}, 7, 7, 7, 1, true)
	f("nothing", nil, nil, 0, 0, 0, 0, false)
}

// Ratios are taken round by round: a machine that slows down half way through does
// not move them. A round counts as clean when both its sides are.
func TestRatioIsOfRounds(t *testing.T) {
	c := Case{Record: 1024, Systems: []*Lane{
		{System: Umbra, Rounds: []Sample{sample(1, 0), sample(4, 0), sample(8, 0, "noise")}},
		{System: MM2Tuned, Rounds: []Sample{sample(10, 5), sample(40, 20), sample(1, 1)}},
		{System: Go},
	}}
	f, ok := c.over("r", MM2Tuned, Umbra)
	if !ok || f.Value != 15 || f.Low != 15 || f.High != 15 || f.Samples != 2 || f.Dirty {
		t.Errorf("got %+v", f)
	}
	if _, ok := c.over("r", Go, Umbra); ok {
		t.Error("a ratio of what was not measured")
	}
	names := map[string]report.Figure{}
	for _, f := range c.figures() {
		names[f.Name] = f
	}
	if f := names["peers/1024/mm2_tuned_over_umbra"]; f.Value != 15 || f.Target == nil || *f.Target != 15 {
		t.Errorf("got %+v of %d figures", f, len(names))
	}
	if f := names["peers/1024/mm2_tuned/mirror_cpu_s_per_gib"]; f.Value != 10 || f.Better != report.Less {
		t.Errorf("got %+v", f)
	}
	if tuned, follower := targets(100); tuned != 80 || follower != 2.5 {
		t.Errorf("targets at 100 bytes: %v %v", tuned, follower)
	}
}

// full is a report with every kind of line.
func full() *Report {
	busy := "other processes used 0.90 cores, more than 0.08"
	r := &Report{Kafka: "4.3.1", Document: report.Document{Head: report.Head{
		Schema: Schema, Started: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC), Seconds: 61.5, Seed: 1,
		Env:   measure.Env{Kernel: "6.18.0", CPU: "Example 9000", Cores: 2, MemoryGiB: 24, Go: "go1.26.0", FileSystem: "ext4"},
		Umbra: "umbra 0.1.0 0123456789ab, 2 shards, pinned false, engine io_uring (the kernel offers all of it)",
		Flags: map[string]string{"bytes": "1.0 GiB"}, Rule: measure.DefaultRule(),
	}}}
	c := &Case{Record: 1024, Bytes: gib, Records: 1_000_000}
	for i, name := range Systems() {
		cost := float64(1 + i*i)
		c.Systems = append(c.Systems, &Lane{System: name, Warm: []Sample{sample(9*cost, 0)},
			Rounds: []Sample{sample(cost, cost/2), sample(1.1*cost, cost/2), sample(1.2*cost, cost/2, busy)}})
	}
	r.Cases = []*Case{c, {Record: 100, Bytes: gib / 2, Records: 4_000_000, Systems: []*Lane{
		{System: Umbra, Rounds: []Sample{sample(1, 0, busy)}}, {System: MM2Tuned, Rounds: []Sample{sample(70, 20)}}, {System: Go}}}}
	for i, name := range []string{Umbra, MM2Default} {
		d := &Delay{System: name, Rate: 1e6, Burst: 16 << 10, Seconds: 20,
			Source: delay.Summary{Count: 6000, P50: 0.12, P99: 0.54, P999: 2.38, Max: 4.85}, Copy: delay.Summary{Count: 6000, P50: 0.52, P99: 1.77, P999: 4.21, Max: 7.24},
			sourceCurve: Curve{[]float64{2, 100}, []float64{0.12, 0.54}}, copyCurve: Curve{[]float64{2, 100}, []float64{0.52, 1.77}}}
		d.Difference = d.Copy.Minus(d.Source)
		if i > 0 {
			d.Window = measure.Window{Wall: time.Second, Cores: 2, Other: time.Second, Noise: []string{busy}}
		}
		r.Delays = append(r.Delays, d)
	}
	r.Delays = append(r.Delays, &Delay{System: MM2Tuned, Rate: 1e6, Failed: "observe the copy: partition 3 is at 1 and not at 9"})
	r.settle(good())
	return r
}

func TestTableGolden(t *testing.T) {
	var b strings.Builder
	if err := full().Table(&b); err != nil {
		t.Fatal(err)
	}
	golden.Check(t, "table.txt", b.String())
}

// What all reports have in common is in order, and can be read back.
func TestDocument(t *testing.T) {
	r := full()
	if err := r.Check(); err != nil {
		t.Error(err)
	}
	doc, err := report.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	back, err := report.Parse(doc)
	if err != nil || len(back.Figures) != len(r.Figures) || len(back.Charts) != 3 {
		t.Fatalf("read back: %v, %d figures of %d", err, len(back.Figures), len(r.Figures))
	}
	if c := back.Charts[2]; c.Kind != report.Quantiles || len(c.Series) != 3 || c.Series[0].Name != "the source itself" {
		t.Errorf("delays: %+v", c)
	}
	var own Report
	if err := json.Unmarshal(doc, &own); err != nil || own.Cases[0].Systems[0].Rounds[0].Cost != r.Cases[0].Systems[0].Rounds[0].Cost {
		t.Errorf("read back: %v", err)
	}
}

// A run that was broken off early still prints.
func TestTableOfNothing(t *testing.T) {
	var b strings.Builder
	r := &Report{}
	r.settle(good())
	if err := r.Table(&b); err != nil || strings.Contains(b.String(), "SYSTEM") {
		t.Errorf("%v:\n%s", err, b.String())
	}
}
