package rpo

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/HdrHistogram/hdrhistogram-go"

	"umbra/bench/delay"
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
			r.killChart("failover", "Failover: the shadow accepts its first write %s ms after the kill, of %d kills", "ms", func(k *Kill) float64 { return k.FailoverMs }),
			r.killChart("lost-records", "Each kill loses %s records that the source had acknowledged, of %d kills", "records", func(k *Kill) float64 { return float64(k.LostRecords) }),
			r.killChart("lost-ms", "At the kill the oldest lost record is %s ms old, of %d kills", "ms", func(k *Kill) float64 { return k.LostMs }))
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
	id := "rpo-" + report.FileName(source) + "-lag"
	times := report.Chart{ID: id + "-ms", Kind: report.Lines, X: "time (s)", Y: "lag (ms)"}
	records := report.Chart{ID: id + "-records", Kind: report.Lines, X: "time (s)", Y: "lag (records)"}
	var late, lacked float64 // the most that any round measured; the lines are the middle one's
	for _, c := range r.Cases {
		m := c.middle()
		if c.Source != source || m == nil {
			continue
		}
		for _, round := range c.Rounds {
			late, lacked = max(late, round.Lag.MsMax), max(lacked, float64(round.Lag.RecordsMax))
		}
		inMs, inRecords := func(p lagPoint) float64 { return p.ms }, func(p lagPoint) float64 { return p.records }
		times.Series = append(times.Series, line("umbra, "+c.Pace+", measured", m.series, inMs), line("umbra, "+c.Pace+", as it reports", m.reported, inMs))
		records.Series = append(records.Series, line("umbra, "+c.Pace+", measured", m.series, inRecords), line("umbra, "+c.Pace+", as it reports", m.reported, inRecords))
	}
	if len(times.Series) == 0 {
		return nil
	}
	times.Title = fmt.Sprintf("The shadow lags at most %s ms behind a second client of the source, %s", report.Number(late), source)
	records.Title = fmt.Sprintf("The shadow lacks at most %s records that the client has, %s", report.Number(lacked), source)
	return []report.Chart{times, records}
}

func line(name string, points []lagPoint, y func(lagPoint) float64) report.Series {
	return report.Series{Name: name, X: pluck(points, func(p lagPoint) float64 { return p.seconds }), Y: pluck(points, y)}
}

// quantiles is the distribution of the delay at both sides.
func (c *Case) quantiles() report.Chart {
	out := report.Chart{ID: strings.Join([]string{"rpo", report.FileName(c.Source), c.Pace, "delay"}, "-"), Kind: report.Quantiles, X: "quantile", Y: "delay (ms)", LogY: true}
	source, shadow := c.merged(ofSource), c.merged(ofShadow)
	out.Title = fmt.Sprintf("%s, %s: half readable %s ms after the acknowledgement at the source, %s on the shadow", c.Source, c.paceText(),
		report.Number(delay.SummaryOf(source).P50), report.Number(delay.SummaryOf(shadow).P50))
	out.Series = []report.Series{curve("read at the source", source), curve("read at the shadow", shadow)}
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

// killChart shows one figure of all kills, from the least to the greatest. The title
// is told its span and the number of kills.
func (r *Report) killChart(id, title, unit string, of func(*Kill) float64) report.Chart {
	kills := slices.SortedStableFunc(slices.Values(r.Kills), func(a, b *Kill) int { return cmp.Compare(of(a), of(b)) })
	s := report.Series{Name: "umbra"}
	for _, k := range kills {
		s.Labels, s.Y = append(s.Labels, fmt.Sprintf("kill %d", k.Round)), append(s.Y, of(k))
	}
	return report.Chart{ID: "rpo-kills-" + id, Title: fmt.Sprintf(title, report.Span(s.Y), len(kills)), Kind: report.Bars, Y: unit, Series: []report.Series{s}}
}
