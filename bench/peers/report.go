package peers

import (
	"fmt"
	"strings"

	"umbra/bench/delay"
	"umbra/bench/measure"
	"umbra/bench/report"
)

// Schema names the form of the document. It changes when a field changes its meaning.
const Schema = "umbra-bench/peers/1"

// Report is one run of umbra-bench peers.
type Report struct {
	report.Document
	Kafka  string   `json:"kafka"` // version of every JVM
	Cases  []*Case  `json:"cases"`
	Delays []*Delay `json:"delays,omitempty"`
}

// Case is one size of records.
type Case struct {
	Record  int     `json:"record_bytes"`
	Bytes   int64   `json:"bytes"` // of one transfer
	Records int64   `json:"records"`
	Systems []*Lane `json:"systems"`
}

// Lane is what one system did.
type Lane struct {
	System string   `json:"system"`
	Warm   []Sample `json:"warm_ups,omitempty"` // not counted
	Rounds []Sample `json:"rounds"`
}

// Delay is from the source's acknowledgement to readable, at both sides at once.
type Delay struct {
	System     string         `json:"system"`
	Rate       float64        `json:"rate_bytes_per_second"`
	Burst      int            `json:"burst_bytes"` // sent at once, to one partition
	Seconds    float64        `json:"seconds"`
	Source     delay.Summary  `json:"source"`
	Copy       delay.Summary  `json:"copy"`
	Difference delay.Summary  `json:"difference"` // copy less source, percentile by percentile
	Late       delay.Summary  `json:"late"`       // of the generator behind its timetable
	Window     measure.Window `json:"window"`
	Failed     string         `json:"failed,omitempty"` // why there is nothing: it did not keep up

	sourceCurve, copyCurve Curve // for the picture
}

// Curve is a distribution: X is 1/(1-quantile), Y is ms.
type Curve struct{ X, Y []float64 }

// The targets the report holds the figures against.
func targets(record int) (tuned, follower float64) {
	if record <= 100 {
		return 80, 2.5
	}
	return 15, 2.5
}

// settle makes figures, charts and remarks of what was measured.
func (r *Report) settle(o Options) {
	for _, c := range r.Cases {
		r.Figures = append(r.Figures, c.figures()...)
		r.Charts = append(r.Charts, c.chart())
	}
	for _, d := range r.Delays {
		if d.Failed == "" {
			r.Figures = append(r.Figures, d.figures()...)
		}
	}
	for _, rate := range o.Rates {
		if c, ok := r.quantiles(rate); ok {
			r.Charts = append(r.Charts, c)
		}
	}
	var say report.Remarks
	r.remark(&say, o)
	r.Remarks = say.Lines()
}

// figure is the median of values, of the clean ones where enough are.
func figure(name, unit, better string, v []float64, clean []bool) report.Figure {
	var take []float64
	for i, x := range v {
		if clean[i] {
			take = append(take, x)
		}
	}
	f := report.Figure{Name: "peers/" + name, Unit: unit, Better: better}
	if 2*len(take) < len(v) {
		take, f.Dirty = v, true
	}
	f.Samples = len(take)
	f.Value, f.Low, f.High = report.Median(take)
	return f
}

// of makes a figure of one value of every round.
func (l *Lane) of(name, unit, better string, value func(*Sample) float64) report.Figure {
	var v []float64
	var clean []bool
	for i := range l.Rounds {
		v, clean = append(v, value(&l.Rounds[i])), append(clean, l.Rounds[i].Window.Clean())
	}
	return figure(name, unit, better, v, clean)
}

func (l *Lane) cost() report.Figure {
	return l.of(l.System+"/cpu_s_per_gib", "CPU-s/GiB", report.Less, func(s *Sample) float64 { return s.Cost })
}

func (l *Lane) mirror() report.Figure {
	return l.of(l.System+"/mirror_cpu_s_per_gib", "CPU-s/GiB", report.Less, func(s *Sample) float64 { return s.Mirror })
}

func (l *Lane) source() report.Figure {
	return l.of(l.System+"/source_cpu_s_per_gib", "CPU-s/GiB", report.Less, func(s *Sample) float64 { return s.Source })
}

func (l *Lane) rate() report.Figure {
	return l.of(l.System+"/gib_per_s", "GiB/s", report.More, func(s *Sample) float64 { return s.GiBps })
}

// memory is the highest of all rounds: a peak has no median.
func (l *Lane) memory() report.Figure {
	f := report.Figure{Name: "peers/" + l.System + "/memory_peak", Unit: "MiB", Better: report.Less, Samples: len(l.Rounds)}
	for _, s := range l.Rounds {
		f.Value = max(f.Value, float64(s.Memory>>20))
	}
	return f
}

// lane is a system's, nil where it was not measured.
func (c *Case) lane(system string) *Lane {
	for _, l := range c.Systems {
		if l.System == system && len(l.Rounds) > 0 {
			return l
		}
	}
	return nil
}

// over is how many times as much CPU one system costs as another, round by round.
func (c *Case) over(name, system, base string) (report.Figure, bool) {
	a, b := c.lane(system), c.lane(base)
	if a == nil || b == nil {
		return report.Figure{}, false
	}
	var v []float64
	var clean []bool
	for i := range min(len(a.Rounds), len(b.Rounds)) {
		x, y := &a.Rounds[i], &b.Rounds[i]
		if y.Cost > 0 {
			v, clean = append(v, x.Cost/y.Cost), append(clean, x.Window.Clean() && y.Window.Clean())
		}
	}
	return figure(name, "x", report.More, v, clean), true
}

// ratios are the figures with a target: what peers cost in umbras.
func (c *Case) ratios() []report.Figure {
	tuned, follower := targets(c.Record)
	var out []report.Figure
	for _, r := range []struct {
		name, system string
		target       float64
	}{{"mm2_tuned_over_umbra", MM2Tuned, tuned}, {"follower_over_umbra", Follower, follower}, {"mm2_default_over_umbra", MM2Default, 0}, {"go_over_umbra", Go, 0}} {
		f, ok := c.over(r.name, r.system, Umbra)
		if !ok {
			continue
		}
		if r.target > 0 {
			f.Target = &r.target
		}
		out = append(out, f)
	}
	if f, ok := c.over("umbra_over_discard", Umbra, Discard); ok {
		f.Better = report.Less
		out = append(out, f)
	}
	return out
}

// figures are all of a case; the record size stands in their names.
func (c *Case) figures() []report.Figure {
	var out []report.Figure
	for _, l := range c.Systems {
		if len(l.Rounds) > 0 {
			out = append(out, l.cost(), l.mirror(), l.source(), l.rate(), l.memory())
		}
	}
	out = append(out, c.ratios()...)
	for i := range out {
		out[i].Name = fmt.Sprintf("peers/%d/%s", c.Record, strings.TrimPrefix(out[i].Name, "peers/"))
	}
	return out
}

func (d *Delay) figures() []report.Figure {
	name := fmt.Sprintf("delay/%.0fMBps/%s/", d.Rate/1e6, d.System)
	clean := []bool{d.Window.Clean()}
	var out []report.Figure
	add := func(name string, ms float64) {
		out = append(out, figure(name, "ms", report.Less, []float64{ms}, clean))
	}
	add(name+"p50", d.Copy.P50)
	add(name+"p99", d.Copy.P99)
	add(name+"max", d.Copy.Max)
	add(name+"source_p50", d.Source.P50)
	add(name+"source_p99", d.Source.P99)
	add(name+"source_max", d.Source.Max)
	return out
}

// chart is what a GiB costs with each system, all that replication needs.
func (c *Case) chart() report.Chart {
	s := report.Series{Name: "CPU-s/GiB"}
	for _, l := range c.Systems {
		if len(l.Rounds) == 0 {
			continue
		}
		f := l.cost()
		s.Labels = append(s.Labels, title(l.System))
		s.Y, s.Low, s.High = append(s.Y, f.Value), append(s.Low, f.Low), append(s.High, f.High)
	}
	text := fmt.Sprintf("CPU per GiB of everything replication needs, records of %d bytes", c.Record)
	var times []string
	for _, system := range []string{Follower, Go, MM2Tuned, MM2Default} {
		if f, ok := c.over("", system, Umbra); ok {
			times = append(times, fmt.Sprintf("%s %s", title(system), report.Number(f.Value)))
		}
	}
	if len(times) > 0 {
		text += "; in umbras: " + strings.Join(times, ", ")
	}
	return report.Chart{ID: fmt.Sprintf("peers-cost-%d", c.Record), Kind: report.Bars, Y: "CPU-s/GiB", LogY: true, Series: []report.Series{s}, Title: text}
}

// quantiles draws the delays at one rate. The source's own are those seen while
// the first of the systems was measured.
func (r *Report) quantiles(rate float64) (report.Chart, bool) {
	c := report.Chart{ID: fmt.Sprintf("peers-delay-%.0f", rate/1e6), Kind: report.Quantiles, X: "1/(1-quantile)", Y: "delay, ms", LogY: true}
	var half []string
	for _, d := range r.Delays {
		if d.Rate != rate || d.Failed != "" {
			continue
		}
		if len(c.Series) == 0 {
			c.Series = append(c.Series, report.Series{Name: "the source itself", X: d.sourceCurve.X, Y: d.sourceCurve.Y})
		}
		half = append(half, fmt.Sprintf("%s ms with %s", report.Number(d.Copy.P50), title(d.System)))
		c.Series = append(c.Series, report.Series{Name: title(d.System), X: d.copyCurve.X, Y: d.copyCurve.Y})
	}
	c.Title = fmt.Sprintf("At %.0f MB/s half is readable after the source's acknowledgement in %s", rate/1e6, strings.Join(half, ", "))
	return c, len(c.Series) > 0
}
