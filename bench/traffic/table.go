package traffic

import (
	"fmt"
	"io"
	"strings"

	"umbra/bench/report"
)

// Table writes the report for a person.
func (r *Report) Table(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s\n", r.Machine(), r.Umbra)
	r.latencies(&b)
	r.throughput(&b)
	r.verdicts(&b)
	if len(r.Remarks) > 0 {
		fmt.Fprintf(&b, "\n%s\n", strings.Join(r.Remarks, "\n"))
	}
	return report.WriteLines(w, b.String())
}

func (r *Report) latencies(b *strings.Builder) {
	title := "Producing at a fixed rate, acks=all: from when a batch was due until it was acknowledged, in ms (open loop)"
	if r.Bench == Consume {
		title = "Reading the end of the log while it is produced: from when a batch was due at the producer until it was read, in ms (open loop)"
	}
	fmt.Fprintf(b, "\n%s\n\n", title)
	t := report.Columns(b)
	fmt.Fprintln(t, "CONNECTIONS\tBATCH\tSYSTEM\tBATCHES/S\tP50\tP99\tLOW-HIGH\tP99.9\tMAX\tLATE P99\tCLEAN ROUNDS\t")
	for _, c := range r.sorted() {
		f := func(value func(*Sample) float64) report.Figure { return c.figure("", "", "", paced, value) }
		rate := f(func(s *Sample) float64 { return float64(s.Batches) / max(1e-9, s.Window.Wall.Seconds()) })
		tail := f(p99)
		fmt.Fprintf(t, "%d\t%d\t%s\t%.0f\t%.2f\t%.2f\t%.2f-%.2f\t%.2f\t%.2f\t%.2f\t%s\t\n", c.Conns, c.Batch, c.System, rate.Value, f(p50).Value, tail.Value, tail.Low, tail.High,
			f(p999).Value, f(most).Value, f(func(s *Sample) float64 { return s.Late.P99 }).Value, c.cleanRounds(paced))
	}
	t.Flush()
}

func (r *Report) throughput(b *strings.Builder) {
	title := "Producing as fast as it goes, acks=all (closed loop)"
	if r.Bench == Consume {
		title = "Reading from the start as fast as it goes"
	}
	fmt.Fprintf(b, "\n%s; CPU of the broker's whole process, user and system\n\n", title)
	t := report.Columns(b)
	fmt.Fprintln(t, "CONNECTIONS\tBATCH\tSYSTEM\tGIB/S\tLOW-HIGH\tCPU-S/GIB\tLOW-HIGH\tCLIENT CPU-S/GIB\tCLEAN ROUNDS\t")
	for _, c := range r.sorted() {
		f := func(value func(*Sample) float64) report.Figure { return c.figure("", "", "", full, value) }
		g, k := f(gibps), f(cost)
		fmt.Fprintf(t, "%d\t%d\t%s\t%.3f\t%.3f-%.3f\t%.2f\t%.2f-%.2f\t%.2f\t%s\t\n", c.Conns, c.Batch, c.System, g.Value, g.Low, g.High, k.Value, k.Low, k.High,
			f(func(s *Sample) float64 { return s.Client }).Value, c.cleanRounds(full))
	}
	t.Flush()
}

// sorted is the cells with rounds, systems beside each other.
func (r *Report) sorted() []*Cell {
	var out []*Cell
	seen := map[string]bool{}
	for _, c := range r.Cells {
		if seen[c.point()] {
			continue
		}
		seen[c.point()] = true
		for _, o := range r.Cells {
			if o.point() == c.point() && len(o.Rounds) > 0 {
				out = append(out, o)
			}
		}
	}
	return out
}

func (c *Cell) cleanRounds(of func(*Round) *Sample) string {
	n := 0
	for i := range c.Rounds {
		if of(&c.Rounds[i]).Window.Clean() {
			n++
		}
	}
	out := fmt.Sprintf("%d of %d", n, len(c.Rounds))
	if _, dirty := clean(c.Rounds, of); dirty {
		out += " dirty"
	}
	return out
}

// verdicts compares the systems, and holds against the target what has one.
func (r *Report) verdicts(b *strings.Builder) {
	duels := r.duels()
	if len(duels) == 0 {
		return
	}
	fmt.Fprint(b, "\nOurs over theirs, medians of the rounds' ratios; below 1 is better than Kafka\n\n")
	t := report.Columns(b)
	fmt.Fprintln(t, "CONNECTIONS\tBATCH\tSYSTEMS\tCPU PER GIB\tLOW-HIGH\tP99\tLOW-HIGH\tTARGET 1\t")
	for _, d := range duels {
		k, w := d.cost(r.Bench), d.wait(r.Bench)
		fmt.Fprintf(t, "%d\t%d\t%s / %s\t%.2f\t%.2f-%.2f\t%.2f\t%.2f-%.2f\t%s\t\n", d.ours.Conns, d.ours.Batch, d.ours.System, d.theirs.System,
			k.Value, k.Low, k.High, w.Value, w.Low, w.High, verdict(k, w))
	}
	t.Flush()
}

func verdict(k, w report.Figure) string {
	cpu, judged := k.Met()
	if !judged {
		return ""
	}
	wait, _ := w.Met()
	return "CPU " + report.Verdict(cpu, k.Dirty) + "; p99 " + report.Verdict(wait, w.Dirty)
}
