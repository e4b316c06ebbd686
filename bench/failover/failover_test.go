package failover

import (
	"context"
	"errors"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"umbra/admin/api"
	"umbra/bench/golden"
	"umbra/bench/measure"
	"umbra/bench/process"
	"umbra/bench/progress"
	"umbra/bench/report"
	"umbra/loadtest/umbra"
)

// The source's process is this test binary, run again.
func TestMain(m *testing.M) {
	process.ServeIfChild()
	os.Exit(m.Run())
}

func good() Options { return Options{Shapes: []Shape{{100, 10}, {1000, 10}}, Rounds: 3} }

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
	f(func(o *Options) { o.Shapes = nil }, "at least one")
	f(func(o *Options) { o.Shapes[1] = o.Shapes[0] }, "names 100x10 twice")
	f(func(o *Options) { o.Shapes[0].Topics = 0 }, "--shape is 0x10")
	f(func(o *Options) { o.Shapes[0].Partitions = -1 }, "--shape is 100x-1")
	f(func(o *Options) { o.Shapes[0] = Shape{1 << 40, 1 << 40} }, "want 1 to 100000 partitions")
	f(func(o *Options) { o.Rounds = 0 }, "--rounds is 0")
	f(func(o *Options) { o.Within = -1 }, "--within")
}

func TestParseShape(t *testing.T) {
	for _, text := range []string{"100x10", "1x1", "10000x1"} {
		if s, err := ParseShape(text); err != nil || s.String() != text {
			t.Errorf("%q: got %v, %v", text, s, err)
		}
	}
	for _, bad := range []string{"", "100", "x", "10x", "x10", "10x10x10", "ax1", "10 x 1"} {
		if s, err := ParseShape(bad); err == nil {
			t.Errorf("%q was read as %v", bad, s)
		}
	}
}

// The targets go by the partitions in all.
func TestTarget(t *testing.T) {
	f := func(s Shape, want float64) {
		t.Helper()
		got := s.target()
		if (got == nil) != (want == 0) || got != nil && *got != want {
			t.Errorf("%v: got %v, want %v", s, got, want)
		}
	}
	f(Shape{1, 1}, 1)
	f(Shape{100, 10}, 1)
	f(Shape{1001, 1}, 5)
	f(Shape{10_000, 1}, 5)
	f(Shape{1, 10_001}, 0)
}

func round(seconds float64, noise ...string) *Round {
	return &Round{Copied: 10 * seconds, Plan: seconds / 20, Seconds: seconds, Writable: seconds + 0.001, CPU: 1.5 * seconds, Told: 0.75 * seconds,
		Phases: []api.Phase{{Name: "decided", Seconds: seconds / 4}, {Name: "producer-ids", Seconds: seconds / 2}},
		Window: measure.Window{Wall: time.Second, Other: 400 * time.Millisecond, Noise: noise}}
}

func example() *Report {
	r := &Report{Document: report.Document{Head: report.Head{Umbra: "umbra 1.0", Env: measure.Env{CPU: "a processor", Cores: 2, MemoryGiB: 24, Kernel: "6.1", Go: "go1.26", FileSystem: "ext4"}}}}
	add := func(s Shape, rounds ...*Round) {
		r.Cases = append(r.Cases, &Case{Shape: s.String(), Topics: s.Topics, Partitions: s.Partitions, Rounds: rounds})
	}
	add(Shape{100, 10}, round(0.1), round(0.9, "others"), round(0.2))
	add(Shape{1000, 10}, round(6, "others"), round(8))
	add(Shape{10_000, 2}, round(4, "others"))
	add(Shape{7, 1})
	return r
}

func TestSettle(t *testing.T) {
	r := example()
	r.settle()
	if err := r.Check(); err != nil {
		t.Error(err)
	}
	by := map[string]report.Figure{}
	for _, f := range r.Figures {
		by[f.Name] = f
	}
	f := func(name string, value, target float64, samples int, dirty bool) {
		t.Helper()
		got, ok := by["failover/"+name]
		if !ok || math.Abs(got.Value-value) > 1e-9 || (got.Target == nil) != (target == 0) || target != 0 && *got.Target != target || got.Samples != samples || got.Dirty != dirty || got.Better != report.Less {
			t.Errorf("%s: %+v", name, got)
		}
	}
	f("100x10/seconds", (0.1+0.2)/2, 1, 2, false)
	f("100x10/writable_seconds", (0.1+0.2+0.002)/2, 0, 2, false)
	f("1000x10/seconds", 8, 5, 1, false) // missed, and shown as it is
	f("1000x10/cpu_s", 12, 0, 1, false)
	f("10000x2/seconds", 4, 0, 1, true)
	if len(r.Figures) != 9 {
		t.Errorf("%d figures: a shape without rounds has some", len(r.Figures))
	}
	if len(r.Charts) != 1 || r.Charts[0].ID != "failover-time" || len(r.Charts[0].Series) != 2 || !slices.Equal(r.Charts[0].Series[0].Labels, []string{"100x10", "1000x10", "10000x2"}) {
		t.Errorf("charts: %+v", r.Charts)
	}
	var none Report
	none.settle()
	if len(none.Figures)+len(none.Charts) != 0 {
		t.Error("a run of nothing has figures")
	}
}

func TestTable(t *testing.T) {
	r := example()
	r.settle()
	var got strings.Builder
	if err := r.Table(&got); err != nil {
		t.Fatal(err)
	}
	golden.Check(t, "table.txt", got.String())
}

func TestStateFault(t *testing.T) {
	rows := []api.TopicRow{{Topic: "a", State: api.StateFailedOver}, {Topic: "b", State: api.StateActive}}
	if err := stateFault(rows[:1], []string{"a"}, api.StateFailedOver); err != nil {
		t.Error(err)
	}
	err := stateFault(rows, []string{"a", "b", "c"}, api.StateFailedOver)
	if !errors.Is(err, ErrWrong) || strings.Contains(err.Error(), `"a"`) || !strings.Contains(err.Error(), `topic "b" is "ACTIVE"`) || !strings.Contains(err.Error(), `topic "c" is ""`) {
		t.Errorf("got %v", err)
	}
}

func TestEndsFault(t *testing.T) {
	want := map[int32]int64{0: 5, 1: 7}
	if err := endsFault("t", map[int32]int64{0: 5, 1: 7}, want); err != nil {
		t.Error(err)
	}
	for _, have := range []map[int32]int64{{0: 5}, {0: 5, 1: 6}, {0: 5, 1: 8}} {
		if err := endsFault("t", have, want); !errors.Is(err, ErrWrong) || !strings.Contains(err.Error(), `topic "t" partition 1`) {
			t.Errorf("%v: got %v", have, err)
		}
	}
}

// A broken shadow of thousands of topics does not fill the screen.
func TestFaultsAreCounted(t *testing.T) {
	var f faults
	f.add(nil)
	if f.err() != nil {
		t.Error(f.err())
	}
	for i := range 1000 {
		f.say("topic %d", i)
	}
	if err := f.err(); !errors.Is(err, ErrWrong) || strings.Count(err.Error(), "\n") != faultsTold || !strings.Contains(err.Error(), "and 995 more") {
		t.Errorf("got %v", err)
	}
}

// The whole bench, tiny, against a real umbra.
func TestRun(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	binary, err := umbra.Build(ctx, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Shapes: []Shape{{4, 3}, {1, 1}}, Rounds: 2, Seed: 1, Umbra: binary, Dir: t.TempDir()}
	r, err := Run(ctx, o, progress.Line{})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Check(); err != nil {
		t.Error(err)
	}
	for _, c := range r.Cases {
		if len(c.Rounds) != 2 {
			t.Errorf("%s: %d rounds", c.Shape, len(c.Rounds))
		}
		for i, x := range c.Rounds {
			if x.Seconds <= 0 || x.Writable <= x.Seconds || x.CPU <= 0 || x.Copied <= 0 || x.Told <= 0 || x.Told > x.Seconds || len(x.Phases) == 0 || x.Window.Wall < windowLeast {
				t.Errorf("%s round %d: %+v", c.Shape, i+1, x)
			}
		}
	}
	if left, err := os.ReadDir(o.Dir); err != nil || len(left) > 0 {
		t.Errorf("left %v behind, %v", left, err)
	}
	o.Rounds, o.Within = 50, time.Nanosecond // every shape still has one
	if r, err = Run(ctx, o, progress.Line{}); err != nil || len(r.Cases[0].Rounds) != 1 || len(r.Cases[1].Rounds) != 1 {
		t.Errorf("where time is short: %+v, %v", r, err)
	}
}
