package failover

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"

	"umbra/bench/report"
)

// take is the rounds that count: the clean ones, or all where fewer than half are.
func (c *Case) take() (rounds []*Round, dirty bool) {
	clean := slices.DeleteFunc(slices.Clone(c.Rounds), func(r *Round) bool { return !r.Window.Clean() })
	if 2*len(clean) >= len(c.Rounds) {
		return clean, false
	}
	return c.Rounds, true
}

// figure is the median of one value of the rounds that count.
func (c *Case) figure(name, unit string, of func(*Round) float64) report.Figure {
	rounds, dirty := c.take()
	f := report.Figure{Name: "failover/" + c.Shape + "/" + name, Unit: unit, Better: report.Less, Samples: len(rounds), Dirty: dirty}
	f.Value, f.Low, f.High = report.Median(pluck(rounds, of))
	return f
}

func pluck[T any](from []T, of func(T) float64) []float64 {
	out := make([]float64, len(from))
	for i, v := range from {
		out[i] = of(v)
	}
	return out
}

func seconds(r *Round) float64  { return r.Seconds }
func writable(r *Round) float64 { return r.Writable }

func (c *Case) figures() []report.Figure {
	all := c.figure("seconds", "s", seconds)
	all.Target = c.shape().target()
	return []report.Figure{all, c.figure("writable_seconds", "s", writable), c.figure("cpu_s", "CPU-s", func(r *Round) float64 { return r.CPU })}
}

// settle fills in figures, chart and remarks from the rounds.
func (r *Report) settle() {
	for _, c := range r.measured() {
		r.Figures = append(r.Figures, c.figures()...)
	}
	if len(r.Figures) > 0 {
		r.Charts = append(r.Charts, r.chart())
	}
	r.remark()
}

// measured are the cases that have a round.
func (r *Report) measured() []*Case {
	return slices.DeleteFunc(slices.Clone(r.Cases), func(c *Case) bool { return len(c.Rounds) == 0 })
}

// chart shows the medians of all shapes beside each other.
func (r *Report) chart() report.Chart {
	out := report.Chart{ID: "failover-time", Kind: report.Bars, Y: "s", Series: []report.Series{{Name: "all topics failed over"}, {Name: "the last one written to"}}}
	var title []string
	for _, c := range r.measured() {
		all := c.figure("", "", seconds)
		title = append(title, fmt.Sprintf("%s partitions in %s s", humanize.Comma(int64(c.shape().All())), report.Number(all.Value)))
		for i, f := range []report.Figure{all, c.figure("", "", writable)} {
			s := &out.Series[i]
			s.Labels, s.Y = append(s.Labels, c.Shape), append(s.Y, f.Value)
			s.Low, s.High = append(s.Low, f.Low), append(s.High, f.High)
		}
	}
	out.Title = "Failover with the source dead: " + strings.Join(title, ", ")
	return out
}

// remark says what a reader must know beside the figures.
func (r *Report) remark() {
	var m report.Remarks
	m.Say("the clock runs from the request to the admin API until its answer says that every topic is failed over, receipt included, and on until one record for the last topic, sent with acks=all, is acknowledged; the source was killed with SIGKILL just before, when every partition had got a batch more and all of it was on the shadow")
	m.Say("each round has a source and an umbra of its own; afterwards every topic was failed over and every partition ended where the source's did")
	var noise report.Disturbance
	for _, c := range r.measured() {
		if f := c.figures()[0]; f.Target != nil {
			m.Say("%s: %s s, target %s or less: %s", f.Name, report.Number(f.Value), report.Number(*f.Target), f.Judged())
		}
		for i, round := range c.Rounds {
			noise.Look(fmt.Sprintf("%s round %d", c.Shape, i+1), &round.Window)
		}
	}
	if noise.Dirty() {
		m.Say("%s", noise.String())
	}
	m.Place(r.Env)
	r.Remarks = m.Lines()
}
