package link

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"umbra/bench/measure"
	"umbra/bench/plain"
	"umbra/bench/process"
	"umbra/kafkaproto"
	"umbra/kafkaproto/compress"
)

func good() Options {
	return Options{Sources: []string{SourceSynthetic, SourceKafka, "127.0.0.1:9092"}, Engines: []string{EngineRing, EnginePwrite, EngineAuto}, Grid: GridFull,
		Bytes: 1 << 30, KafkaBytes: 1 << 29, FarBytes: 1 << 28, Partitions: 10, Record: 1024, Batch: 16 << 10, Warm: 1 << 30, Chunk: 1 << 20, Rounds: 3,
		DelayRates: []float64{1e6, 20e6}, DelayFor: time.Second, LiveFor: time.Second}
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
	f(func(o *Options) { o.Bytes = 0 }, "--bytes is 0")
	f(func(o *Options) { o.KafkaBytes = 5 }, "real cluster is 5")
	f(func(o *Options) { o.FarBytes = 5 }, "round trip is 5")
	f(func(o *Options) { o.Partitions = 0 }, "--partitions is 0")
	f(func(o *Options) { o.Record = 0 }, "--record")
	f(func(o *Options) { o.Batch = 1 }, "--batch is 1")
	f(func(o *Options) { o.Chunk = 100 }, "--chunk is 100: want 16384")
	f(func(o *Options) { o.Rounds = -1 }, "--rounds")
	f(func(o *Options) { o.DelayFor = -1 }, "--seconds")
	f(func(o *Options) { o.DelayRates = []float64{20e6, 10} }, "--delay-rate is 10")
	f(func(o *Options) { o.Grid = "large" }, `grid "large"`)
	f(func(o *Options) { o.Only = []string{cellHot, "hott"} }, `--cell "hott"`)
	f(func(o *Options) { o.Sources = []string{"kafk"} }, `--source "kafk"`)
	f(func(o *Options) { o.Engines = []string{"uring"} }, `--engine "uring"`)
	f(func(o *Options) { o.Engines = nil }, "at least one")
	quiet := good()
	quiet.DelayFor, quiet.DelayRates = 0, nil
	if err := quiet.Validate(); err != nil || quiet.delays() {
		t.Errorf("no delay, no rate: %v", err)
	}
}

func names(cells []Cell) (out []string) {
	for _, c := range cells {
		out = append(out, c.Name)
	}
	return out
}

// The names of cells are names of figures: they do not change. A Kafka's that have targets come first.
func TestCells(t *testing.T) {
	f := func(grid, source, want string) {
		t.Helper()
		o := good()
		o.Grid = grid
		if got := strings.Join(names(o.Cells(source)), " "); got != want {
			t.Errorf("%s grid of %s: got\n%s, want\n%s", grid, source, got, want)
		}
	}
	f(GridNone, SourceSynthetic, "base")
	f(GridShort, SourceSynthetic, "base batch-5KiB batch-1MiB rtt-85ms hot record-100B codec-lz4 partitions-1000 live-10 live-journal-10")
	f(GridFull, SourceSynthetic, "base batch-5KiB batch-1MiB rtt-0ms rtt-20ms rtt-85ms hot record-100B record-10KiB codec-lz4 codec-zstd partitions-1000 partitions-100 partitions-5000 live-10 live-5000 live-journal-10 live-journal-5000")
	f(GridFull, SourceKafka, "base batch-5KiB batch-1MiB rtt-85ms hot record-100B record-10KiB codec-lz4 codec-zstd partitions-1000 partitions-100")
	f(GridFull, "127.0.0.1:9092", "base batch-5KiB batch-1MiB hot record-100B record-10KiB codec-lz4 codec-zstd partitions-1000 partitions-100")

	o := good()
	o.Only = []string{cellHot, cellBase}
	if got := names(o.Cells(SourceKafka)); !slices.Equal(got, []string{cellBase, cellHot}) {
		t.Errorf("only two: %q", got)
	}
}

// Every cell is the base but for its axis.
func TestCellsDifferInOneThing(t *testing.T) {
	cells := good().Cells(SourceSynthetic)
	base := cells[0]
	if base.Axis != "" || base.Bytes != 1<<30 || base.Packing != "none" {
		t.Errorf("base: %+v", base)
	}
	for _, c := range cells[1:] {
		b := c
		switch c.Axis {
		case AxisRecord:
			b.Record = base.Record
		case AxisCodec:
			b.Codec, b.Packing = base.Codec, base.Packing
			if c.Codec == compress.None || c.Packing != c.Codec.String() {
				t.Errorf("%+v", c)
			}
		case AxisBatch:
			b.Batch = base.Batch
		case AxisPartitions:
			b.Partitions, b.Chunk = base.Partitions, base.Chunk
		case AxisRTT:
			b.Partitions, b.Chunk, b.Bytes, b.RTT, b.Line = base.Partitions, base.Chunk, base.Bytes, 0, 0
			if c.Partitions != 1 || c.Line != 1e9 || c.Bytes > 1<<28 {
				t.Errorf("%+v", c)
			}
		case AxisLive, AxisJournal:
			b.Journal = false
			b.Partitions, b.Bytes, b.Live, b.LiveFor = base.Partitions, base.Bytes, 0, 0
		}
		if b.Name, b.Axis, b.At = base.Name, "", 0; b != base {
			t.Errorf("cell %s is not the base but for its axis %s: %+v", c.Name, c.Axis, c)
		}
	}
}

// Each source has its share of the time, each part of it its own, and the delays are
// kept out of it.
func TestUntil(t *testing.T) {
	begin := time.Now()
	r := &run{Options: good(), started: begin}
	if got := r.until(0, 1); !got.IsZero() || r.late(0, 0) {
		t.Errorf("no limit: until %v", got)
	}
	r.Within = 90 * time.Second
	r.DelayFor = 0
	f := func(i int, part float64, want time.Duration) {
		t.Helper()
		if got := r.until(i, part).Sub(begin); got.Round(time.Millisecond) != want {
			t.Errorf("part %v of source %d: until %v, want %v", part, i, got, want)
		}
	}
	f(0, 1, 30*time.Second)
	f(1, 0.5, 45*time.Second)
	f(2, 1, 90*time.Second)
	r.DelayFor, r.shadows = 2*time.Second, nil
	f(2, 1, 90*time.Second)
	if r.late(0, 1) || !r.late(-5, 0) {
		t.Error("late is not when the time is over")
	}
}

func TestPortions(t *testing.T) {
	got := portions(plain.Leaders{"b": {3}, "a": {0, 1, 2, 4, 5}}, 2)
	if len(got) != 4 || fmt.Sprint(got) != "[map[a:[0 1]] map[a:[2 4]] map[a:[5]] map[b:[3]]]" {
		t.Errorf("got %v", got)
	}
}

func TestShort(t *testing.T) {
	for n, want := range map[int]string{100: "100B", 1024: "1KiB", 5 << 10: "5KiB", 10 << 10: "10KiB", 1 << 20: "1MiB", 1500: "1500B"} {
		if got := short(n); got != want {
			t.Errorf("%d: got %s, want %s", n, got, want)
		}
	}
}

// What came before the first look does not count for the rate at which a line fills.
func TestFilledRate(t *testing.T) {
	const second = 1e9
	if got := filledRate(1<<30, arrival{share: 0.25, at: 5 * second}, 8*second); math.Abs(got-0.25) > 1e-9 {
		t.Errorf("three quarters of a GiB in 3 s: %v", got)
	}
	if got := filledRate(1<<30, arrival{}, 8*second); got != 0 {
		t.Errorf("never seen to move: %v", got)
	}
}

// The ends that a growing source will have are known before it grows.
func TestForetell(t *testing.T) {
	s := &canned{Source: &process.Source{About: process.About{BatchBytes: 1000, Records: 7}}}
	cell := Cell{Partitions: 3, Live: 1000 * 100, LiveFor: 45 * time.Millisecond} // 5 batches
	ends := s.foretell(cell)
	if ends[0] != 14 || ends[1] != 14 || ends[2] != 7 {
		t.Errorf("got %v", ends)
	}
	if first := cell.settling(s); s.foretell(first)[2] != 7 || s.foretell(first, cell)[0] != 21 {
		t.Errorf("settling for %v: %v", first.LiveFor, s.foretell(first))
	}
}

func TestPasses(t *testing.T) {
	for err, want := range map[error]bool{
		fmt.Errorf("x: %w", plain.ErrNotThere):                   true,
		fmt.Errorf("x: %w", kafkaproto.LeaderNotAvailable):       true,
		fmt.Errorf("x: %w", kafkaproto.TopicAuthorizationFailed): false,
		errors.New("gone"): false,
	} {
		if passes(err) != want {
			t.Errorf("%v: passes is %v", err, !want)
		}
	}
}

// The difference of two scrapes is what happened between them.
func TestHistogram(t *testing.T) {
	begin := map[string]float64{`x{le="0.001"}`: 5, `x{le="0.01"}`: 5, `x{le="+Inf"}`: 5}
	end := map[string]float64{`x{le="0.001"}`: 65, `x{le="0.01"}`: 104, `x{le="0.1"}`: 105, `x{le="+Inf"}`: 105, "other": 7}
	if got := histogram(begin, end, "x"); got != (Histogram{Count: 100, P50: 1, P99: 10, Max: 100}) {
		t.Errorf("got %+v", got)
	}
	if got := histogram(begin, begin, "x"); got != (Histogram{}) {
		t.Errorf("nothing happened: %+v", got)
	}
	if got := histogram(begin, end, "y"); got != (Histogram{}) {
		t.Errorf("no such metric: %+v", got)
	}
}

// Costs of two cells are compared round by round, the disturbed ones left out.
func TestBeside(t *testing.T) {
	a, b := &Case{Rounds: []Round{round(1, 3), round(1, 8, "noise"), round(1, 9)}}, &Case{Rounds: []Round{round(1, 2), round(1, 1), round(1, 3)}}
	if got, dirty := beside(a, b); dirty || !slices.Equal(got, []float64{1.5, 3}) {
		t.Errorf("got %v, dirty %v", got, dirty)
	}
	a.Rounds = a.Rounds[1:2]
	if got, dirty := beside(a, b); !dirty || len(got) != 1 || got[0] != 4 {
		t.Errorf("all disturbed: %v, dirty %v", got, dirty)
	}
}

func TestCores(t *testing.T) {
	s := NewSample("umbra", 1<<30, measure.Window{Wall: 2 * time.Second, CPU: map[string]time.Duration{"umbra": 3 * time.Second}})
	if s.Cores() != 1.5 || (&Sample{}).Cores() != 0 {
		t.Errorf("got %v", s.Cores())
	}
}
