package link

import (
	"fmt"
	"io"
	"sync/atomic"
)

// Progress tells a person at a terminal what is going on, on one line that is
// written over. The zero Progress is silent.
type Progress struct{ To io.Writer }

func (p Progress) say(format string, args ...any) {
	if p.To != nil {
		fmt.Fprintf(p.To, "\r\x1b[K%s", fmt.Sprintf(format, args...))
	}
}

// Clear takes the line away.
func (p Progress) Clear() { p.say("") }

// counter shows how much of total bytes is done, in steps of a twentieth. Any
// goroutine may call what it returns.
func (p Progress) counter(what string, total int64) func(bytes int) {
	var done atomic.Int64
	return func(bytes int) {
		now := done.Add(int64(bytes))
		if total > 0 && now*20/total != (now-int64(bytes))*20/total {
			p.say("%s: %d%%", what, now*100/total)
		}
	}
}
