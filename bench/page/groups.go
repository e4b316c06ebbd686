package page

import (
	"umbra/bench/report"
)

// groups are the rows of a chart of bars.
type groups struct{ rows []row }

// row is the bars of one label.
type row struct {
	label string
	bars  []bar
}

type bar struct {
	name             string // for its tip
	color            string // the name that decides its colour
	value, low, high float64
	spread           bool
}

// group gathers the bars of each label from all series, in the order in which the
// labels come up.
func group(c *report.Chart) *groups {
	g := &groups{}
	at := map[string]int{}
	for _, s := range c.Series {
		for i, label := range s.Labels {
			n, ok := at[label]
			if !ok {
				n = len(g.rows)
				at[label] = n
				g.rows = append(g.rows, row{label: label})
			}
			b := bar{name: label + ", " + s.Name, color: s.Name, value: s.Y[i]}
			if len(c.Series) == 1 {
				b.name, b.color = label, alone(s.Name, label)
			}
			if len(s.Low) > 0 {
				b.spread, b.low, b.high = true, s.Low[i], s.High[i]
			}
			g.rows[n].bars = append(g.rows[n].bars, b)
		}
	}
	return g
}

// alone is the name that decides the colour of a bar of the only series: where
// neither the bar nor the series names a system, it is about umbra.
func alone(series, label string) string {
	for _, name := range []string{label, series} {
		if systemOf(name) != "" {
			return name
		}
	}
	return systemUmbra
}

// side is how much room the labels take at the side; 0 where they are too long for
// it and stand above their bars.
func (g *groups) side(width float64) float64 {
	need := 0.0
	for _, r := range g.rows {
		need = max(need, widthOf(r.label)+10)
	}
	if need > wideLabel*width {
		return 0
	}
	return need
}

// thickness is how thick a bar is: many are thinner.
func (g *groups) thickness() float64 {
	n := 0
	for _, r := range g.rows {
		n += len(r.bars)
	}
	switch {
	case n <= 8:
		return 20
	case n <= 24:
		return 15
	}
	return 12
}
