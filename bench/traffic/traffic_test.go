package traffic

import (
	"strings"
	"testing"
	"time"

	"umbra/bench/delay"
	"umbra/bench/measure"
	"umbra/bench/report"
	"umbra/bench/traffic/load"
)

func good() Options {
	return Options{Bench: Produce, Systems: Systems(), Conns: []int{1, 16}, Batches: []int{1}, Record: 1024, Partitions: 16, Rate: 1000, Inflight: 5,
		Bytes: 1 << 30, Rounds: 1, For: time.Second}
}

func TestOptionsValidate(t *testing.T) {
	if err := good().Validate(); err != nil {
		t.Errorf("good ones: %v", err)
	}
	f := func(change func(*Options), want string) {
		t.Helper()
		o := good()
		change(&o)
		if err := o.Validate(); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("got %v, want %q alone", err, want)
		}
	}
	f(func(o *Options) { o.Record = 0 }, "--record is 0")
	f(func(o *Options) { o.Partitions = 0 }, "--partitions")
	f(func(o *Options) { o.Rate = 0 }, "--rate")
	f(func(o *Options) { o.Rounds = 0 }, "--rounds")
	f(func(o *Options) { o.For = 0 }, "--seconds")
	f(func(o *Options) { o.Warm = -1 }, "--warm")
	f(func(o *Options) { o.Inflight = 0 }, "--inflight")
	f(func(o *Options) { o.Conns = []int{1, 0} }, "--connections is 0")
	f(func(o *Options) { o.Batches = []int{0} }, "--batch is 0")
	f(func(o *Options) { o.Conns = nil }, "at least one")
	f(func(o *Options) { o.Systems = []string{"redpanda"} }, `--system "redpanda"`)
	f(func(o *Options) { o.Systems = []string{Kafka, Umbra, Kafka} }, `--system "kafka"`)
	f(func(o *Options) { o.Bench, o.Bytes = Consume, 5 }, "--bytes is 5")
}

// sampled is a sample with a latency and a cost; noise makes its window dirty.
func sampled(p99ms, cost float64, noise ...string) Sample {
	var h load.Histogram
	for range 1000 {
		h.Add(time.Duration(p99ms * float64(time.Millisecond)))
	}
	return Sample{Cost: cost, GiBps: 1, Latency: delay.Summary{P50: p99ms / 2, P99: p99ms, Max: p99ms}, Histogram: h, Window: measure.Window{Wall: time.Second, Noise: noise}}
}

func rounds(s ...Sample) (out []Round) {
	for _, x := range s {
		out = append(out, Round{Paced: x, Full: x})
	}
	return out
}

func find(t *testing.T, r *Report, name string) report.Figure {
	t.Helper()
	for _, f := range r.Figures {
		if f.Name == name {
			return f
		}
	}
	t.Fatalf("no figure %q", name)
	return report.Figure{}
}

// A dirty round is left out where enough clean ones remain, and the whole figure
// marked where not. Ratios are taken round by round.
func TestSettle(t *testing.T) {
	r := &Report{Bench: Produce, Cells: []*Cell{
		{System: Umbra, Conns: 16, Batch: 1, Rounds: rounds(sampled(2, 1), sampled(3, 1.2), sampled(90, 9, "others"))},
		{System: UmbraInterval, Conns: 16, Batch: 1, Rounds: rounds(sampled(1, 1, "others"), sampled(2, 2, "others"), sampled(3, 3))},
		{System: Kafka, Conns: 16, Batch: 1, Rounds: rounds(sampled(4, 4), sampled(4, 2.4), sampled(9, 9))},
		{System: KafkaFlush, Conns: 16, Batch: 1},
		{System: Kafka, Conns: 1, Batch: 1, Rounds: rounds(sampled(4, 4))},
	}}
	r.settle()
	if err := r.Check(); err != nil {
		t.Error(err)
	}
	if f := find(t, r, "produce/umbra/16/b1/p99_ms"); f.Value != 2.5 || f.Low != 2 || f.High != 3 || f.Samples != 2 || f.Dirty {
		t.Errorf("%+v", f)
	}
	if f := find(t, r, "produce/umbra-interval/16/b1/cpu_s_per_gib"); f.Value != 2 || f.Samples != 3 || !f.Dirty {
		t.Errorf("%+v", f)
	}
	f := find(t, r, "produce/umbra-to-kafka/16/b1/cpu_ratio")
	if met, judged := f.Met(); f.Value != 0.375 || f.Samples != 2 || f.Dirty || !met || !judged {
		t.Errorf("%+v", f)
	}
	if f := find(t, r, "produce/umbra-interval-to-kafka/16/b1/p99_ratio"); f.Target == nil || !f.Dirty {
		t.Errorf("%+v: no target, though both promise the same, or clean", f)
	}
	for _, f := range r.Figures {
		if strings.Contains(f.Name, "kafka-flush") {
			t.Errorf("%q was not measured", f.Name)
		}
	}
	var table strings.Builder
	if err := r.Table(&table); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"2 of 3", "1 of 3 dirty", "umbra / kafka", "CPU met; p99 met"} {
		if !strings.Contains(table.String(), want) {
			t.Errorf("no %q in\n%s", want, table.String())
		}
	}
}

func TestNewSample(t *testing.T) {
	w := measure.Window{Wall: 2 * time.Second, CPU: map[string]time.Duration{Kafka: 3 * time.Second, clientProcess: time.Second}}
	s := newSample(Kafka, load.Result{Bytes: 2 << 30, Wall: 2 * time.Second}, w)
	if s.GiBps != 1 || s.Cost != 1.5 || s.Client != 0.5 {
		t.Errorf("%+v", s)
	}
	if s := newSample(Kafka, load.Result{}, w); s.GiBps != 0 || s.Cost != 0 {
		t.Errorf("nothing: %+v", s)
	}
}

// A round whose open loop fell behind its rate is no round of that rate.
func TestUnkept(t *testing.T) {
	j := load.Job{Kind: load.Steady, Rate: 1000}
	f := func(kind load.Kind, batches int64, want string) {
		t.Helper()
		j.Kind = kind
		if got := unkept(j, load.Result{Batches: batches, Wall: 2*time.Second + rateDrain}); got != want {
			t.Errorf("%v, %d batches in 2 s: %q, want %q", kind, batches, got, want)
		}
	}
	f(load.Steady, 2000, "")
	f(load.Steady, 1950, "")
	f(load.Tail, 880, "44 % of the rate was kept, less than 95")
	f(load.Flat, 880, "")
	if got := unkept(j, load.Result{}); got != "" {
		t.Errorf("nothing: %q", got)
	}
}
