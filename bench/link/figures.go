package link

import (
	"fmt"

	"umbra/bench/ceiling"
	"umbra/bench/report"
)

// The targets that figures are held against. None is a reason to fail.
const (
	TargetRing     = 1.5 // umbra with io_uring to discarding, CPU per GiB of the base
	TargetPwrite   = 2.5
	TargetSmall    = 1.5 // cost of batches of 5 KiB to that of 1 MiB
	TargetMany     = 2.0 // cost of 5000 partitions to that of 10 at the same rate, which is what live topics have
	TargetHot      = 2.0 // GiB/s of one partition
	TargetFill     = 0.8 // of a line of 1 Gbit/s at 85 ms
	TargetDelayP50 = 0.5 // ms, shadow less source, and of a synthetic source in all
	TargetDelayP99 = 2.0
)

// conclude works out the figures, charts and remarks.
func (r *Report) conclude() {
	if r.Ceiling != nil {
		r.Figures = r.Ceiling.Figures("link/ceiling")
	}
	for _, c := range r.Cases {
		r.Figures = append(r.Figures, c.figures()...)
	}
	r.Figures = append(r.Figures, r.compared()...)
	r.Figures = append(r.Figures, r.overParts()...)
	for _, v := range r.Vitals {
		r.Figures = append(r.Figures, v.figures()...)
	}
	r.Charts = r.charts()
	r.Document.Remarks = r.remarks()
}

// path is where a case's figures are: link/SOURCE/ENGINE/CELL.
func (c *Case) path() string { return "link/" + c.Source + "/" + c.Engine + "/" + c.Cell.Name }

func (c *Case) figures() (out []report.Figure) {
	m := c.Median
	if m != nil {
		take, _, _ := c.taken()
		add := func(name, unit, better string, target float64, of func(*Round) float64) {
			out = append(out, figure(c.path()+"/"+name, unit, better, target, values(take, of), m.Dirty))
		}
		add("ratio", "x", report.Less, c.targetRatio(), (*Round).Ratio)
		add("gib_per_s", "GiB/s", report.More, c.targetRate(), func(r *Round) float64 { return r.Shadow.GiBps })
		add("cpu_s_per_gib", "CPU-s/GiB", report.Less, 0, func(r *Round) float64 { return r.Shadow.Cost })
		if target := c.targetRate(); target > 0 && m.Shadow.Cost > 0 { // the disk may be what holds it back
			add("gib_per_core_s", "GiB/s", report.More, target, func(r *Round) float64 { return 1 / r.Shadow.Cost })
		}
		add("cores", "cores", "", 0, func(r *Round) float64 { return r.Shadow.Cores() })
		if take[0].Shadow.Heap != nil {
			add("go_allocations_per_gib", "", report.Less, 0, func(r *Round) float64 { return r.Shadow.perGiB(r.Shadow.Heap.Allocations) })
			add("go_allocated_mib_per_gib", "MiB", report.Less, 0, func(r *Round) float64 { return r.Shadow.perGiB(r.Shadow.Heap.Bytes) / (1 << 20) })
		}
		add("discard_gib_per_s", "GiB/s", "", 0, func(r *Round) float64 { return r.Discard.GiBps })
		add("discard_cpu_s_per_gib", "CPU-s/GiB", "", 0, func(r *Round) float64 { return r.Discard.Cost })
		if c.Cell.Line > 0 {
			add("line_filled", "x", report.More, c.targetFill(), func(r *Round) float64 { return c.fill(&r.Shadow) })
			add("discard_line_filled", "x", "", 0, func(r *Round) float64 { return c.fill(&r.Discard) })
		}
		peak := float64(c.MemoryPeak) / (1 << 20)
		out = append(out, report.Figure{Name: c.path() + "/memory_peak_mib", Unit: "MiB", Better: report.Less, Value: peak, Samples: 1})
	}
	for _, d := range c.Delays {
		out = append(out, c.delayFigures(d)...)
	}
	return out
}

// fill is the part of the line that a sample used, from the first record on.
func (c *Case) fill(s *Sample) float64 { return s.Filled * (1 << 30) * 8 / c.Cell.Line }

func (c *Case) targetRatio() float64 {
	switch {
	case c.Cell.Axis != "":
		return 0
	case c.Engine == EnginePwrite:
		return TargetPwrite
	}
	return TargetRing
}

func (c *Case) targetRate() float64 {
	if c.Cell.Name == cellHot && c.Source == SourceSynthetic {
		return TargetHot
	}
	return 0
}

func (c *Case) targetFill() float64 {
	if c.Cell.Name == cellFar {
		return TargetFill
	}
	return 0
}

// delayFigures are below link/SOURCE/ENGINE/delay-20MB.
func (c *Case) delayFigures(d *Delay) []report.Figure {
	path := fmt.Sprintf("link/%s/%s/delay-%gMB/", c.Source, c.Engine, d.Rate/1e6)
	dirty := !d.Window.Clean()
	one := func(name string, v, target float64) report.Figure {
		f := figure(path+name, "ms", report.Less, target, []float64{v}, dirty)
		f.Samples = int(d.Shadow.Count)
		return f
	}
	p50, p99 := 0.0, 0.0 // only of a synthetic source is the whole delay bounded
	if c.Source == SourceSynthetic {
		p50, p99 = TargetDelayP50, TargetDelayP99
	}
	return []report.Figure{
		one("p50_over_source_ms", d.Difference.P50, TargetDelayP50), one("p99_over_source_ms", d.Difference.P99, TargetDelayP99),
		one("p50_ms", d.Shadow.P50, p50), one("p99_ms", d.Shadow.P99, p99), one("p99_9_ms", d.Shadow.P999, 0),
		figure(path+"cores", "cores", report.Less, 0, []float64{d.CPU}, dirty),
	}
}

// compared are costs of one cell beside another, round by round.
func (r *Report) compared() (out []report.Figure) {
	for _, c := range r.Cases {
		for _, pair := range []struct {
			cell, to string
			target   float64
		}{{cellSmallBatch, cellLargeBatch, TargetSmall}, {cellMany, cellBase, 0}, {cellLiveMany, cellLiveFew, TargetMany}, {cellLogMany, cellLogFew, TargetMany}} {
			if c.Cell.Name != pair.cell {
				continue
			}
			other := r.find(c.Source, c.Engine, pair.to)
			if other == nil || other.Median == nil || c.Median == nil {
				continue
			}
			ratios, dirty := beside(c, other)
			out = append(out, figure(c.path()+"/cost_over_"+pair.to, "x", report.Less, pair.target, ratios, dirty))
		}
	}
	return out
}

// overParts is what umbra spends on a GiB for each second that a copy's parts take, each
// alone and by the plainest program: fetching and discarding in the same round, a CRC-32C
// of what lies in a cache, a write past the page cache. What is above 1 is umbra's own.
func (r *Report) overParts() (out []report.Figure) {
	if r.Ceiling == nil || r.Ceiling.Cost(ceiling.CRC) == 0 || r.Ceiling.Cost(ceiling.Disk) == 0 {
		return nil
	}
	rest := r.Ceiling.Cost(ceiling.CRC) + r.Ceiling.Cost(ceiling.Disk)
	for _, c := range r.Cases {
		if c.Cell.Axis != "" || c.Median == nil {
			continue
		}
		take, _, _ := c.taken()
		ratios := values(take, func(s *Round) float64 { return s.Shadow.Cost / (s.Discard.Cost + rest) })
		out = append(out, figure(c.path()+"/cost_over_parts", "x", report.Less, 0, ratios, c.Median.Dirty))
	}
	return out
}

// find is a case by name, nil when there is none.
func (r *Report) find(source, engine, cell string) *Case {
	for _, c := range r.Cases {
		if c.Source == source && c.Engine == engine && c.Cell.Name == cell {
			return c
		}
	}
	return nil
}

// beside is what umbra spends on a GiB of one case for each second on another: of the
// rounds in which both were undisturbed, or of all.
func beside(a, b *Case) (ratios []float64, dirty bool) {
	var all []float64
	for i := range min(len(a.Rounds), len(b.Rounds)) {
		x, y := &a.Rounds[i].Shadow, &b.Rounds[i].Shadow
		if y.Cost == 0 {
			continue
		}
		all = append(all, x.Cost/y.Cost)
		if x.Window.Clean() && y.Window.Clean() {
			ratios = append(ratios, x.Cost/y.Cost)
		}
	}
	if len(ratios) < enough(len(all)) || len(ratios) == 0 {
		ratios, dirty = all, true
	}
	return ratios, dirty
}

// figure makes one of values; target 0 is none.
func figure(name, unit, better string, target float64, values []float64, dirty bool) report.Figure {
	f := report.Figure{Name: name, Unit: unit, Better: better, Samples: len(values), Dirty: dirty}
	f.Value, f.Low, f.High = report.Median(values)
	if target != 0 {
		f.Target = &target
	}
	return f
}

// figures are below link/process/ENGINE.
func (v *Vitals) figures() []report.Figure {
	path := "link/process/" + v.Engine + "/"
	out := []report.Figure{
		{Name: path + "gc_pause_p99_ms", Unit: "ms", Better: report.Less, Value: v.Pauses.P99, Samples: int(v.Pauses.Count)},
		{Name: path + "gc_pause_max_ms", Unit: "ms", Better: report.Less, Value: v.Pauses.Max, Samples: int(v.Pauses.Count)},
		{Name: path + "scheduling_wait_p99_ms", Unit: "ms", Better: report.Less, Value: v.Waits.P99, Samples: int(v.Waits.Count)},
	}
	if n := int(v.Turns.Count); n > 0 {
		out = append(out, report.Figure{Name: path + "loop_turn_p99_ms", Unit: "ms", Better: report.Less, Value: v.Turns.P99, Samples: n},
			report.Figure{Name: path + "loop_turn_max_ms", Unit: "ms", Better: report.Less, Value: v.Turns.Max, Samples: n})
	}
	if len(v.Loops) > 0 {
		lags := make([]float64, len(v.Loops))
		for i, s := range v.Loops {
			lags[i] = 1000 * s
		}
		out = append(out, figure(path+"loop_lag_ms", "ms", report.Less, 0, lags, false))
	}
	return out
}
