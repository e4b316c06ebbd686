package failover

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
	r.rounds(&b)
	r.phases(&b)
	r.medians(&b)
	fmt.Fprintf(&b, "\n%s\n", strings.Join(r.Remarks, "\n"))
	return report.WriteLines(w, b.String())
}

// rounds lists them one by one.
func (r *Report) rounds(b *strings.Builder) {
	fmt.Fprint(b, "\nFailover with the source dead, in s from the request\n\n")
	t := report.Columns(b)
	fmt.Fprintln(t, "SHAPE\tPARTITIONS\tROUND\tCOPIED BEFORE IN S\tPLAN S\tALL FAILED OVER\tWRITABLE\tUMBRA CPU-S\tDIRTY\t")
	for _, c := range r.Cases {
		for i, x := range c.Rounds {
			dirty := ""
			if !x.Window.Clean() {
				dirty = fmt.Sprintf("%.2f cores of others", x.Window.OtherCores())
			}
			fmt.Fprintf(t, "%s\t%d\t%d\t%s\t%s\t%s\t%s\t%s\t%s\t\n", c.Shape, c.shape().All(), i+1, report.Number(x.Copied), report.Number(x.Plan),
				report.Number(x.Seconds), report.Number(x.Writable), report.Number(x.CPU), dirty)
		}
	}
	t.Flush()
}

// phases is where the time goes, as the receipts tell it.
func (r *Report) phases(b *strings.Builder) {
	measured := r.measured()
	if len(measured) == 0 {
		return
	}
	fmt.Fprint(b, "\nWhere the time goes, by umbra's receipts: medians in ms\n\n")
	t := report.Columns(b)
	fmt.Fprint(t, "SHAPE\t")
	names := measured[0].Rounds[0].Phases
	for _, p := range names {
		fmt.Fprintf(t, "%s\t", strings.ToUpper(strings.ReplaceAll(p.Name, "_", " ")))
	}
	fmt.Fprintln(t, "THE RECEIPT'S TOTAL\t")
	for _, c := range measured {
		cell := func(of func(*Round) float64) string { return report.Number(1000 * c.figure("", "", of).Value) }
		fmt.Fprintf(t, "%s\t", c.Shape)
		for _, p := range names {
			fmt.Fprintf(t, "%s\t", cell(func(x *Round) float64 { return x.phase(p.Name) }))
		}
		fmt.Fprintf(t, "%s\t\n", cell(func(x *Round) float64 { return x.Told }))
	}
	t.Flush()
}

// phase is the seconds of a phase; 0 where the receipt does not have it.
func (r *Round) phase(name string) float64 {
	for _, p := range r.Phases {
		if p.Name == name {
			return p.Seconds
		}
	}
	return 0
}

func (r *Report) medians(b *strings.Builder) {
	fmt.Fprint(b, "\nMedians\n\n")
	t := report.Columns(b)
	fmt.Fprintln(t, "FIGURE\tMEDIAN\tLOW-HIGH\tUNIT\tTARGET\tROUNDS\t")
	for _, f := range r.Figures {
		goal, mark := "", ""
		if f.Target != nil {
			goal = report.Number(*f.Target)
		}
		if f.Dirty {
			mark = " dirty"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%d%s\t\n", f.Name, report.Number(f.Value), f.Range(), f.Unit, goal, f.Samples, mark)
	}
	t.Flush()
}
