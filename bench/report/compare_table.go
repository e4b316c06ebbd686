package report

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Table writes the comparison for a person.
func (c *Comparison) Table(w io.Writer) error {
	var b strings.Builder
	t := Columns(&b)
	for _, s := range []struct {
		name string
		Side
	}{{"A", c.A}, {"B", c.B}} {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t\n", s.name, s.File, s.Started.UTC().Format(time.DateTime+" UTC"), s.Umbra)
	}
	t.Flush()
	if len(c.Differences) > 0 {
		fmt.Fprint(&b, "\nNot taken alike; a change may come from this\n\n")
		t = Columns(&b)
		fmt.Fprintln(t, "WHAT\tA\tB\t")
		for _, d := range c.Differences {
			fmt.Fprintf(t, "%s\t%s\t%s\t\n", d.What, orNone(d.A), orNone(d.B))
		}
		t.Flush()
	}
	c.changes(&b)
	return WriteLines(w, b.String())
}

func (c *Comparison) changes(b *strings.Builder) {
	if len(c.Changes) == 0 {
		fmt.Fprint(b, "\nNeither has a figure.\n")
		return
	}
	fmt.Fprintf(b, "\nA change counts where the ranges do not overlap and the medians differ by more than %s%%\n\n", Number(100*c.Noise))
	t := Columns(b)
	fmt.Fprintln(t, "VERDICT\tFIGURE\tUNIT\tA\tLOW-HIGH\tN\tB\tLOW-HIGH\tN\tCHANGE\tBEYOND\t")
	counts := map[Outcome]int{}
	for i := range c.Changes {
		g := &c.Changes[i]
		counts[g.Verdict]++
		change, band := "", ""
		if g.A != nil && g.B != nil && g.Verdict != OtherUnit {
			change, band = fmt.Sprintf("%+.1f%%", 100*g.Change), fmt.Sprintf("%.1f%%", 100*g.Band)
			if g.A.Value == 0 && g.B.Value != 0 {
				change, band = "from 0", ""
			}
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", g.Verdict, g.Name, g.Unit, cells(g.A), cells(g.B), change, band)
	}
	t.Flush()
	var sum []string
	for _, v := range outcomeOrder() {
		if counts[v] > 0 {
			sum = append(sum, fmt.Sprintf("%d %s", counts[v], v))
		}
	}
	fmt.Fprintf(b, "\n%s\n", strings.Join(sum, ", "))
}

// cells are a figure's value, range and number of samples.
func cells(f *Figure) string {
	if f == nil {
		return "-\t\t"
	}
	mark := ""
	if f.Dirty {
		mark = " dirty"
	}
	return fmt.Sprintf("%s\t%s\t%d%s", Number(f.Value), f.Range(), f.Samples, mark)
}

func orNone(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
