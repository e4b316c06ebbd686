package link

import (
	"fmt"
	"slices"

	"umbra/bench/ceiling"
	"umbra/bench/report"
)

// charts are pictures of the run, those that have something to show.
func (r *Report) charts() (out []report.Chart) {
	var sources []string
	for _, c := range r.Cases {
		if c.Median != nil && !slices.Contains(sources, c.Source) {
			sources = append(sources, c.Source)
		}
	}
	for _, s := range sources {
		out = append(out, r.costChart(s), r.rateChart(s))
		if c := r.axisChart(s, AxisPartitions, "partitions"); c != nil {
			out = append(out, *c)
		}
		if c := r.axisChart(s, AxisBatch, "batch size"); c != nil {
			out = append(out, *c)
		}
	}
	if c := r.farChart(); len(c.Series) > 0 {
		out = append(out, c)
	}
	return append(out, r.delayCharts()...)
}

// of lists the measured cases of a source that a test is true for.
func (r *Report) of(source string, test func(*Case) bool) (out []*Case) {
	for _, c := range r.Cases {
		if c.Source == source && c.Median != nil && test(c) {
			out = append(out, c)
		}
	}
	return out
}

// bar is a figure of each case as a series of bars, with the spread of its rounds.
func bar(name string, cases []*Case, label func(*Case) string, of func(*Round) float64) report.Series {
	s := report.Series{Name: name}
	for _, c := range cases {
		take, _, _ := c.taken()
		f := figure("", "", "", 0, values(take, of), false)
		s.Labels, s.Y = append(s.Labels, label(c)), append(s.Y, f.Value)
		s.Low, s.High = append(s.Low, f.Low), append(s.High, f.High)
	}
	return s
}

func labelled(c *Case) string { return c.Cell.Name + " " + c.Engine }

func (r *Report) costChart(source string) report.Chart {
	cases := r.of(source, func(*Case) bool { return true })
	return report.Chart{ID: "link-cost-" + fileName(source), Title: "Processor time by shape of the data, source " + source, Kind: report.Bars, Y: "CPU-s/GiB",
		Series: []report.Series{
			bar("discard", cases, labelled, func(r *Round) float64 { return r.Discard.Cost }),
			bar("umbra", cases, labelled, func(r *Round) float64 { return r.Shadow.Cost }),
		}}
}

// rateChart leaves out the cells whose rate is given.
func (r *Report) rateChart(source string) report.Chart {
	cases := r.of(source, func(c *Case) bool { return c.Cell.Line == 0 && c.Cell.Live == 0 })
	out := report.Chart{ID: "link-rate-" + fileName(source), Title: "Throughput by shape of the data, source " + source, Kind: report.Bars, Y: "GiB/s",
		Series: []report.Series{
			bar("discard", cases, labelled, func(r *Round) float64 { return r.Discard.GiBps }),
			bar("umbra", cases, labelled, func(r *Round) float64 { return r.Shadow.GiBps }),
		}}
	if r.Ceiling != nil {
		if disk := r.Ceiling.GiBps(ceiling.Disk); disk > 0 {
			out.Limit = &disk
			out.Title += " (line: what the disk takes)"
		}
	}
	return out
}

// axisChart is the ratio along an axis, the base among its cells; nil where there is
// none but the base.
func (r *Report) axisChart(source, axis, what string) *report.Chart {
	var engine string
	cases := r.of(source, func(c *Case) bool { return c.Cell.Axis == axis })
	if len(cases) == 0 {
		return nil
	}
	engine = cases[0].Engine
	at := func(c *Case) float64 {
		switch {
		case c.Cell.Axis != "":
			return c.Cell.At
		case axis == AxisBatch:
			return float64(c.Cell.Batch)
		}
		return float64(c.Cell.Partitions)
	}
	cases = append(cases, r.of(source, func(c *Case) bool { return c.Cell.Axis == "" && c.Engine == engine })...)
	slices.SortFunc(cases, func(a, b *Case) int { return int(at(a) - at(b)) })
	label := func(c *Case) string {
		if axis == AxisBatch {
			return short(int(at(c)))
		}
		return fmt.Sprint(at(c))
	}
	limit := TargetRing
	return &report.Chart{ID: "link-ratio-" + axis + "-" + fileName(source), Title: fmt.Sprintf("Umbra's processor time beside discarding, by %s, source %s, %s", what, source, engine),
		Kind: report.Bars, Y: "x of discarding", Limit: &limit, Series: []report.Series{bar("umbra / discard", cases, label, (*Round).Ratio)}}
}

// farChart is throughput over round trips.
func (r *Report) farChart() report.Chart {
	limit := lineRate / 8e6
	out := report.Chart{ID: "link-rtt", Title: "One hot partition over a line of 1 Gbit/s", Kind: report.Lines, X: "round trip, ms", Y: "MB/s", Limit: &limit}
	for _, source := range []string{SourceSynthetic, SourceKafka} {
		cases := r.of(source, func(c *Case) bool { return c.Cell.Axis == AxisRTT })
		slices.SortFunc(cases, func(a, b *Case) int { return int(a.Cell.At - b.Cell.At) })
		for name, of := range map[string]func(*Round) float64{
			source + ", discard": func(r *Round) float64 { return r.Discard.Filled * (1 << 30) / 1e6 },
			source + ", umbra":   func(r *Round) float64 { return r.Shadow.Filled * (1 << 30) / 1e6 },
		} {
			s := bar(name, cases, labelled, of)
			s.Labels = nil
			for _, c := range cases {
				s.X = append(s.X, c.Cell.At)
			}
			if len(s.X) > 0 {
				out.Series = append(out.Series, s)
			}
		}
	}
	slices.SortFunc(out.Series, func(a, b report.Series) int { return len(a.Name) - len(b.Name) })
	return out
}

// delayCharts are the shadow's delay above the source's own, by rate.
func (r *Report) delayCharts() (out []report.Chart) {
	for _, at := range []struct {
		id, name string
		limit    float64
		of       func(*Delay) float64
	}{{"p50", "median", TargetDelayP50, func(d *Delay) float64 { return d.Difference.P50 }},
		{"p99", "99th percentile", TargetDelayP99, func(d *Delay) float64 { return d.Difference.P99 }}} {
		c := report.Chart{ID: "link-delay-" + at.id, Title: "Delay of the shadow above the source's own, " + at.name, Kind: report.Bars, Y: "ms", Limit: &at.limit}
		for _, k := range r.Cases {
			s := report.Series{Name: k.Source + ", " + k.Engine}
			for _, d := range k.Delays {
				s.Labels, s.Y = append(s.Labels, fmt.Sprintf("%g MB/s", d.Rate/1e6)), append(s.Y, at.of(d))
			}
			if len(s.Y) > 0 {
				c.Series = append(c.Series, s)
			}
		}
		if len(c.Series) > 0 {
			out = append(out, c)
		}
	}
	return out
}

// fileName is a source's name as a part of a file's.
func fileName(source string) string {
	out := []byte(source)
	for i, b := range out {
		if (b < 'a' || b > 'z') && (b < '0' || b > '9') {
			out[i] = '-'
		}
	}
	return string(out)
}
