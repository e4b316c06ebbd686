// Package progress tells a person at a terminal what a bench is doing.
package progress

import (
	"fmt"
	"io"
	"sync/atomic"
)

// Line tells a person at a terminal what is going on, on one line that is
// written over. The zero Line is silent.
type Line struct{ To io.Writer }

// Say writes over the line.
func (p Line) Say(format string, args ...any) {
	if p.To != nil {
		fmt.Fprintf(p.To, "\r\x1b[K%s", fmt.Sprintf(format, args...))
	}
}

// Clear takes the line away.
func (p Line) Clear() { p.Say("") }

// Counter shows how much of total bytes is done, in steps of a twentieth. Any
// goroutine may call what it returns.
func (p Line) Counter(what string, total int64) func(bytes int) {
	var done atomic.Int64
	return func(bytes int) {
		now := done.Add(int64(bytes))
		if total > 0 && now*20/total != (now-int64(bytes))*20/total {
			p.Say("%s: %d%%", what, now*100/total)
		}
	}
}
