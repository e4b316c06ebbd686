package page

import (
	"fmt"
	"math"
	"slices"

	"umbra/bench/report"
)

// The measures of a chart of bars.
const (
	barGap    = 2.0  // between the bars of a group
	groupGap  = 12.0 // between groups
	rowText   = 17.0 // a label above its group
	valueRoom = 56.0 // for the value beside the longest bar
	axisRoom  = 38.0 // below the bars
	wideLabel = 0.42 // part of the width that labels at the side may take
)

// bars draws horizontal bars from zero, the bars of a label beside each other, each
// with its value and the spread of its samples. On a log axis, which has no zero, a
// bar would lie: it is a dot there.
func bars(c *report.Chart, width float64, p *colors) Scene {
	s := Scene{Width: px(width), Name: c.Title}
	g := group(c)
	y := s.legend(barLegend(c, p), 0, 2)
	label := g.side(width)
	a := valueAxis(c, 5)
	if width < 480 {
		a = valueAxis(c, 3)
	}
	a.from, a.to = label, width-valueRoom
	top := y
	thick := g.thickness()
	below := len(s.Items)
	for _, row := range g.rows {
		if label == 0 {
			s.text("name", "start", 3, y+rowText-5, row.label)
			y += rowText
		} else {
			s.text("name", "end", label-8, y+float64(len(row.bars))*(thick+barGap)/2+3, row.label)
		}
		for _, b := range row.bars {
			s.bar(c, a, b, y, thick, p)
			y += thick + barGap
		}
		y += groupGap
	}
	y -= groupGap - 6
	s.grid(c, a, top, y, below)
	s.textsLast()
	s.Height = px(y + axisRoom)
	return s
}

// bar draws one bar, or a dot on a log axis.
func (s *Scene) bar(c *report.Chart, a *axis, b bar, y, thick float64, p *colors) {
	class, end, middle := p.class(b.color), a.at(b.value), y+thick/2
	tip := fmt.Sprintf("%s: %s %s", b.name, report.Number(b.value), c.Y)
	reach := max(end, a.from)
	if b.spread {
		tip += fmt.Sprintf(" (%s to %s)", report.Number(b.low), report.Number(b.high))
		reach = max(reach, a.at(b.high))
	}
	if a.log {
		r := min(5, thick/2)
		s.path(class+" dot", fmt.Sprintf("M%v %va%v %v 0 1 0 %v 0a%v %v 0 1 0 -%v 0z", px(end-r), px(middle), px(r), px(r), px(2*r), px(r), px(r), px(2*r)), tip)
		reach = max(reach, end+r)
	} else {
		zero := a.at(0)
		s.rect(class+" bar", min(zero, end), y, math.Abs(end-zero), thick, tip)
	}
	if low, high := a.at(b.low), a.at(b.high); b.spread && high-low > 0.5 {
		cap := min(4, thick/3)
		s.path("spread", fmt.Sprintf("M%v %vV%vM%v %vH%vM%v %vV%v", px(low), px(middle-cap), px(middle+cap), px(low), px(middle), px(high), px(high), px(middle-cap), px(middle+cap)), tip)
	}
	s.text("value", "start", reach+5, middle+4, report.Number(b.value))
}

// grid draws what lies behind the bars: it goes before the items from at on.
func (s *Scene) grid(c *report.Chart, a *axis, top, bottom float64, at int) {
	behind := Scene{}
	last := math.Inf(-1)
	for _, t := range a.ticks {
		x, half := a.at(t.at), widthOf(t.label)/2
		behind.line("grid", x, top-2, x, bottom)
		if x-half > last+6 {
			behind.text("tick", "middle", x, bottom+14, t.label)
			last = x + half
		}
	}
	behind.text("axis", "middle", (a.from+a.to)/2, bottom+31, c.Y)
	if a.low <= 0 && !a.log {
		behind.line("zero", a.at(0), top-2, a.at(0), bottom)
	}
	s.Items = slices.Insert(s.Items, at, behind.Items...)
	if c.Limit != nil {
		s.line("limit", a.at(*c.Limit), top-2, a.at(*c.Limit), bottom)
	}
}

// valueAxis is the axis of a chart's values.
func valueAxis(c *report.Chart, ticks int) *axis {
	low, high := math.Inf(1), math.Inf(-1)
	least := math.Inf(1) // above 0
	look := func(vs ...float64) {
		for _, v := range vs {
			low, high = min(low, v), max(high, v)
			if v > 0 {
				least = min(least, v)
			}
		}
	}
	for _, s := range c.Series {
		if c.Kind == report.Quantiles && c.LogY {
			look(tail(s)...)
			continue
		}
		look(s.Y...)
		look(s.Low...)
		look(s.High...)
	}
	if c.Limit != nil {
		look(*c.Limit)
	}
	switch {
	case c.LogY:
		return logarithmic(least, high)
	case low > high:
		return linear(0, 1, true, ticks)
	}
	return linear(low, high, true, ticks)
}

// tail is a distribution without its smallest values: on a log axis they would take
// most of the room. They lie at its lower end.
func tail(s report.Series) []float64 {
	const begin = 4.0 / 3 // p25
	for i, x := range s.X {
		if x >= begin {
			return s.Y[i:]
		}
	}
	return s.Y
}

// barLegend names the series, where there are several, and the limit.
func barLegend(c *report.Chart, p *colors) []entry {
	var out []entry
	if len(c.Series) > 1 {
		for _, s := range c.Series {
			out = append(out, entry{class: p.class(s.Name) + " bar", name: s.Name})
		}
	}
	return append(out, limitEntry(c)...)
}

func limitEntry(c *report.Chart) []entry {
	if c.Limit == nil {
		return nil
	}
	return []entry{{class: "limit", name: "limit " + round(*c.Limit), line: true}}
}
