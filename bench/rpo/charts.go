package rpo

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/HdrHistogram/hdrhistogram-go"

	"umbra/bench/hdr"
	"umbra/bench/report"
)

// charts are the pictures of the run.
func (r *Report) charts() []report.Chart {
	var out []report.Chart
	for _, source := range r.sources() {
		out = append(out, r.lagCharts(source)...)
	}
	for _, c := range r.Cases {
		if len(c.Rounds) > 0 {
			out = append(out, c.quantiles())
		}
	}
	if len(r.Kills) > 0 {
		out = append(out,
			r.killChart("failover", "Failover: from the kill to the first write the shadow accepted, each kill", "ms", func(k *Kill) float64 { return k.FailoverMs }),
			r.killChart("lost-records", "Records acknowledged by the source and not on the shadow, each kill", "records", func(k *Kill) float64 { return float64(k.LostRecords) }),
			r.killChart("lost-ms", "Age of the oldest lost record at the kill, each kill", "ms", func(k *Kill) float64 { return k.LostMs }))
	}
	return out
}

// sources are those of the cases, in their order.
func (r *Report) sources() []string {
	var out []string
	for _, c := range r.Cases {
		if !slices.Contains(out, c.Source) {
			out = append(out, c.Source)
		}
	}
	return out
}

// lagCharts are a source's lag over time: measured at each rate, and as reported.
func (r *Report) lagCharts(source string) []report.Chart {
	id := "rpo-" + fileName(source) + "-lag"
	times := report.Chart{ID: id + "-ms", Kind: report.Lines, X: "time (s)", Y: "lag (ms)",
		Title: fmt.Sprintf("Lag of the shadow behind a second client of the source, %s", source)}
	records := report.Chart{ID: id + "-records", Kind: report.Lines, X: "time (s)", Y: "lag (records)",
		Title: fmt.Sprintf("Records the shadow lacked, %s", source)}
	for _, c := range r.Cases {
		m := c.middle()
		if c.Source != source || m == nil {
			continue
		}
		inMs, inRecords := func(p lagPoint) float64 { return p.ms }, func(p lagPoint) float64 { return p.records }
		times.Series = append(times.Series, line(c.Pace+" measured", m.series, inMs), line(c.Pace+" as umbra reports", m.reported, inMs))
		records.Series = append(records.Series, line(c.Pace+" measured", m.series, inRecords), line(c.Pace+" as umbra reports", m.reported, inRecords))
	}
	if len(times.Series) == 0 {
		return nil
	}
	return []report.Chart{times, records}
}

func line(name string, points []lagPoint, y func(lagPoint) float64) report.Series {
	return report.Series{Name: name, X: pluck(points, func(p lagPoint) float64 { return p.seconds }), Y: pluck(points, y)}
}

// quantiles is the distribution of the delay at both sides.
func (c *Case) quantiles() report.Chart {
	out := report.Chart{ID: strings.Join([]string{"rpo", fileName(c.Source), c.Pace, "delay"}, "-"), Kind: report.Quantiles, X: "quantile", Y: "delay (ms)", LogY: true,
		Title: fmt.Sprintf("From the source's acknowledgement to readable, %s, %s", c.Source, c.paceText())}
	out.Series = []report.Series{curve("read at the source", c.merged(ofSource)), curve("read at the shadow", c.merged(ofShadow))}
	return out
}

// curve is a distribution in ms. What was there before its acknowledgement, 0, is
// drawn at the histogram's finest: a log axis has no 0.
func curve(name string, h *hdrhistogram.Histogram) report.Series {
	s := report.Series{Name: name}
	s.X, s.Y = hdr.Curve(h, 1000)
	for i := range s.Y {
		s.Y[i] = max(s.Y[i], 0.001)
	}
	return s
}

func (c *Case) paceText() string {
	if c.Pace == "idle" {
		return fmt.Sprintf("a record every %v", idleEvery)
	}
	return c.Pace + "/s"
}

// killChart shows one figure of all kills, from the least to the greatest.
func (r *Report) killChart(id, title, unit string, of func(*Kill) float64) report.Chart {
	kills := slices.SortedStableFunc(slices.Values(r.Kills), func(a, b *Kill) int { return cmp.Compare(of(a), of(b)) })
	s := report.Series{Name: "kills"}
	for _, k := range kills {
		s.Labels, s.Y = append(s.Labels, fmt.Sprintf("kill %d", k.Round)), append(s.Y, of(k))
	}
	return report.Chart{ID: "rpo-kills-" + id, Title: title, Kind: report.Bars, Y: unit, Series: []report.Series{s}}
}

// fileName is a source's name as a part of a file's.
func fileName(source string) string { return strings.NewReplacer(":", "_", "/", "_").Replace(source) }
