package link

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"umbra/bench/delay"
	"umbra/bench/report"
)

// The targets the table holds the figures against.
const (
	TargetRatio    = 2.5 // umbra with io_uring to discarding, CPU per GiB
	TargetDelayP99 = 5.0 // ms, shadow less source
)

// Table writes the report for a person.
func (r *Report) Table(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s\n", r.Machine(), r.Umbra)
	r.costs(&b)
	r.delays(&b)
	r.remarks(&b)
	return report.WriteLines(w, b.String())
}

func (r *Report) costs(b *strings.Builder) {
	if !slices.ContainsFunc(r.Cases, func(c *Case) bool { return c.Median != nil }) {
		return
	}
	fmt.Fprint(b, "\nShadowing against fetching the same bytes and throwing them away (CPU of the whole process, user and system)\n\n")
	t := report.Columns(b)
	fmt.Fprintln(t, "SOURCE\tENGINE\tGIB\tDISCARD GIB/S\tCPU-S/GIB\tUMBRA GIB/S\tCPU-S/GIB\tRATIO\tLOW-HIGH\tSOURCE CPU-S/GIB\tCLEAN ROUNDS\t")
	for _, c := range r.Cases {
		m := c.Median
		if m == nil {
			continue
		}
		mark := ""
		if m.Dirty {
			mark = " dirty"
		}
		fmt.Fprintf(t, "%s\t%s\t%.2f\t%.2f\t%.3f\t%.2f\t%.3f\t%.2f\t%.2f-%.2f\t%.2f\t%d of %d%s\t\n", c.Source, c.Engine,
			float64(c.Rounds[0].Shadow.Bytes)/(1<<30), m.Discard.GiBps, m.Discard.Cost, m.Shadow.GiBps, m.Shadow.Cost,
			m.Ratio, m.LowRatio, m.HighRatio, m.Shadow.Source, m.Clean, len(c.Rounds), mark)
	}
	t.Flush()
}

func (r *Report) delays(b *strings.Builder) {
	if !slices.ContainsFunc(r.Cases, func(c *Case) bool { return c.Delay != nil }) {
		return
	}
	fmt.Fprint(b, "\nDelay from the source's acknowledgement to readable, in ms, both sides at the same time\n\n")
	t := report.Columns(b)
	fmt.Fprintln(t, "SOURCE\tENGINE\tMB/S\tREAD AT\tP50\tP99\tP99.9\tMAX\tSAMPLES\tUMBRA CORES\t")
	for _, c := range r.Cases {
		d := c.Delay
		if d == nil {
			continue
		}
		mark := ""
		if !d.Window.Clean() {
			mark = " dirty"
		}
		row := func(source, engine, rate, at string, s delay.Summary, rest string) {
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%.2f\t%.2f\t%.2f\t%.2f\t%s\t\n", source, engine, rate, at, s.P50, s.P99, s.P999, s.Max, rest)
		}
		row(c.Source, c.Engine, fmt.Sprintf("%.0f", d.Rate/1e6), "the source", d.Source, fmt.Sprintf("%d\t%.2f%s", d.Source.Count, d.CPU, mark))
		row("", "", "", "the shadow", d.Shadow, fmt.Sprintf("%d\t", d.Shadow.Count))
		row("", "", "", "difference", d.Difference, "\t")
	}
	t.Flush()
}

// remarks are what a reader must know beside the figures.
func (r *Report) remarks(b *strings.Builder) {
	var out report.Remarks
	for _, c := range r.Cases {
		switch {
		case c.Skipped != "":
			out.Say("%s, %s: not measured: %s", c.Source, c.Engine, c.Skipped)
			continue
		case c.EngineReason != "":
			out.Say("engine %s: %s", c.Engine, c.EngineReason)
		}
		if c.MemoryPeak > 0 {
			out.Say("%s, %s: umbra had %d MiB resident at most", c.Source, c.Engine, c.MemoryPeak>>20)
		}
		if m := c.Median; m != nil && c.Engine == EngineRing {
			out.Say("%s, %s: ratio %.2f, target %.1f or less: %s", c.Source, c.Engine, m.Ratio, TargetRatio, report.Verdict(m.Ratio <= TargetRatio, m.Dirty))
		}
		if d := c.Delay; d != nil {
			out.Say("%s, %s: delay p99 %.2f ms above the source's own, target %.0f ms or less: %s", c.Source, c.Engine,
				d.Difference.P99, TargetDelayP99, report.Verdict(d.Difference.P99 <= TargetDelayP99, !d.Window.Clean()))
		}
		if d := c.disturbance(); d.Dirty() {
			out.Say("%s, %s: %s", c.Source, c.Engine, d)
		}
	}
	out.Place(r.Env)
	out.Write(b)
}

// disturbance is a case's dirty windows. The JSON has each of them.
func (c *Case) disturbance() *report.Disturbance {
	d := &report.Disturbance{}
	for i := range c.Rounds {
		d.Look(fmt.Sprintf("round %d", i+1), &c.Rounds[i].Discard.Window, &c.Rounds[i].Shadow.Window)
	}
	if c.Delay != nil {
		d.Look("delay", &c.Delay.Window)
	}
	return d
}
