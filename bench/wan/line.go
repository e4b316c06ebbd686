package wan

import (
	"sync"
	"time"
)

// A line is one direction of the way, shared by all connections: what enters it
// waits for its turn at the rate and arrives one delay after its last bit has gone.
type line struct {
	delay   time.Duration
	perByte float64 // nanoseconds; 0: no limit

	mu   sync.Mutex // connections meet here, once for each read
	free time.Duration
}

func newLine(delay time.Duration, bitsPerSecond float64) *line {
	l := &line{delay: delay}
	if bitsPerSecond > 0 {
		l.perByte = 8 * float64(time.Second) / bitsPerSecond
	}
	return l
}

// arrives says when n bytes that enter the line now are at the other end. Times are
// since any fixed moment, and rise.
func (l *line) arrives(now time.Duration, n int) time.Duration {
	if l.perByte == 0 {
		return now + l.delay
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.free = max(l.free, now) + time.Duration(float64(n)*l.perByte)
	return l.free + l.delay
}
