package rpo

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"umbra/bench/delay"
	"umbra/bench/golden"
	"umbra/bench/measure"
	"umbra/bench/process"
	"umbra/bench/progress"
	"umbra/bench/report"
	"umbra/kafkaproto"
	"umbra/loadtest/umbra"
)

// The source's process is this test binary, run again.
func TestMain(m *testing.M) {
	process.ServeIfChild()
	os.Exit(m.Run())
}

func good() Options {
	return Options{Sources: []string{SourceSynthetic, SourceKafka, "127.0.0.1:9092"}, Rates: []float64{1e6, 20e6}, For: time.Second, Rounds: 1,
		Kills: 1, KillRate: 1e6, Within: time.Second, Partitions: 3, Record: 1024, Burst: 16 << 10, Engine: "auto"}
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
	f(func(o *Options) { o.Partitions = 0 }, "--partitions is 0")
	f(func(o *Options) { o.Record = 19 }, "--record is 19: want 20")
	f(func(o *Options) { o.Burst = 1000 }, "--burst is 1000: want 1024")
	f(func(o *Options) { o.Rounds = 0 }, "--rounds")
	f(func(o *Options) { o.Kills = -1 }, "--kills")
	f(func(o *Options) { o.Idle = -1 }, "--idle")
	f(func(o *Options) { o.Within = 1 }, "--kill-within is 1ns: want 1s")
	f(func(o *Options) { o.KillRate = 5 }, "a rate is 5 bytes/s")
	f(func(o *Options) { o.Rates = []float64{1e6, 1e6} }, "names one twice")
	f(func(o *Options) { o.Rates = nil }, "at least one")
	f(func(o *Options) { o.Sources = []string{"kafk"} }, `--source "kafk"`)
	f(func(o *Options) { o.Engine = "uring" }, `--engine "uring"`)
}

// The moment of a kill follows from the seed and the round, and lies where it may.
func TestMoment(t *testing.T) {
	seen := map[time.Duration]bool{}
	for round := range 50 {
		m := moment(1, round, 4*time.Second)
		if m != moment(1, round, 4*time.Second) || m < killAfter || m > 4*time.Second {
			t.Errorf("round %d: %v", round, m)
		}
		seen[m] = true
	}
	if len(seen) < 50 || seen[moment(2, 0, 4*time.Second)] {
		t.Errorf("%d moments of 50 rounds", len(seen))
	}
	if m := moment(1, 1, killAfter); m != killAfter {
		t.Errorf("no room to choose: %v", m)
	}
}

func TestSpread(t *testing.T) {
	f := func(want spread, text string, values ...float64) {
		t.Helper()
		if got := spreadOf(values); got != want || got.String() != text {
			t.Errorf("%v: got %+v %q, want %+v %q", values, got, got, want, text)
		}
	}
	f(spread{}, "0")
	f(spread{2, 2, 2, 1}, "2.00", 2)
	f(spread{2, 1, 300, 3}, "2.00 (1.00-300)", 300, 1, 2)
	f(spread{1.5, 0, 3, 4}, "1.50 (0-3.00)", 3, 1, 0, 2)
}

func TestQuantile(t *testing.T) {
	f := func(q, want float64, values ...float64) {
		t.Helper()
		if got := quantile(values, q); got != want {
			t.Errorf("%v of %v: got %v, want %v", q, values, got, want)
		}
	}
	f(0.5, 0)
	f(0.5, 2, 3, 1, 2)
	f(0.99, 3, 3, 1, 2)
	f(0, 1, 3, 1, 2)
	if got := offOf([]float64{-4, 1, 0, 2}); got != (Off{1, 4, 2, 4}) {
		t.Errorf("errors: %+v", got)
	}
}

func round(p99 float64, noise ...string) Round {
	d := []time.Duration{time.Millisecond, time.Duration(p99 * 1e6)}
	r := Round{Source: delay.Summarize(d[:1]), Shadow: delay.Summarize(d), Wake: delay.Summarize(d[:1]), source: delay.Histogram(d[:1]), shadow: delay.Histogram(d), Window: measure.Window{Noise: noise}}
	r.Difference = r.Shadow.Minus(r.Source)
	r.Behind = r.Difference
	return r
}

// Dirty rounds are left out as long as half of all are clean.
func TestCaseTakesCleanRounds(t *testing.T) {
	c := &Case{Rounds: []Round{round(9), round(700, "noise"), round(5), round(6)}}
	rounds, dirty := c.take()
	if len(rounds) != 3 || dirty || c.middle().Shadow.Max != 6 {
		t.Errorf("took %d, dirty %v, middle %+v", len(rounds), dirty, c.middle())
	}
	if h := c.merged(ofShadow); h.TotalCount() != 6 || h.Max() > 10_000 {
		t.Errorf("merged %d up to %d us", h.TotalCount(), h.Max())
	}
	c.Rounds[0].Window.Noise, c.Rounds[2].Window.Noise = []string{"noise"}, []string{"noise"}
	if rounds, dirty := c.take(); len(rounds) != 4 || !dirty {
		t.Errorf("took %d, dirty %v", len(rounds), dirty)
	}
	if c = (&Case{}); c.middle() != nil || c.figures() != nil {
		t.Error("a case without rounds has figures")
	}
}

// A shadow that is 30 ms behind once, and an umbra that did not know it.
func TestRoundLag(t *testing.T) {
	const ms = int64(time.Millisecond)
	line := func(sights ...delay.Sight) delay.Timeline {
		tl, err := delay.NewTimeline(sights)
		if err != nil {
			t.Fatal(err)
		}
		return tl
	}
	source := line(delay.Sight{Next: 5, At: 10 * ms}, delay.Sight{Next: 9, At: 100 * ms})
	shadow := line(delay.Sight{Next: 5, At: 11 * ms}, delay.Sight{Next: 9, At: 130 * ms})
	r := Round{}
	reports := []delay.Report{
		{From: 50 * ms, To: 51 * ms},
		{From: 110 * ms, To: 112 * ms, Lag: delay.Lag{Records: 1, For: 2 * time.Millisecond}},
		{From: 150 * ms, To: 151 * ms, Lag: delay.Lag{For: 7 * time.Millisecond}},
	}
	r.Lag.Unknown = 1
	r.lag(shadow, source, reports, 0, 200*ms)
	if l := r.Lag; l.RecordsMax != 5 || l.MsMax < 29.99 || l.MsMax > 30 || l.Asked != 4 || l.ReportedMax != 7 {
		t.Errorf("lag: %+v", l)
	}
	if l := r.Lag; l.OffMs != (Off{P50: 7, P99: 8, Over: 7, Under: 8}) || l.OffRecords != (Off{P99: 3, Under: 3}) {
		t.Errorf("errors of the reports: %+v and %+v", l.OffMs, l.OffRecords)
	}
	if len(r.series) != 10 || r.series[0].records != 5 || r.series[2].records != 0 || r.series[5].records != 4 || r.series[5].ms < 19 || len(r.reported) != 3 {
		t.Errorf("series: %+v", r.series)
	}
}

func TestProbeHears(t *testing.T) {
	p := &probe{left: []int32{0, 1, 2}}
	answer := func(codes ...kafkaproto.ErrorCode) *kafkaproto.ProduceResponse {
		topic := kafkaproto.ProduceResponseTopic{Topic: "t"}
		for i, c := range codes {
			topic.Partitions = append(topic.Partitions, kafkaproto.ProduceResponseTopicPartition{Partition: p.left[i], ErrorCode: int16(c)})
		}
		return &kafkaproto.ProduceResponse{Topics: []kafkaproto.ProduceResponseTopic{topic}}
	}
	p.heard(answer(kafkaproto.PolicyViolation, kafkaproto.PolicyViolation, kafkaproto.PolicyViolation), 10)
	if len(p.left) != 3 || p.first != 0 || p.refusal == nil {
		t.Errorf("all refused: %+v", p)
	}
	p.heard(answer(kafkaproto.PolicyViolation, kafkaproto.None, kafkaproto.PolicyViolation), 20)
	p.heard(answer(kafkaproto.None, kafkaproto.None), 30)
	if len(p.left) != 0 || p.first != 20 || p.last != 30 {
		t.Errorf("all accepted: %+v", p)
	}
}

// example is a report with a bit of everything.
func example() *Report {
	r := &Report{Engine: "io_uring"}
	r.Schema, r.Seed, r.Umbra = Schema, 7, "umbra 1.0"
	r.Env = measure.Env{CPU: "a processor", Cores: 2, MemoryGiB: 24, Kernel: "6.1", Go: "go1.26", FileSystem: "ext4"}
	for _, source := range []string{SourceSynthetic, SourceKafka} {
		busy, idle := &Case{Source: source, Pace: rateName(20e6), Rate: 20e6}, &Case{Source: source, Pace: "idle", Rate: 512}
		busy.Rounds, idle.Rounds = []Round{round(3), round(4), round(9, "noise")}, []Round{round(2)}
		busy.Rounds[0].series = []lagPoint{{0.1, 20, 3}, {0.2, 0, 0}}
		busy.Rounds[0].reported = []lagPoint{{0.1, 18, 2}}
		busy.Rounds[0].Window.Wall, busy.Rounds[0].Cores = time.Second, 0.25
		r.Cases = append(r.Cases, busy, idle)
	}
	r.Kills = []*Kill{
		{Round: 1, AfterMs: 1500, Acked: 20_000, FailoverMs: 80, WritableMs: 81, CommandMs: 60, Verified: 20_000, VerifiedBytes: 20 << 20, Claim: Claim{Bound: "exact"}},
		{Round: 2, AfterMs: 2250, Acked: 31_000, LostRecords: 32, LostMs: 1.5, Missing: 48, FailoverMs: 95, WritableMs: 95, CommandMs: 70, Verified: 30_968, VerifiedBytes: 31 << 20,
			Claim: Claim{Bound: "exact", OffRecords: -48, OffMs: -1.5}},
	}
	return r
}

// What is drawn and compared is well formed, and named as it always was.
func TestFiguresAndCharts(t *testing.T) {
	run := &run{out: example()}
	run.conclude()
	if err := run.out.Check(); err != nil {
		t.Error(err)
	}
	by := map[string]report.Figure{}
	for _, f := range run.out.Figures {
		by[f.Name] = f
	}
	if f := by["rpo/kafka/20MB/difference_p99"]; math.Abs(f.Value-2.5) > 0.01 || f.Samples != 2 || f.Dirty || f.Target == nil || *f.Target != TargetP99 || f.Unit != "ms" || f.Better != report.Less {
		t.Errorf("difference: %+v", f)
	}
	if f := by["rpo/synthetic/idle/delay_p50"]; f.Target == nil || *f.Target != TargetP50 || by["rpo/synthetic/idle/difference_p50"].Target != nil {
		t.Errorf("synthetic, idle: %+v", f)
	}
	if f := by["rpo/kills/lost_records"]; f.Value != 16 || f.Low != 0 || f.High != 32 || f.Samples != 2 {
		t.Errorf("lost records: %+v", f)
	}
	var ids []string
	for _, c := range run.out.Charts {
		ids = append(ids, c.ID)
	}
	for _, s := range run.out.Charts[4].Series {
		if slices.Min(s.Y) <= 0 {
			t.Errorf("a log axis has %v", s.Y)
		}
	}
	want := []string{"rpo-synthetic-lag-ms", "rpo-synthetic-lag-records", "rpo-kafka-lag-ms", "rpo-kafka-lag-records", "rpo-synthetic-20MB-delay", "rpo-synthetic-idle-delay",
		"rpo-kafka-20MB-delay", "rpo-kafka-idle-delay", "rpo-kills-failover", "rpo-kills-lost-records", "rpo-kills-lost-ms"}
	if !slices.Equal(ids, want) {
		t.Errorf("charts: %q", ids)
	}
	if (&Report{}).charts() != nil {
		t.Error("a run of nothing has charts")
	}
}

func TestTable(t *testing.T) {
	run := &run{out: example()}
	run.conclude()
	var got strings.Builder
	if err := run.out.Table(&got); err != nil {
		t.Fatal(err)
	}
	golden.Check(t, "table.txt", got.String())
}

// A wrong byte and a false receipt end the run with an error, whatever the figures.
func TestJudge(t *testing.T) {
	run := &run{out: example()}
	if err := run.judge(); err != nil {
		t.Error(err)
	}
	run.out.Kills[0].Wrong = []string{"partition 1 offset 5: torn"}
	run.out.Kills[1].Claim.Faults = []string{"receipt: false"}
	if err := run.judge(); err == nil || !strings.Contains(err.Error(), "kill 1: partition 1 offset 5: torn") || !strings.Contains(err.Error(), "kill 2: receipt: false") {
		t.Errorf("got %v", err)
	}
}

// The whole of the first half, against a real umbra and a synthetic source.
func TestRunSynthetic(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	binary, err := umbra.Build(ctx, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Sources: []string{SourceSynthetic}, Rates: []float64{2e6}, For: 300 * time.Millisecond, Rounds: 2, Idle: time.Second, Kills: 1, KillRate: 1e6,
		Within: time.Second, Partitions: 3, Record: 1000, Burst: 10_000, Engine: "auto", Seed: 1, Umbra: binary, Dir: t.TempDir(), HDR: filepath.Join(t.TempDir(), "hdr")}
	r, err := Run(ctx, o, progress.Line{})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Check(); err != nil {
		t.Error(err)
	}
	busy, idle := r.Cases[0], r.Cases[1]
	if len(busy.Rounds) != 2 || len(idle.Rounds) != 1 || idle.Rounds[0].Shadow.Count != 1 {
		t.Fatalf("%d busy rounds, idle %+v", len(busy.Rounds), idle.Rounds)
	}
	for i, round := range busy.Rounds {
		// 2 MB/s for 300 ms in bursts of 10 kB is 60 bursts.
		if round.Shadow.Count != 60 || round.Source.Count != 60 || round.Behind.Count != 60 || round.Lag.RecordsMax == 0 || len(round.series) == 0 {
			t.Errorf("round %d: %+v", i+1, round)
		}
	}
	if len(r.Kills) != 0 || !slices.ContainsFunc(r.Remarks, func(s string) bool { return strings.Contains(s, "not killed") }) {
		t.Errorf("%d kills of a synthetic source, remarks %q", len(r.Kills), r.Remarks)
	}
	files, err := filepath.Glob(filepath.Join(o.HDR, "*"))
	if err != nil || len(files) != 5 {
		t.Errorf("histograms: %v, %v", files, err)
	}
	if left, err := os.ReadDir(o.Dir); err != nil || len(left) != 0 {
		t.Errorf("the run left %v, %v", left, err)
	}
}
