package report

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"umbra/bench/golden"
)

// fig is a figure of low, value and high; they may be alike.
func fig(better string, low, value, high float64) Figure {
	return Figure{Name: "f", Unit: "ms", Better: better, Value: value, Low: low, High: high, Samples: 5}
}

func one(t *testing.T, a, b Figure) Change {
	t.Helper()
	c, err := Compare(&Document{Figures: []Figure{a}}, &Document{Figures: []Figure{b}}, DefaultNoise)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Changes) != 1 || (c.Changes[0].Verdict == Worse) != (c.Worse == 1) {
		t.Fatalf("%+v", c)
	}
	return c.Changes[0]
}

func TestVerdicts(t *testing.T) {
	f := func(what string, a, b Figure, want Outcome) {
		t.Helper()
		if got := one(t, a, b); got.Verdict != want {
			t.Errorf("%s: %s, want %s (%+v)", what, got.Verdict, want, got)
		}
	}
	f("alike", fig(Less, 1, 1, 1), fig(Less, 1, 1, 1), Same)
	f("within the noise, no spread", fig(Less, 100, 100, 100), fig(Less, 104, 104, 104), Same)
	f("more of what is to be less", fig(Less, 100, 100, 100), fig(Less, 106, 106, 106), Worse)
	f("less of what is to be less", fig(Less, 100, 100, 100), fig(Less, 94, 94, 94), Better)
	f("more of what is to be more", fig(More, 100, 100, 100), fig(More, 106, 106, 106), Better)
	f("less of what is to be more", fig(More, 100, 100, 100), fig(More, 94, 94, 94), Worse)
	f("neither is better", fig("", 100, 100, 100), fig("", 94, 94, 94), Differs)
	f("ranges overlap", fig(Less, 90, 100, 115), fig(Less, 110, 120, 130), Same)
	f("ranges just apart", fig(Less, 90, 100, 109), fig(Less, 110, 120, 130), Worse)
	f("apart downwards", fig(Less, 110, 120, 130), fig(Less, 90, 100, 109), Better)
	f("only the sides towards each other count", fig(Less, 10, 100, 101), fig(Less, 119, 120, 900), Worse)
	f("spread not known", Figure{Name: "f", Unit: "ms", Better: Less, Value: 1}, Figure{Name: "f", Unit: "ms", Better: Less, Value: 2}, Worse)
	f("from nothing to something bad", fig(Less, 0, 0, 0), fig(Less, 3, 3, 3), Worse)
	f("from nothing, overlapping", fig(Less, 0, 0, 4), fig(Less, 3, 3, 3), Same)
	f("nothing to nothing", fig(Less, 0, 0, 0), fig(Less, 0, 0, 0), Same)
	f("negative values", fig(Less, -2, -2, -2), fig(Less, -1, -1, -1), Worse)

	dirty := fig(Less, 200, 200, 200)
	dirty.Dirty = true
	f("B is dirty", fig(Less, 100, 100, 100), dirty, Dirty)
	f("A is dirty", dirty, fig(Less, 100, 100, 100), Dirty)
	other := fig(Less, 1, 1, 1)
	other.Unit = "s"
	f("another unit", fig(Less, 1, 1, 1), other, OtherUnit)
	f("another direction", fig(Less, 1, 1, 1), fig(More, 1, 1, 1), OtherUnit)
}

func TestChangeAndBand(t *testing.T) {
	f := func(a, b Figure, change, band float64) {
		t.Helper()
		got := one(t, a, b)
		if !near(got.Change, change) || !near(got.Band, band) {
			t.Errorf("%+v to %+v: change %v beyond %v; want %v, %v", a, b, got.Change, got.Band, change, band)
		}
	}
	f(fig(Less, 100, 100, 100), fig(Less, 150, 150, 150), 0.5, 0.075)
	f(fig(Less, 90, 100, 120), fig(Less, 140, 150, 190), 0.5, 0.3)
	f(fig(Less, 140, 150, 190), fig(Less, 90, 100, 120), -1.0/3, 0.2)
	f(fig(Less, 0, 0, 0), fig(Less, 5, 5, 5), 1, 0.05)
}

func near(a, b float64) bool { return a-b < 1e-9 && b-a < 1e-9 }

func TestCompareRefuses(t *testing.T) {
	a, b := document(), document()
	b.Schema = "umbra-bench/rpo/1"
	if _, err := Compare(&a, &b, DefaultNoise); err == nil || !strings.Contains(err.Error(), "A is of umbra-bench link and B of umbra-bench rpo") {
		t.Errorf("two benches: %v", err)
	}
	for _, noise := range []float64{-0.1, 1} {
		if _, err := Compare(&a, &a, noise); err == nil {
			t.Errorf("noise %v was taken", noise)
		}
	}
}

// before and after are two runs with every verdict.
func before() Document {
	d := document()
	d.Env.Kernel, d.Env.CPU, d.Env.Cores, d.Env.Commit = "6.1.0", "Example 9000", 2, "0123456789ab"
	d.Flags = map[string]string{"seed": "1", "bytes": "4.0 GiB", "json": "a.json"}
	n := func(name, unit, better string, low, value, high float64) Figure {
		return Figure{Name: name, Unit: unit, Better: better, Low: low, Value: value, High: high, Samples: 5}
	}
	d.Figures = []Figure{
		n("link/synthetic/io_uring/ratio", "x", Less, 1.9, 2, 2.2),
		n("link/kafka/io_uring/ratio", "x", Less, 1.4, 1.5, 1.6),
		n("link/kafka/io_uring/rate", "GiB/s", More, 1.1, 1.2, 1.3),
		n("link/kafka/io_uring/cpu", "CPU-s/GiB", Less, 0.55, 0.6, 0.65),
		n("link/kafka/io_uring/records", "records", "", 12_345_678, 12_345_678, 12_345_678),
		n("link/kafka/io_uring/lost", "records", Less, 0, 0, 0),
		n("link/kafka/io_uring/delay", "ms", Less, 0.5, 0.6, 0.7),
		n("link/kafka/old", "ms", Less, 1, 1, 1),
	}
	return d
}

func after() Document {
	d := before()
	d.Env.Kernel, d.Env.Commit, d.Env.Modified = "6.2.0", "ba9876543210", true
	d.Flags = map[string]string{"seed": "1", "bytes": "8.0 GiB", "json": "b.json"}
	d.Figures[0].Low, d.Figures[0].Value, d.Figures[0].High = 2.5, 2.6, 2.7
	d.Figures[1].Value = 1.52
	d.Figures[2].Low, d.Figures[2].Value, d.Figures[2].High = 1.5, 1.6, 1.7
	d.Figures[3].Value, d.Figures[3].High, d.Figures[3].Dirty = 0.9, 1.1, true
	d.Figures[4].Low, d.Figures[4].Value, d.Figures[4].High = 24_691_356, 24_691_356, 24_691_356
	d.Figures[5].Low, d.Figures[5].Value, d.Figures[5].High = 1, 3, 5
	d.Figures[6].Unit = "us"
	d.Figures[7].Name = "link/kafka/new"
	return d
}

func TestCompareGolden(t *testing.T) {
	a, b := before(), after()
	c, err := Compare(&a, &b, DefaultNoise)
	if err != nil {
		t.Fatal(err)
	}
	c.A.File, c.B.File = "a.json", "b.json"
	var text strings.Builder
	if err := c.Table(&text); err != nil {
		t.Fatal(err)
	}
	golden.Check(t, "compare.txt", text.String())
	if c.Worse != 2 || c.Changes[0].Name != "link/kafka/io_uring/lost" && c.Changes[0].Name != "link/synthetic/io_uring/ratio" {
		t.Errorf("%d worse, first %+v", c.Worse, c.Changes[0])
	}
	doc, err := Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var back Comparison
	if err := json.Unmarshal(doc, &back); err != nil || !reflect.DeepEqual(&back, c) {
		t.Errorf("read back as %+v, %v", back, err)
	}
}

// A report beside itself has no change and no difference.
func TestCompareWithItself(t *testing.T) {
	a, b := before(), before()
	c, err := Compare(&a, &b, DefaultNoise)
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range c.Changes {
		if g.Verdict != Same || g.Change != 0 {
			t.Errorf("%+v", g)
		}
	}
	if len(c.Differences) != 0 || len(c.Changes) != len(a.Figures) || c.Worse != 0 {
		t.Errorf("%+v", c)
	}
}

func TestNumber(t *testing.T) {
	f := func(v float64, want string) {
		t.Helper()
		if got := Number(v); got != want {
			t.Errorf("%v: %q, want %q", v, got, want)
		}
	}
	f(0, "0")
	f(12_345_678, "12,345,678")
	f(1234.56, "1,235")
	f(123.4, "123")
	f(12.34, "12.3")
	f(1.234, "1.23")
	f(2, "2")
	f(0.5, "0.500")
	f(0.1234, "0.123")
	f(0.01234, "0.0123")
	f(0.000012345, "0.0000123")
	f(-0.25, "-0.250")
	f(-1234.5, "-1,235")
	f(1e-20, "0")
	inf := 1e308
	f(inf*10, "-")
}
