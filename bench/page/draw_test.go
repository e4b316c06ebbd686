package page

import (
	"math"
	"slices"
	"strings"
	"testing"

	"umbra/bench/report"
)

func TestLinearAxis(t *testing.T) {
	f := func(low, high float64, zero bool, count int, wantLow, wantHigh float64, labels ...string) {
		t.Helper()
		a := linear(low, high, zero, count)
		var got []string
		for _, tick := range a.ticks {
			got = append(got, tick.label)
		}
		if a.low != wantLow || a.high != wantHigh || !slices.Equal(got, labels) {
			t.Errorf("%v to %v: %v to %v with %q; want %v to %v with %q", low, high, a.low, a.high, got, wantLow, wantHigh, labels)
		}
	}
	f(0.3, 0.44, true, 5, 0, 0.5, "0.0", "0.1", "0.2", "0.3", "0.4", "0.5")
	f(3, 23, true, 5, 0, 25, "0", "5", "10", "15", "20", "25")
	f(-2, 3, true, 5, -2, 3, "-2", "-1", "0", "1", "2", "3")
	f(0, 12_000, true, 3, 0, 15_000, "0", "5,000", "10,000", "15,000")
	f(0, 0, true, 2, 0, 1, "0.0", "0.5", "1.0")
	f(100, 110, false, 2, 100, 110, "100", "105", "110")
}

func TestLogAxis(t *testing.T) {
	a := logarithmic(3, 250)
	a.from, a.to = 0, 300
	if a.low != 1 || a.high != 1000 || len(a.ticks) != 4 {
		t.Errorf("%+v", a)
	}
	for v, want := range map[float64]float64{1: 0, 10: 100, 1000: 300, 0: 0, -5: 0} {
		if got := a.at(v); math.Abs(got-want) > 1e-9 {
			t.Errorf("%v lies at %v, want %v", v, got, want)
		}
	}
	if a := logarithmic(math.Inf(1), math.Inf(-1)); a.low != 1 || a.high != 10 {
		t.Errorf("of nothing: %+v", a)
	}
	if a := logarithmic(0.02, 0.5); a.ticks[0].label != "0.01" || a.ticks[len(a.ticks)-1].label != "1" {
		t.Errorf("below 1: %+v", a.ticks)
	}
}

func TestQuantileAxis(t *testing.T) {
	a := quantileAxis(20_000)
	var labels []string
	for _, tick := range a.ticks {
		labels = append(labels, tick.label)
	}
	if want := []string{"0%", "50%", "90%", "99%", "99.9%", "99.99%"}; !slices.Equal(labels, want) {
		t.Errorf("got %q, want %q", labels, want)
	}
}

// Bars begin at zero, whatever their values, and are as long as their values say.
func TestBarsBeginAtZero(t *testing.T) {
	c := &report.Chart{Kind: report.Bars, Y: "x", Series: []report.Series{{Name: "a", Labels: []string{"p", "q", "r"}, Y: []float64{100, 101, 50}}}}
	s := layOut(c, wideWidth, (&palette{}).chart())
	var rects []Item
	for _, i := range s.Items {
		if strings.HasSuffix(i.Class, " bar") {
			rects = append(rects, i)
		}
	}
	if len(rects) != 3 || rects[0].X != rects[1].X || rects[1].X != rects[2].X {
		t.Fatalf("%+v", rects)
	}
	if got := float64(rects[0].Width / rects[2].Width); math.Abs(got-2) > 1e-9 {
		t.Errorf("100 is %v times as long as 50", got)
	}
	// With values below zero they go the other way from it.
	c.Series[0].Y = []float64{10, -10, 5}
	s = layOut(c, wideWidth, (&palette{}).chart())
	rects = nil
	for _, i := range s.Items {
		if strings.HasSuffix(i.Class, " bar") {
			rects = append(rects, i)
		}
	}
	if end := float64(rects[1].X + rects[1].Width); math.Abs(end-float64(rects[0].X)) > 1e-9 {
		t.Errorf("-10 ends at %v, 10 begins at %v", end, rects[0].X)
	}
}

// On a log axis there is no zero for a bar to begin at.
func TestLogBarsAreDots(t *testing.T) {
	c := &report.Chart{Kind: report.Bars, LogY: true, Series: []report.Series{{Name: "a", Labels: []string{"p", "q"}, Y: []float64{1, 1000}}}}
	for _, i := range layOut(c, wideWidth, (&palette{}).chart()).Items {
		if strings.HasSuffix(i.Class, " bar") {
			t.Errorf("a bar: %+v", i)
		}
	}
}

// What is drawn stays inside, on a wide screen and on a telephone.
func TestDrawingsStayInside(t *testing.T) {
	for _, d := range sample() {
		for i := range d.Charts {
			for _, width := range []float64{wideWidth, narrowWidth} {
				s := layOut(&d.Charts[i], width, (&palette{}).chart())
				for _, item := range s.Items {
					left, right := float64(item.X), float64(item.X+item.Width)
					switch half := widthOf(item.Text) / 2; item.Anchor {
					case "start":
						right = left + 2*half
					case "end":
						left = right - 2*half
					case "middle":
						left, right = left-half, right+half
					}
					if left < -8 || right > width+8 || float64(item.Y) > float64(s.Height) {
						t.Errorf("%s at %v: %v to %v of %+v", d.Charts[i].ID, width, left, right, item)
					}
				}
			}
		}
	}
}

func TestSystemOf(t *testing.T) {
	f := func(name, want string) {
		t.Helper()
		if got := systemOf(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
	f("umbra, io_uring", systemUmbra)
	f("the shadow", systemUmbra)
	f("MirrorMaker 2 tuned + Kafka", systemMirror)
	f("MM2 default", systemMirror)
	f("Kafka follower fetch", systemKafka)
	f("the source's own", systemKafka)
	f("plain Go", systemGo)
	f("net.Conn discard", systemLimit)
	f("memcpy", systemLimit)
	f("100 B", "")
}

func TestColors(t *testing.T) {
	p := &palette{}
	one := p.chart()
	f := func(c *colors, name, want string) {
		t.Helper()
		if got := c.class(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
	f(one, "umbra, io_uring", "s-umbra v0")
	f(one, "umbra, pwrite", "s-umbra v1")
	f(one, "umbra, io_uring", "s-umbra v0")
	f(one, "something", "s-other0 v0")
	two := p.chart()
	f(two, "else", "s-other1 v0")
	f(two, "something", "s-other0 v0") // as in the other chart
	f(two, "umbra, pwrite", "s-umbra v0")
}

// The bars of the only series have the colour of the system that they or the series
// name, and umbra's where neither does.
func TestAlone(t *testing.T) {
	f := func(series, label, want string) {
		t.Helper()
		if got := systemOf(alone(series, label)); got != want {
			t.Errorf("%q of %q: %q, want %q", label, series, got, want)
		}
	}
	f("CPU per GiB", "MM2 tuned", systemMirror)
	f("Kafka", "1 KiB", systemKafka)
	f("kills", "kill 3", systemUmbra)
}

// On a log axis the smallest values of a distribution do not take the room of the
// others; in a line they do.
func TestLogAxisOfQuantiles(t *testing.T) {
	c := &report.Chart{Kind: report.Quantiles, LogY: true, Series: []report.Series{{X: []float64{1, 2, 10, 100}, Y: []float64{0.001, 5, 20, 60}}}}
	if a := valueAxis(c, 5); a.low != 1 || a.high != 100 {
		t.Errorf("quantiles: %v to %v", a.low, a.high)
	}
	c.Kind = report.Lines
	if a := valueAxis(c, 5); a.low != 0.001 {
		t.Errorf("a line: from %v", a.low)
	}
}

func TestRound(t *testing.T) {
	for v, want := range map[float64]string{0.5: "0.5", 2: "2", 125: "125", 10_000: "10,000", 0.7916305950950321: "0.792", 0.0625: "0.0625"} {
		if got := round(v); got != want {
			t.Errorf("%v: %q, want %q", v, got, want)
		}
	}
}

// A long line keeps its peaks.
func TestThin(t *testing.T) {
	var xs, ys []float64
	for i := range 10_000 {
		xs, ys = append(xs, float64(i)/100), append(ys, 1)
	}
	ys[4321], ys[8765] = 9, -9
	gotX, gotY := thin(xs, ys)
	if len(gotX) > 4*101 || slices.Max(gotY) != 9 || slices.Min(gotY) != -9 || gotX[0] != xs[0] || gotX[len(gotX)-1] != xs[len(xs)-1] || !slices.IsSorted(gotX) {
		t.Errorf("%d points from %v to %v, between %v and %v", len(gotX), gotX[0], gotX[len(gotX)-1], slices.Min(gotY), slices.Max(gotY))
	}
}

// A line with gaps between its pixels stays as it is.
func TestThinLeavesFewPoints(t *testing.T) {
	xs, ys := []float64{0, 10, 20}, []float64{1, 2, 3}
	if x, y := thin(xs, ys); !slices.Equal(x, xs) || !slices.Equal(y, ys) {
		t.Errorf("%v, %v", x, y)
	}
}
