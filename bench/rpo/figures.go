package rpo

import (
	"umbra/bench/report"
)

// The targets: milliseconds, shadow less source from a real cluster, and absolute
// from a synthetic one. They are shown and nothing fails for them.
const (
	TargetP50 = 0.5
	TargetP99 = 2.0
)

// column is one figure of a round.
type column struct {
	name, unit string
	of         func(*Round) float64
}

func columns() []column {
	return []column{
		{"delay_p50", "ms", func(r *Round) float64 { return r.Shadow.P50 }},
		{"delay_p99", "ms", func(r *Round) float64 { return r.Shadow.P99 }},
		{"delay_p99_9", "ms", func(r *Round) float64 { return r.Shadow.P999 }},
		{"delay_max", "ms", func(r *Round) float64 { return r.Shadow.Max }},
		{"source_p50", "ms", func(r *Round) float64 { return r.Source.P50 }},
		{"source_p99", "ms", func(r *Round) float64 { return r.Source.P99 }},
		{"source_max", "ms", func(r *Round) float64 { return r.Source.Max }},
		{"difference_p50", "ms", func(r *Round) float64 { return r.Difference.P50 }},
		{"difference_p99", "ms", func(r *Round) float64 { return r.Difference.P99 }},
		{"behind_p50", "ms", func(r *Round) float64 { return r.Behind.P50 }},
		{"behind_p99", "ms", func(r *Round) float64 { return r.Behind.P99 }},
		{"lag_max", "ms", func(r *Round) float64 { return r.Lag.MsMax }},
		{"lag_records_max", "records", func(r *Round) float64 { return float64(r.Lag.RecordsMax) }},
		{"lag_report_off_p50", "ms", func(r *Round) float64 { return r.Lag.OffMs.P50 }},
		{"lag_report_off_p99", "ms", func(r *Round) float64 { return r.Lag.OffMs.P99 }},
		{"lag_report_under_max", "ms", func(r *Round) float64 { return r.Lag.OffMs.Under }},
		{"wake_p50", "ms", func(r *Round) float64 { return r.Wake.P50 }},
		{"wake_p99", "ms", func(r *Round) float64 { return r.Wake.P99 }},
		{"umbra_cores", "cores", func(r *Round) float64 { return r.Cores }},
	}
}

// target is what a figure of a source is to be no worse than; nil where there is none.
func target(source, name string) *float64 {
	by := map[string]float64{"difference_p50": TargetP50, "difference_p99": TargetP99}
	if source == SourceSynthetic {
		by = map[string]float64{"delay_p50": TargetP50, "delay_p99": TargetP99}
	}
	if v, ok := by[name]; ok {
		return &v
	}
	return nil
}

// figures are a case's, for Document.Figures.
func (c *Case) figures() []report.Figure {
	rounds, dirty := c.take()
	if len(rounds) == 0 {
		return nil
	}
	var out []report.Figure
	for _, col := range columns() {
		s := spreadOf(pluck(rounds, col.of))
		out = append(out, report.Figure{Name: "rpo/" + c.Source + "/" + c.Pace + "/" + col.name, Unit: col.unit, Better: report.Less,
			Value: s.median, Low: s.low, High: s.high, Samples: s.n, Target: target(c.Source, col.name), Dirty: dirty})
	}
	return out
}

// killColumn is one figure of the kills.
type killColumn struct {
	name, unit, better string
	of                 func(*Kill) float64
}

func killColumns() []killColumn {
	return []killColumn{
		{"lost_records", "records", report.Less, func(k *Kill) float64 { return float64(k.LostRecords) }},
		{"lost_ms", "ms", report.Less, func(k *Kill) float64 { return k.LostMs }},
		{"missing_records", "records", report.Less, func(k *Kill) float64 { return float64(k.Missing) }},
		{"failover_ms", "ms", report.Less, func(k *Kill) float64 { return k.FailoverMs }},
		{"writable_ms", "ms", report.Less, func(k *Kill) float64 { return k.WritableMs }},
		{"command_ms", "ms", report.Less, func(k *Kill) float64 { return k.CommandMs }},
		{"plan_ms", "ms", report.Less, func(k *Kill) float64 { return k.PlanMs }},
		{"acked_records", "records", "", func(k *Kill) float64 { return float64(k.Acked) }},
		{"verified_bytes", "bytes", "", func(k *Kill) float64 { return float64(k.VerifiedBytes) }},
		{"wrong", "faults", report.Less, func(k *Kill) float64 { return float64(len(k.Wrong) + len(k.Claim.Faults)) }},
		{"claim_off_records", "records", "", func(k *Kill) float64 { return float64(k.Claim.OffRecords) }},
		{"claim_off_ms", "ms", "", func(k *Kill) float64 { return k.Claim.OffMs }},
	}
}

// killsDirty says whether fewer than half of the kills came on a quiet machine.
func (r *Report) killsDirty() bool {
	clean := 0
	for _, k := range r.Kills {
		if k.Window.Clean() {
			clean++
		}
	}
	return 2*clean < len(r.Kills)
}

func (r *Report) killFigures() []report.Figure {
	if len(r.Kills) == 0 {
		return nil
	}
	var out []report.Figure
	for _, col := range killColumns() {
		s := spreadOf(pluck(r.Kills, col.of))
		out = append(out, report.Figure{Name: "rpo/kills/" + col.name, Unit: col.unit, Better: col.better,
			Value: s.median, Low: s.low, High: s.high, Samples: s.n, Dirty: r.killsDirty()})
	}
	return out
}

// conclude works out what the report says of what was measured.
func (r *run) conclude() {
	for _, c := range r.out.Cases {
		r.out.Figures = append(r.out.Figures, c.figures()...)
	}
	r.out.Figures = append(r.out.Figures, r.out.killFigures()...)
	r.out.Charts = r.out.charts()
	r.out.remark(&r.say)
	r.out.Remarks = r.say.Lines()
}
