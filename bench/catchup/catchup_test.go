package catchup

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"umbra/bench/measure"
	"umbra/bench/progress"
	"umbra/bench/report"
	"umbra/bench/synthetic"
	"umbra/bench/traffic/load"
	"umbra/loadtest/kafka"
	"umbra/loadtest/umbra"
)

// The load generator is this test binary, run again.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == load.Command {
		if err := load.Serve(context.Background(), os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func good() Options {
	return Options{Backlog: 1 << 30, Rate: 1e6, Partitions: 3, Record: 1000, Batch: 16, LocalRate: 100, LocalConns: 2, Around: time.Second, Rounds: 1}
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
	f(func(o *Options) { o.Outage = time.Second }, "give one")
	f(func(o *Options) { o.Backlog = 0 }, "give --backlog or --outage")
	f(func(o *Options) { o.Backlog = 7 }, "--backlog is 7")
	f(func(o *Options) { o.Partitions = 0 }, "--partitions")
	f(func(o *Options) { o.Record = 0 }, "--record")
	f(func(o *Options) { o.Batch = 0 }, "--batch")
	f(func(o *Options) { o.Rate = 1000 }, "--rate is 1000: want 16000")
	f(func(o *Options) { o.LocalRate = 0 }, "--local-rate")
	f(func(o *Options) { o.LocalConns = 0 }, "--local-connections")
	f(func(o *Options) { o.Around = 0 }, "--around")
	f(func(o *Options) { o.Rounds = 0 }, "--rounds")
	long := good()
	long.Backlog, long.Outage = 0, time.Minute
	if err := long.Validate(); err != nil {
		t.Errorf("an outage instead of a backlog: %v", err)
	}
}

const s = int64(time.Second)

// seen is a round of 2 s before, 1 s of outage, 4 s of catching up with 8 GiB, 1 s after.
func seen() (*Round, []load.Sample) {
	r := &Round{Backlog: 7 << 30}
	at := 100 * s
	for _, p := range []struct {
		name string
		long int64
	}{{Before, 2}, {Outage, 1}, {During, 4}, {After, 1}} {
		r.Phases = append(r.Phases, Phase{Name: p.name, Begin: at, End: at + p.long*s, Window: measure.Window{Wall: time.Duration(p.long * s), CPU: map[string]time.Duration{umbraProcess: 2 * time.Second}}})
		at += p.long * s
	}
	for i := int64(0); i <= 8*4; i++ { // each quarter of a second
		held := max(0, i-12) << 29
		r.Lag = append(r.Lag, Point{At: 100*s + i*s/4, Held: min(held, 8<<30), Behind: max(0, 8<<30-held)})
	}
	var samples []load.Sample
	for i := int64(8*10) - 1; i >= 0; i-- {
		x := load.Sample{At: 100*s + i*s/10, Acked: time.Millisecond, Latency: 2 * time.Millisecond}
		if i >= 30 && i < 70 {
			x.Acked, x.Latency = 10*time.Millisecond, 20*time.Millisecond
		}
		samples = append(samples, x)
	}
	return r, samples
}

func TestSettleRound(t *testing.T) {
	r, samples := seen()
	r.settle(samples)
	if r.Seconds != 4 || r.Bytes != 8<<30 || r.GiBps != 2 || r.Cost != 0.25 {
		t.Errorf("%v s, %d bytes, %v GiB/s, %v CPU-s/GiB", r.Seconds, r.Bytes, r.GiBps, r.Cost)
	}
	f := func(name string, count int64, produce, consume float64) {
		t.Helper()
		p := r.phase(name)
		if p.Produce.Count != count || p.Consume.Count != count || p.Produce.P99 != produce || p.Consume.Max != consume {
			t.Errorf("%s: %+v %+v", name, p.Produce, p.Consume)
		}
	}
	f(Before, 20, 1, 2)
	f(Outage, 10, 1, 2)
	f(During, 40, 10.007, 20.015) // a histogram's precision
	f(After, 10, 1, 2)
	if len(r.Local) != 8 || r.Local[0].Second != -3 || r.Local[0].Count != 10 || r.Local[3].Produce < 10 || r.Local[2].Consume != 2 {
		t.Errorf("%+v", r.Local)
	}
}

func TestSettleReport(t *testing.T) {
	one, samples := seen()
	one.settle(samples)
	two, samples := seen()
	two.Phases[0].Window.Noise = []string{"others"}
	two.settle(samples)
	three := &Round{Phases: two.Phases[:1]} // broke off
	r := &Report{Rounds: []*Round{one, two, three}}
	r.settle()
	r.remark(good())
	if err := r.Check(); err != nil {
		t.Error(err)
	}
	find := func(name string) report.Figure {
		for _, f := range r.Figures {
			if f.Name == name {
				return f
			}
		}
		t.Fatalf("no figure %q", name)
		return report.Figure{}
	}
	if f := find("catchup/rate_gib_per_s"); f.Value != 2 || f.Samples != 2 || f.Dirty {
		t.Errorf("%+v", f)
	}
	if f := find("catchup/local_produce_p99_before"); f.Value != 1 || f.Samples != 3 || !f.Dirty {
		t.Errorf("%+v: want all three, marked", f)
	}
	var b strings.Builder
	if err := r.Table(&b); err != nil || !strings.Contains(b.String(), "catchup/seconds") {
		t.Errorf("%v\n%s", err, b.String())
	}
	if len(r.Charts) != 3 || len(r.Charts[0].Series) != 2 || r.Charts[0].Series[0].X[0] != -3 {
		t.Errorf("%d charts", len(r.Charts))
	}
}

// The gauge sees one log grow past another.
func TestGauge(t *testing.T) {
	start := func(records int64) *synthetic.Source {
		s, err := synthetic.Start(synthetic.Config{Topic: "load", Partitions: 2, RecordSize: 100, BatchSize: 500, ChunkBytes: 1 << 20, Records: records})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Close)
		return s
	}
	source, shadow := start(40), start(20)
	g, err := openGauge(context.Background(), "load", 2, source.Addr(), shadow.Addr(), 10)
	if err != nil {
		t.Fatal(err)
	}
	defer g.close()
	p, err := g.look()
	if err != nil || p.Behind <= 0 || p.Held <= 0 {
		t.Fatalf("%+v, %v", p, err)
	}
	got, err := g.until(context.Background(), true, func(p Point) bool {
		shadow.Grow(0)
		return p.Behind == 0
	})
	if err != nil || got.Behind != 0 || len(g.points) < 3 {
		t.Errorf("%+v after %d looks, %v", got, len(g.points), err)
	}
	if part := between(g.points, g.points[1].At, got.At); len(part) != len(g.points)-2 {
		t.Errorf("%d of %d points between the second and the last", len(part), len(g.points))
	}
	shadow.Close()
	if _, err := g.look(); err == nil || !strings.Contains(err.Error(), "the shadow") {
		t.Errorf("a shadow that is gone: %v", err)
	}
}

// The whole bench, tiny, against the real things.
func TestCatchUp(t *testing.T) {
	kafka.NeedE2E(t)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	binary, err := umbra.Build(ctx, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	o := good()
	o.Backlog, o.Around, o.Umbra, o.Dir = 8<<20, 200*time.Millisecond, binary, t.TempDir()
	r, err := Run(ctx, o, progress.Line{})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Check(); err != nil || len(r.Rounds) != 1 {
		t.Fatalf("%d rounds, %v", len(r.Rounds), err)
	}
	x := r.Rounds[0]
	if len(x.Phases) != 4 || x.Backlog < 7<<20 || x.Bytes < x.Backlog || x.GiBps <= 0 || x.phase(Before).Produce.Count == 0 {
		t.Errorf("%+v", x)
	}
	if left, err := os.ReadDir(o.Dir); err != nil || len(left) > 0 {
		t.Errorf("left %v behind, %v", left, err)
	}
}
