package link

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"umbra/bench/delay"
	"umbra/bench/report"
)

// Table writes the report for a person.
func (r *Report) Table(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s\n", r.Machine(), r.Umbra)
	r.ceilings(&b)
	r.costs(&b)
	r.far(&b)
	r.delays(&b)
	r.targets(&b)
	if len(r.Document.Remarks) > 0 {
		fmt.Fprintf(&b, "\n%s\n", strings.Join(r.Document.Remarks, "\n"))
	}
	return report.WriteLines(w, b.String())
}

func (r *Report) ceilings(b *strings.Builder) {
	if r.Ceiling == nil {
		return
	}
	fmt.Fprint(b, "\nWhat this machine can do, each thing alone\n\n")
	t := report.Columns(b)
	fmt.Fprintln(t, "THING\tGIB/S\tLOW-HIGH\tCPU-S/GIB\tN\t")
	figures := r.Ceiling.Figures("")
	for i := 0; i+1 < len(figures); i += 2 {
		rate, cost := figures[i], figures[i+1]
		fmt.Fprintf(t, "%s\t%.2f\t%.2f-%.2f\t%.3f\t%d%s\t\n", strings.Split(rate.Name, "/")[1], rate.Value, rate.Low, rate.High, cost.Value, rate.Samples, mark(rate.Dirty))
	}
	t.Flush()
}

func mark(dirty bool) string {
	if dirty {
		return " dirty"
	}
	return ""
}

func (r *Report) costs(b *strings.Builder) {
	if !slices.ContainsFunc(r.Cases, func(c *Case) bool { return c.Median != nil }) {
		return
	}
	fmt.Fprint(b, "\nShadowing against fetching the same bytes and throwing them away (CPU of the whole process, user and system)\n\n")
	t := report.Columns(b)
	fmt.Fprintln(t, "SOURCE\tENGINE\tCELL\tGIB\tDISCARD GIB/S\tCPU-S/GIB\tUMBRA GIB/S\tCORES\tCPU-S/GIB\tRATIO\tLOW-HIGH\tSOURCE CPU-S/GIB\tGO ALLOCATIONS/GIB\tPEAK MIB\tCLEAN ROUNDS\t")
	for _, c := range r.Cases {
		m := c.Median
		if m == nil {
			continue
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%.2f\t%.2f\t%.3f\t%.2f\t%.2f\t%.3f\t%.2f\t%.2f-%.2f\t%.2f\t%s\t%d\t%d of %d%s\t\n", c.Source, c.Engine, c.Cell.Name,
			float64(c.Rounds[0].Shadow.Bytes)/(1<<30), m.Discard.GiBps, m.Discard.Cost, m.Shadow.GiBps, m.Shadow.Cores, m.Shadow.Cost,
			m.Ratio, m.LowRatio, m.HighRatio, m.Shadow.Source, c.allocations(), c.MemoryPeak>>20, m.Clean, len(c.Rounds), mark(m.Dirty))
	}
	t.Flush()
}

// allocations is what umbra takes from Go's heap for each GiB, as it is shown.
func (c *Case) allocations() string {
	take, _, _ := c.taken()
	if take[0].Shadow.Heap == nil {
		return "-"
	}
	n, _, _ := report.Median(values(take, func(r *Round) float64 { return r.Shadow.perGiB(r.Shadow.Heap.Allocations) }))
	return fmt.Sprintf("%.0f", n)
}

// far is how much of a long line is used.
func (r *Report) far(b *strings.Builder) {
	if !slices.ContainsFunc(r.Cases, func(c *Case) bool { return c.Median != nil && c.Cell.Line > 0 }) {
		return
	}
	fmt.Fprint(b, "\nOne hot partition over a line of 1 Gbit/s: the part of it that is used, from the first record on; discarding is timed from its first request on\n\n")
	t := report.Columns(b)
	fmt.Fprintln(t, "SOURCE\tENGINE\tROUND TRIP\tDISCARD MB/S\tUMBRA MB/S\tLINE USED\tLOW-HIGH\tN\t")
	for _, c := range r.Cases {
		if c.Median == nil || c.Cell.Line == 0 {
			continue
		}
		take, _, dirty := c.taken()
		f := figure("", "", "", 0, values(take, func(r *Round) float64 { return 100 * c.fill(&r.Shadow) }), dirty)
		fmt.Fprintf(t, "%s\t%s\t%v\t%.1f\t%.1f\t%.0f %%\t%.0f-%.0f\t%d%s\t\n", c.Source, c.Engine, c.Cell.RTT,
			c.Median.Discard.Filled*(1<<30)/1e6, c.Median.Shadow.Filled*(1<<30)/1e6, f.Value, f.Low, f.High, len(take), mark(dirty))
	}
	t.Flush()
}

func (r *Report) delays(b *strings.Builder) {
	if !slices.ContainsFunc(r.Cases, func(c *Case) bool { return len(c.Delays) > 0 }) {
		return
	}
	fmt.Fprint(b, "\nDelay from the source's acknowledgement to readable, in ms, both sides at the same time\n\n")
	t := report.Columns(b)
	fmt.Fprintln(t, "SOURCE\tENGINE\tMB/S\tREAD AT\tP50\tP99\tP99.9\tMAX\tSAMPLES\tUMBRA CORES\t")
	row := func(source, engine, rate, at string, s delay.Summary, rest string) {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%.2f\t%.2f\t%.2f\t%.2f\t%s\t\n", source, engine, rate, at, s.P50, s.P99, s.P999, s.Max, rest)
	}
	for _, c := range r.Cases {
		for _, d := range c.Delays {
			row(c.Source, c.Engine, fmt.Sprintf("%g", d.Rate/1e6), "the source", d.Source, fmt.Sprintf("%d\t%.2f%s", d.Source.Count, d.CPU, mark(!d.Window.Clean())))
			row("", "", "", "the shadow", d.Shadow, fmt.Sprintf("%d\t", d.Shadow.Count))
			row("", "", "", "difference", d.Difference, "\t")
		}
	}
	t.Flush()
}

// targets lists every figure that has one.
func (r *Report) targets(b *strings.Builder) {
	if !slices.ContainsFunc(r.Figures, func(f report.Figure) bool { return f.Target != nil }) {
		return
	}
	fmt.Fprint(b, "\nTargets\n\n")
	t := report.Columns(b)
	fmt.Fprintln(t, "FIGURE\tVALUE\tTARGET\tUNIT\tN\tVERDICT\t")
	for _, f := range r.Figures {
		if _, ok := f.Met(); !ok {
			continue
		}
		word := "at least"
		if f.Better == report.Less {
			word = "at most"
		}
		fmt.Fprintf(t, "%s\t%.2f\t%s %g\t%s\t%d\t%s\t\n", f.Name, f.Value, word, *f.Target, f.Unit, f.Samples, f.Judged())
	}
	t.Flush()
}

// remarks are what a reader must know beside the figures.
func (r *Report) remarks() []string {
	var out report.Remarks
	for _, c := range r.Cases {
		switch {
		case c.Skipped != "":
			out.Say("%s, %s, %s: not measured: %s", c.Source, c.Engine, c.Cell.Name, c.Skipped)
			continue
		case c.EngineReason != "":
			out.Say("engine %s: %s", c.Engine, c.EngineReason)
		}
		if c.Cell.Packing != "none" && c.Plain > 0 {
			out.Say("codec %s: a GiB of batches is %.2f GiB before compression; half of a record repeats words of a page of 1 KiB, the other half is random digits of base 64", c.Cell.Packing, c.Plain)
		}
		if len(c.Delays) > 0 && c.Source != SourceSynthetic {
			out.Say("%s: before each delay was measured the disk was synced, so that gigabytes of the transfers are not written back meanwhile", c.Source)
		}
		if c.Cell.Journal {
			out.Say("live-journal cells: umbra's data lies on an ext4 with a journal, in a file on a loop device, whose threads in the kernel are in nobody's account")
		}
		if d := c.disturbance(); d.Dirty() {
			out.Say("%s, %s, %s: %s", c.Source, c.Engine, c.Cell.Name, d)
		}
	}
	for _, v := range r.Vitals {
		out.Say("%s", v)
	}
	out.Place(r.Env)
	return out.Lines()
}

// String is one line on an umbra's process.
func (v *Vitals) String() string {
	s := fmt.Sprintf("umbra with %s: %d stops of the world, half within %.2f ms, 99 %% within %.2f, the longest within %.2f",
		v.Engine, v.Pauses.Count, v.Pauses.P50, v.Pauses.P99, v.Pauses.Max)
	if v.Turns.Count > 0 {
		s += fmt.Sprintf("; a loop's turns: 99 %% within %.2f ms, the longest within %.2f", v.Turns.P99, v.Turns.Max)
	}
	if n := len(v.Loops); n > 0 {
		half, _, worst := report.Median(v.Loops)
		s += fmt.Sprintf("; a busy loop answered %d probes within %.2f ms at the median and %.2f at worst", n, 1000*half, 1000*worst)
	}
	return s
}

// disturbance is a case's dirty windows. The JSON has each of them.
func (c *Case) disturbance() *report.Disturbance {
	d := &report.Disturbance{}
	for i := range c.Rounds {
		d.Look(fmt.Sprintf("round %d", i+1), &c.Rounds[i].Discard.Window, &c.Rounds[i].Shadow.Window)
	}
	for _, k := range c.Delays {
		d.Look(fmt.Sprintf("delay at %g MB/s", k.Rate/1e6), &k.Window)
	}
	return d
}
