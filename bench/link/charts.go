package link

import (
	"cmp"
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
		for _, c := range []report.Chart{r.costChart(s), r.liveChart(s), r.rateChart(s)} {
			if len(c.Series[0].Y) > 0 {
				out = append(out, c)
			}
		}
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

// costChart leaves out the topics that grow: what each batch costs there that comes
// alone is on another scale.
func (r *Report) costChart(source string) report.Chart {
	cases := r.of(source, func(c *Case) bool { return c.Cell.Live == 0 })
	return costs("link-cost-", source, fmt.Sprintf("CPU per GiB from %s: umbra takes %s times what discarding takes", source, report.Span(ratios(cases))), cases)
}

// liveChart is the same of topics that grow, whose rate is given.
func (r *Report) liveChart(source string) report.Chart {
	cases := r.of(source, func(c *Case) bool { return c.Cell.Live > 0 })
	return costs("link-live-", source, fmt.Sprintf("CPU per GiB from %s of topics that grow by %.0f MB/s in all: umbra takes %s times what discarding takes", source, liveRate/1e6, report.Span(ratios(cases))), cases)
}

// ratios are the medians of cases.
func ratios(cases []*Case) (out []float64) {
	for _, c := range cases {
		out = append(out, c.Median.Ratio)
	}
	return out
}

func costs(id, source, title string, cases []*Case) report.Chart {
	return report.Chart{ID: id + report.FileName(source), Title: title, Kind: report.Bars, Y: "CPU-s/GiB",
		Series: []report.Series{
			bar("discard", cases, labelled, func(r *Round) float64 { return r.Discard.Cost }),
			bar("umbra", cases, labelled, func(r *Round) float64 { return r.Shadow.Cost }),
		}}
}

// rateChart leaves out the cells whose rate is given.
func (r *Report) rateChart(source string) report.Chart {
	cases := r.of(source, func(c *Case) bool { return c.Cell.Line == 0 && c.Cell.Live == 0 })
	var reached []float64
	for _, c := range cases {
		if c.Median.Discard.GiBps > 0 {
			reached = append(reached, 100*c.Median.Shadow.GiBps/c.Median.Discard.GiBps)
		}
	}
	out := report.Chart{ID: "link-rate-" + report.FileName(source), Kind: report.Bars, Y: "GiB/s",
		Title: fmt.Sprintf("Throughput from %s: umbra reaches %s %% of what discarding reaches", source, report.Span(reached)),
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
	cases := r.of(source, func(c *Case) bool { return c.Cell.Axis == axis })
	if len(cases) == 0 {
		return nil
	}
	engine := cases[0].Engine
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
	slices.SortFunc(cases, func(a, b *Case) int { return cmp.Compare(at(a), at(b)) })
	label := func(c *Case) string {
		if axis == AxisBatch {
			return short(int(at(c)))
		}
		return fmt.Sprint(at(c))
	}
	limit := TargetRing
	if engine == EnginePwrite {
		limit = TargetPwrite
	}
	title := fmt.Sprintf("By %s, %s to %s: umbra takes %s times the CPU of discarding, from %s with %s", what, label(cases[0]), label(cases[len(cases)-1]), report.Span(ratios(cases)), source, engine)
	return &report.Chart{ID: "link-ratio-" + axis + "-" + report.FileName(source), Title: title,
		Kind: report.Bars, Y: "x of discarding", Limit: &limit, Series: []report.Series{bar("umbra / discard", cases, label, (*Round).Ratio)}}
}

// farChart is throughput over round trips.
func (r *Report) farChart() report.Chart {
	limit := lineRate / 8e6
	out := report.Chart{ID: "link-rtt", Kind: report.Lines, X: "round trip, ms", Y: "MB/s", Limit: &limit}
	var used []float64
	for _, source := range []string{SourceKafka, SourceSynthetic} {
		cases := r.of(source, func(c *Case) bool { return c.Cell.Axis == AxisRTT })
		if len(cases) == 0 {
			continue
		}
		slices.SortFunc(cases, func(a, b *Case) int { return cmp.Compare(a.Cell.At, b.Cell.At) })
		for _, side := range []struct {
			name string
			of   func(*Round) *Sample
		}{{"umbra", func(r *Round) *Sample { return &r.Shadow }}, {"discard", func(r *Round) *Sample { return &r.Discard }}} {
			s := bar(source+", "+side.name, cases, labelled, func(r *Round) float64 { return side.of(r).Filled * (1 << 30) / 1e6 })
			s.Labels = nil
			for _, c := range cases {
				s.X = append(s.X, c.Cell.At)
			}
			out.Series = append(out.Series, s)
		}
		for _, c := range cases {
			used = append(used, 100*c.Median.Shadow.Filled*(1<<30)*8/lineRate)
		}
	}
	out.Title = fmt.Sprintf("One hot partition over a line of 1 Gbit/s: umbra uses %s %% of it", report.Span(used))
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
		var all []float64
		c := report.Chart{ID: "link-delay-" + at.id, Kind: report.Bars, Y: "ms", Limit: &at.limit}
		for _, k := range r.Cases {
			s := report.Series{Name: fmt.Sprintf("umbra %s, %s", k.Engine, k.Source)}
			for _, d := range k.Delays {
				s.Labels, s.Y = append(s.Labels, fmt.Sprintf("%g MB/s", d.Rate/1e6)), append(s.Y, at.of(d))
			}
			if len(s.Y) > 0 {
				c.Series, all = append(c.Series, s), append(all, s.Y...)
			}
		}
		c.Title = fmt.Sprintf("Delay of the shadow above the source's own, %s: %s ms", at.name, report.Span(all))
		if len(c.Series) > 0 {
			out = append(out, c)
		}
	}
	return out
}
