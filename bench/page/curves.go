package page

import (
	"fmt"
	"math"

	"umbra/bench/report"
)

const (
	plotHeight = 210.0 // of lines and quantiles
	yTitle     = 20.0  // above the plot, for the name of its axis
)

// curves draws lines over time or another number, and quantiles.
func curves(c *report.Chart, width float64, p *colors) Scene {
	s := Scene{Width: px(width), Name: c.Title}
	var names []entry
	for _, one := range c.Series {
		names = append(names, entry{class: p.class(one.Name) + " curve", name: one.Name, line: true})
	}
	top := s.legend(append(names, limitEntry(c)...), 0, 2) + yTitle
	y := valueAxis(c, 5)
	y.from, y.to = top+plotHeight, top
	left := 0.0
	for _, t := range y.ticks {
		left = max(left, widthOf(t.label)+8)
	}
	x := xAxis(c, width)
	x.from, x.to = left, width-14
	s.text("axis", "start", 0, top-11, c.Y)
	s.frame(x, y)
	s.text("axis", "middle", (x.from+x.to)/2, y.from+31, xTitle(c))
	for _, one := range c.Series {
		s.curve(c, one, x, y, p.class(one.Name))
	}
	if c.Limit != nil {
		s.line("limit", x.from, y.at(*c.Limit), x.to, y.at(*c.Limit))
	}
	s.textsLast()
	s.Height = px(y.from + axisRoom)
	return s
}

// frame draws the grid and its labels, as far as they do not run into each other.
func (s *Scene) frame(x, y *axis) {
	for _, t := range y.ticks {
		s.line("grid", x.from, y.at(t.at), x.to, y.at(t.at))
		s.text("tick", "end", x.from-6, y.at(t.at)+4, t.label)
	}
	last := math.Inf(-1)
	for _, t := range x.ticks {
		at, half := x.at(t.at), widthOf(t.label)/2
		s.line("grid", at, y.from, at, y.from+4)
		if at-half > last+6 && at+half < float64(s.Width)+6 {
			s.text("tick", "middle", at, y.from+17, t.label)
			last = at + half
		}
	}
	s.line("zero", x.from, y.from, x.to, y.from)
}

// curve draws one series: its spread as a band, and its line.
func (s *Scene) curve(c *report.Chart, one report.Series, x, y *axis, class string) {
	if len(one.X) == 0 {
		return
	}
	places := func(values []float64, a *axis) []float64 {
		out := make([]float64, len(values))
		for i, v := range values {
			out[i] = a.at(v)
		}
		return out
	}
	xs := places(one.X, x)
	if len(one.Low) > 0 {
		up, down := places(one.High, y), places(one.Low, y)
		bx, by := thin(xs, up)
		dx, dy := thin(xs, down)
		for i := len(dx) - 1; i >= 0; i-- {
			bx, by = append(bx, dx[i]), append(by, dy[i])
		}
		s.path(class+" band", polyline(bx, by)+"z", "")
	}
	lx, ly := thin(xs, places(one.Y, y))
	s.path(class+" curve", polyline(lx, ly), one.Name)
	if len(one.X) <= 12 {
		for i := range xs {
			tip := fmt.Sprintf("%s: %s %s at %s", one.Name, report.Number(one.Y[i]), c.Y, report.Number(one.X[i]))
			s.path(class+" dot", fmt.Sprintf("M%v %va3 3 0 1 0 6 0a3 3 0 1 0 -6 0z", px(xs[i]-3), px(y.at(one.Y[i]))), tip)
		}
	}
}

// thin keeps the first, lowest, highest and last point of every pixel: what is left
// out cannot be seen.
func thin(xs, ys []float64) (outX, outY []float64) {
	keep := func(i int) {
		outX, outY = append(outX, xs[i]), append(outY, ys[i])
	}
	for i := 0; i < len(xs); {
		j, low, high := i, i, i
		for ; j < len(xs) && math.Floor(xs[j]) == math.Floor(xs[i]); j++ {
			if ys[j] < ys[low] {
				low = j
			}
			if ys[j] > ys[high] {
				high = j
			}
		}
		last := -1
		for _, k := range []int{i, min(low, high), max(low, high), j - 1} {
			if k > last {
				keep(k)
				last = k
			}
		}
		i = j
	}
	return outX, outY
}

func xAxis(c *report.Chart, width float64) *axis {
	low, high := math.Inf(1), math.Inf(-1)
	for _, s := range c.Series {
		for _, v := range s.X {
			low, high = min(low, v), max(high, v)
		}
	}
	if c.Kind == report.Quantiles {
		return quantileAxis(max(high, 1))
	}
	if low > high {
		low, high = 0, 1
	}
	a := linear(low, high, false, int(width/90))
	a.low, a.high = low, max(high, low+1e-9)
	var inside []tick
	for _, t := range a.ticks {
		if t.at >= low-1e-9 && t.at <= high+1e-9 {
			inside = append(inside, t)
		}
	}
	a.ticks = inside
	return a
}

func xTitle(c *report.Chart) string {
	if c.Kind == report.Quantiles { // whatever its axis is called: the ticks are quantiles
		return "quantile"
	}
	return c.X
}

// layOut draws a chart at a width.
func layOut(c *report.Chart, width float64, p *colors) Scene {
	if c.Kind == report.Bars {
		return bars(c, width, p)
	}
	return curves(c, width, p)
}
