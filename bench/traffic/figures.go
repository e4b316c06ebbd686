package traffic

import (
	"fmt"

	"umbra/bench/report"
)

// spread is the median of values and their ends.
func spread(v []float64) report.Figure {
	f := report.Figure{Samples: len(v)}
	f.Value, f.Low, f.High = report.Median(v)
	return f
}

// point is the part of a figure's name that says where in the grid it is.
func (c *Cell) point() string { return fmt.Sprintf("%d/b%d", c.Conns, c.Batch) }

// The values of a Sample.
func p50(s *Sample) float64   { return s.Latency.P50 }
func p99(s *Sample) float64   { return s.Latency.P99 }
func p999(s *Sample) float64  { return s.Latency.P999 }
func most(s *Sample) float64  { return s.Latency.Max }
func gibps(s *Sample) float64 { return s.GiBps }
func cost(s *Sample) float64  { return s.Cost }

// settle fills in figures, charts and remarks from the cells.
func (r *Report) settle() {
	for _, c := range r.Cells {
		if len(c.Rounds) == 0 {
			continue
		}
		name := func(what string) string { return fmt.Sprintf("%s/%s/%s/%s", r.Bench, c.System, c.point(), what) }
		r.Figures = append(r.Figures,
			c.figure(name("p50_ms"), "ms", report.Less, paced, p50),
			c.figure(name("p99_ms"), "ms", report.Less, paced, p99),
			c.figure(name("p99_9_ms"), "ms", report.Less, paced, p999),
			c.figure(name("max_ms"), "ms", report.Less, paced, most),
			c.figure(name("gib_per_s"), "GiB/s", report.More, full, gibps),
			c.figure(name("cpu_s_per_gib"), "CPU-s/GiB", report.Less, full, cost))
	}
	for _, v := range r.duels() {
		r.Figures = append(r.Figures, v.cost(r.Bench), v.wait(r.Bench))
	}
	r.charts()
}

// duel is two systems that make the same promise, at one point.
type duel struct{ ours, theirs *Cell }

// duels pairs what is to be compared: as they come, and the two that keep the same
// promise to a producer.
func (r *Report) duels() []duel {
	var out []duel
	for _, pair := range [][2]string{{Umbra, Kafka}, {UmbraInterval, Kafka}, {Umbra, KafkaFlush}} {
		for _, ours := range r.Cells {
			for _, theirs := range r.Cells {
				same := ours.Conns == theirs.Conns && ours.Batch == theirs.Batch
				if same && ours.System == pair[0] && theirs.System == pair[1] && len(ours.Rounds) > 0 && len(ours.Rounds) == len(theirs.Rounds) {
					out = append(out, duel{ours, theirs})
				}
			}
		}
	}
	return out
}

func (d duel) cost(b Bench) report.Figure { return d.figure(b, "cpu_ratio", full, cost) }
func (d duel) wait(b Bench) report.Figure { return d.figure(b, "p99_ratio", paced, p99) }

// figure is ours over theirs, round by round: the two of a round were measured one
// after the other.
func (d duel) figure(b Bench, what string, of func(*Round) *Sample, value func(*Sample) float64) report.Figure {
	var all, good []float64
	for i := range d.ours.Rounds {
		ours, theirs := of(&d.ours.Rounds[i]), of(&d.theirs.Rounds[i])
		if value(theirs) == 0 {
			continue
		}
		ratio := value(ours) / value(theirs)
		all = append(all, ratio)
		if ours.Window.Clean() && theirs.Window.Clean() {
			good = append(good, ratio)
		}
	}
	take, dirty := good, false
	if len(good)*2 < len(all) || len(all) == 0 {
		take, dirty = all, true
	}
	f, target := spread(take), 1.0
	f.Name = fmt.Sprintf("%s/%s-to-%s/%s/%s", b, d.ours.System, d.theirs.System, d.ours.point(), what)
	f.Unit, f.Better, f.Dirty = "x", report.Less, dirty
	f.Target = &target
	return f
}
