package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"umbra/bench/delay"
	"umbra/bench/measure"
)

// The targets the table holds the figures against.
const (
	TargetRatio    = 2.5 // umbra with io_uring to discarding, CPU per GiB
	TargetDelayP99 = 5.0 // ms, shadow less source
)

// Table writes the report for a person.
func (r *Report) Table(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %d cores, %d GiB, Linux %s, %s, data on %s\n", r.Env.CPU, r.Env.Cores, r.Env.MemoryGiB, r.Env.Kernel, r.Env.Go, r.Env.FileSystem)
	fmt.Fprintf(&b, "%s\n", r.Umbra)
	r.costs(&b)
	r.delays(&b)
	r.remarks(&b)
	for line := range strings.Lines(b.String()) {
		if _, err := fmt.Fprintln(w, strings.TrimRight(line, " \n")); err != nil {
			return err
		}
	}
	return nil
}

func (r *Report) costs(b *strings.Builder) {
	if !slices.ContainsFunc(r.Cases, func(c *Case) bool { return c.Median != nil }) {
		return
	}
	fmt.Fprint(b, "\nShadowing against fetching the same bytes and throwing them away (CPU of the whole process, user and system)\n\n")
	t := columns(b)
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
	t := columns(b)
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
	var lines []string
	seen := map[string]bool{}
	say := func(format string, args ...any) {
		if line := fmt.Sprintf(format, args...); !seen[line] {
			seen[line] = true
			lines = append(lines, line)
		}
	}
	for _, c := range r.Cases {
		switch {
		case c.Skipped != "":
			say("%s, %s: not measured: %s", c.Source, c.Engine, c.Skipped)
			continue
		case c.EngineReason != "":
			say("engine %s: %s", c.Engine, c.EngineReason)
		}
		if c.MemoryPeak > 0 {
			say("%s, %s: umbra had %d MiB resident at most", c.Source, c.Engine, c.MemoryPeak>>20)
		}
		if m := c.Median; m != nil && c.Engine == "io_uring" {
			say("%s, %s: ratio %.2f, target %.1f or less: %s", c.Source, c.Engine, m.Ratio, TargetRatio, verdict(m.Ratio <= TargetRatio, m.Dirty))
		}
		if d := c.Delay; d != nil {
			say("%s, %s: delay p99 %.2f ms above the source's own, target %.0f ms or less: %s", c.Source, c.Engine,
				d.Difference.P99, TargetDelayP99, verdict(d.Difference.P99 <= TargetDelayP99, !d.Window.Clean()))
		}
		if line := c.disturbed(); line != "" {
			say("%s, %s: %s", c.Source, c.Engine, line)
		}
	}
	if r.Env.FileSystem == "tmpfs" {
		say("the data lies on tmpfs, which is no disk: choose another place with --dir")
	}
	if len(lines) > 0 {
		fmt.Fprintf(b, "\n%s\n", strings.Join(lines, "\n"))
	}
}

// disturbed names a case's dirty windows and how bad the worst of them was; empty
// when there is none. The JSON has each of them.
func (c *Case) disturbed() string {
	var where []string
	var other, steal float64
	look := func(name string, windows ...*measure.Window) {
		dirty := false
		for _, w := range windows {
			if !w.Clean() {
				dirty = true
				other, steal = max(other, w.OtherCores()), max(steal, w.StealRatio())
			}
		}
		if dirty {
			where = append(where, name)
		}
	}
	for i := range c.Rounds {
		look(fmt.Sprintf("round %d", i+1), &c.Rounds[i].Discard.Window, &c.Rounds[i].Shadow.Window)
	}
	if c.Delay != nil {
		look("delay", &c.Delay.Window)
	}
	if len(where) == 0 {
		return ""
	}
	return fmt.Sprintf("dirty are %s: others used up to %.2f cores, the hypervisor up to %.0f%%", strings.Join(where, ", "), other, 100*steal)
}

func verdict(met, dirty bool) string {
	word := "missed"
	if met {
		word = "met"
	}
	if dirty {
		word += ", but the machine was disturbed"
	}
	return word
}

func columns(w io.Writer) *tabwriter.Writer { return tabwriter.NewWriter(w, 0, 0, 2, ' ', 0) }
