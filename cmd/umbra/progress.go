package main

import (
	"fmt"
	"io"
	"strings"

	"umbra/admin/api"
)

// progress prints the steps of an operation as they come: on a terminal the
// running step is drawn over itself, elsewhere every step is one line when it
// ends.
type progress struct {
	w       io.Writer
	tty     bool
	printed map[string]bool // steps whose last line is out
	drawn   bool            // a running step stands on the current line
}

func newProgress(w io.Writer, tty bool) *progress {
	return &progress{w: w, tty: tty, printed: map[string]bool{}}
}

// show prints what is new in op.
func (p *progress) show(op *api.Operation) {
	for _, s := range op.Steps {
		if s.State == api.StepRunning || p.printed[s.Name] {
			continue
		}
		p.erase()
		fmt.Fprintln(p.w, stepLine(s))
		p.printed[s.Name] = true
	}
	if !p.tty {
		return
	}
	for _, s := range op.Steps {
		if s.State == api.StepRunning {
			p.erase()
			fmt.Fprint(p.w, stepLine(s))
			p.drawn = true
			return
		}
	}
}

// close leaves the terminal on an empty line.
func (p *progress) close() { p.erase() }

func (p *progress) erase() {
	if p.drawn {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.drawn = false
	}
}

// stepLine is one step, such as " promote   [####......] 17/41 topics   0.3s".
func stepLine(s api.Step) string {
	state := string(s.State)
	if s.Total > 0 {
		const width = 20
		filled := int(min(max(s.Done, 0), s.Total) * width / s.Total)
		state = fmt.Sprintf("[%s%s] %s/%s %s", strings.Repeat("#", filled), strings.Repeat(".", width-filled), count(s.Done), count(s.Total), s.Unit)
		if s.State == api.StepFailed {
			state += " failed"
		}
	}
	return " " + sentence("   ", fmt.Sprintf("%-16s", s.Name), strings.TrimRight(state, " "), seconds(s.Seconds), s.Detail)
}
