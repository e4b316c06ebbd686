package catchup

import (
	"fmt"
	"io"
	"strings"

	"umbra/bench/report"
)

// Table writes the report for a person.
func (r *Report) Table(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s\n\nCatching up after an outage\n\n", r.Machine(), r.Umbra)
	t := report.Columns(&b)
	fmt.Fprintln(t, "ROUND\tBACKLOG GIB\tOUTAGE S\tCATCH-UP S\tCOPIED GIB\tGIB/S\tUMBRA CPU-S/GIB\t")
	for i, x := range r.Rounds {
		fmt.Fprintf(t, "%d\t%.2f\t%.1f\t%.1f\t%.2f\t%.2f\t%.2f\t\n", i+1, float64(x.Backlog)/(1<<30), x.Outage, x.Seconds, float64(x.Bytes)/(1<<30), x.GiBps, x.Cost)
	}
	t.Flush()
	fmt.Fprint(&b, "\nLocal clients meanwhile, in ms: from when a batch was due until it was acknowledged, and until it was read\n\n")
	t = report.Columns(&b)
	fmt.Fprintln(t, "ROUND\tPHASE\tSECONDS\tBATCHES\tPRODUCE P50\tP99\tMAX\tCONSUME P50\tP99\tMAX\tCORES: UMBRA\tSOURCE\tCLIENTS\tDIRTY\t")
	for i, x := range r.Rounds {
		for _, p := range x.Phases {
			dirty := ""
			if !p.Window.Clean() {
				dirty = fmt.Sprintf("%.2f cores of others", p.Window.OtherCores())
			}
			fmt.Fprintf(t, "%d\t%s\t%.1f\t%d\t%.2f\t%.2f\t%.1f\t%.2f\t%.2f\t%.1f\t%.2f\t%.2f\t%.2f\t%s\t\n", i+1, p.Name, p.Window.Wall.Seconds(), p.Produce.Count,
				p.Produce.P50, p.Produce.P99, p.Produce.Max, p.Consume.P50, p.Consume.P99, p.Consume.Max,
				cores(p.Window, umbraProcess), cores(p.Window, sourceProcess), cores(p.Window, localProcess)+cores(p.Window, writerProcess)+cores(p.Window, "bench"), dirty)
		}
	}
	t.Flush()
	fmt.Fprint(&b, "\nMedians\n\n")
	t = report.Columns(&b)
	fmt.Fprintln(t, "FIGURE\tMEDIAN\tLOW-HIGH\tUNIT\tROUNDS\t")
	for _, f := range r.Figures {
		mark := ""
		if f.Dirty {
			mark = " dirty"
		}
		fmt.Fprintf(t, "%s\t%.3f\t%.3f-%.3f\t%s\t%d%s\t\n", f.Name, f.Value, f.Low, f.High, f.Unit, f.Samples, mark)
	}
	t.Flush()
	fmt.Fprintf(&b, "\n%s\n", strings.Join(r.Remarks, "\n"))
	return report.WriteLines(w, b.String())
}
