package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"
)

// Run is a report and the name of its file.
type Run struct {
	File string
	*Document
}

// Summary writes the figures of runs for a person: those with targets, or all.
func Summary(w io.Writer, runs []Run, all bool) error {
	var b strings.Builder
	for _, line := range machines(runs) {
		fmt.Fprintln(&b, line)
	}
	t := Columns(&b)
	fmt.Fprintln(t, "\nFIGURE\tMEASURED\tUNIT\tLOW-HIGH\tN\tTARGET\tVERDICT\t")
	for _, f := range figures(runs, all) {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d\t%s\t%s\t\n", f.Name, Number(f.Value), f.Unit, f.Range(), f.Samples, f.Goal(), f.Judged())
	}
	t.Flush()
	return WriteLines(w, b.String())
}

// Markdown is the same for a README: what matters most in words, below it, folded, the
// table, and the machines with their files. It depends on nothing but the runs and their
// order.
func Markdown(runs []Run, all bool) string {
	var b strings.Builder
	table := figures(runs, all)
	if rows := headlineRows(figures(runs, true)); rows != "" {
		fmt.Fprintf(&b, "| | Measured | Target | |\n|---|---:|---:|---|\n%s\n", rows)
	}
	fmt.Fprintf(&b, "<details><summary>All %d figures with their spread</summary>\n\n", len(table))
	b.WriteString("| Figure | Measured | Low to high | n | Target | |\n|---|---:|---:|---:|---:|---|\n")
	for _, f := range table {
		spread := ""
		if f.Low != f.High {
			spread = Number(f.Low) + " to " + Number(f.High)
		}
		fmt.Fprintf(&b, "| %s | **%s** %s | %s | %d | %s | %s |\n", cell(f.Name), Number(f.Value), cell(f.Unit), spread, f.Samples, f.Goal(), f.Judged())
	}
	b.WriteString("\n</details>\n")
	for _, line := range machines(runs) {
		fmt.Fprintf(&b, "\n%s\n", cell(line))
	}
	return b.String()
}

// Goal is a figure's target in words; empty without one.
func (f *Figure) Goal() string {
	switch {
	case f.Target == nil:
		return ""
	case f.Better == "":
		return humanize.Commaf(*f.Target)
	}
	return humanize.Commaf(*f.Target) + " or " + f.Better
}

// Judged says whether a figure met its target, and whether that can be relied on: not
// where the machine was disturbed (dirty), nor where its samples lie on both sides of the
// target (undecided). Empty where there is nothing to say.
func (f *Figure) Judged() string {
	met, ok := f.Met()
	word := ""
	switch {
	case ok && met:
		word = "met"
	case ok:
		word = "missed"
	}
	switch {
	case f.Dirty && word == "":
		return "dirty"
	case f.Dirty:
		return "dirty (" + word + ")"
	case f.undecided():
		return "undecided (" + word + ")"
	}
	return word
}

// undecided says that one sample met the target and another did not.
func (f *Figure) undecided() bool {
	if _, ok := f.Met(); !ok || !f.Spread() {
		return false
	}
	low, high := Figure{Value: f.Low, Better: f.Better, Target: f.Target}, Figure{Value: f.High, Better: f.Better, Target: f.Target}
	a, _ := low.Met()
	b, _ := high.Met()
	return a != b
}

// figures are those of all runs, in order.
func figures(runs []Run, all bool) []*Figure {
	var out []*Figure
	for _, r := range runs {
		for i := range r.Figures {
			if f := &r.Figures[i]; all || f.Target != nil {
				out = append(out, f)
			}
		}
	}
	return out
}

// machines is a line for each machine and build, with the files taken there.
func machines(runs []Run) []string {
	var out []string
	files := map[string][]string{}
	for _, r := range runs {
		commit := ""
		if r.Env.Commit != "" {
			commit = ", commit " + r.Env.Commit
			if r.Env.Modified {
				commit += " with changes"
			}
		}
		line := r.Machine() + commit + ", " + r.Started.UTC().Format("2 January 2006")
		if !slices.Contains(out, line) {
			out = append(out, line)
		}
		files[line] = append(files[line], r.File)
	}
	for i, line := range out {
		out[i] = fmt.Sprintf("%s: %s.", strings.Join(files[line], ", "), line)
	}
	return out
}

// cell is text inside a table.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ", "<", "&lt;", "*", `\*`, "_", `\_`).Replace(text)
}

// The marks in a README between which its table stands.
const (
	MarkBegin = "<!-- bench -->"
	MarkEnd   = "<!-- /bench -->"
)

// ErrNoMarks is a text without them.
var ErrNoMarks = fmt.Errorf("there is no %q with a %q after it", MarkBegin, MarkEnd)

// Between finds the table in a README.
func Between(readme string) (before, table, after string, err error) {
	before, rest, ok := strings.Cut(readme, MarkBegin)
	if !ok {
		return "", "", "", ErrNoMarks
	}
	table, after, ok = strings.Cut(rest, MarkEnd)
	if !ok {
		return "", "", "", ErrNoMarks
	}
	return before, table, after, nil
}

// Fill puts a table into a README.
func Fill(readme, table string) (string, error) {
	before, _, after, err := Between(readme)
	if err != nil {
		return "", err
	}
	return before + MarkBegin + "\n" + table + MarkEnd + after, nil
}
