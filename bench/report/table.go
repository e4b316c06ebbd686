package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"umbra/bench/measure"
)

// Columns is a table with two spaces between its columns. Its cells end in a tab;
// the caller flushes it.
func Columns(w io.Writer) *tabwriter.Writer { return tabwriter.NewWriter(w, 0, 0, 2, ' ', 0) }

// WriteLines writes text without the blanks at the ends of its lines, which
// aligned columns leave there.
func WriteLines(w io.Writer, text string) error {
	for line := range strings.Lines(text) {
		if _, err := fmt.Fprintln(w, strings.TrimRight(line, " \n")); err != nil {
			return err
		}
	}
	return nil
}

// Machine is one line on the machine and the build.
func (h *Head) Machine() string {
	e := h.Env
	return fmt.Sprintf("%s, %d cores, %d GiB, Linux %s, %s, data on %s", e.CPU, e.Cores, e.MemoryGiB, e.Kernel, e.Go, e.FileSystem)
}

// Verdict says whether a target was met, and whether that can be relied on.
func Verdict(met, dirty bool) string {
	word := "missed"
	if met {
		word = "met"
	}
	if dirty {
		word += ", but the machine was disturbed"
	}
	return word
}

// Remarks gathers what a reader must know beside the figures, each line once. The
// zero Remarks is empty.
type Remarks struct{ lines []string }

// Say adds a line that is not there yet.
func (r *Remarks) Say(format string, args ...any) {
	if line := fmt.Sprintf(format, args...); !slices.Contains(r.lines, line) {
		r.lines = append(r.lines, line)
	}
}

// Lines are all of them, in order, for Document.Remarks.
func (r *Remarks) Lines() []string { return r.lines }

// Write writes them as a paragraph of their own; nothing when there are none.
func (r *Remarks) Write(w io.Writer) {
	if len(r.lines) > 0 {
		fmt.Fprintf(w, "\n%s\n", strings.Join(r.lines, "\n"))
	}
}

// Place warns of a place for data that is no disk.
func (r *Remarks) Place(e measure.Env) {
	if e.FileSystem == "tmpfs" {
		r.Say("the data lies on tmpfs, which is no disk: choose another place with --dir")
	}
}

// Disturbance gathers the dirty windows of a run, or of a part of it. The zero
// Disturbance is empty.
type Disturbance struct {
	where        []string
	other, steal float64
}

// Look takes the windows of one stretch, called name, into account.
func (d *Disturbance) Look(name string, windows ...*measure.Window) {
	dirty := false
	for _, w := range windows {
		if !w.Clean() {
			dirty = true
			d.other, d.steal = max(d.other, w.OtherCores()), max(d.steal, w.StealRatio())
		}
	}
	if dirty {
		d.where = append(d.where, name)
	}
}

// Dirty says whether any window was.
func (d *Disturbance) Dirty() bool { return len(d.where) > 0 }

// String names the dirty stretches and how bad the worst was; empty when all were
// clean.
func (d *Disturbance) String() string {
	if !d.Dirty() {
		return ""
	}
	return fmt.Sprintf("dirty are %s: others used up to %.2f cores, the hypervisor up to %.0f%%", strings.Join(d.where, ", "), d.other, 100*d.steal)
}
