package load

import (
	"sync"
	"time"
)

// ledger gathers what the connections of a load see. Any goroutine may call it.
type ledger struct {
	mu      sync.Mutex
	keep    bool // samples
	out     Result
	failure error
}

// batch records one batch that was acknowledged or read.
func (l *ledger) batch(due int64, latency time.Duration, bytes int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.out.Batches++
	l.out.Bytes += int64(bytes)
	l.latencyLocked(Sample{At: due, Latency: latency})
}

func (l *ledger) latencyLocked(s Sample) {
	l.out.Latency.Add(s.Latency)
	if l.keep {
		l.out.Samples = append(l.out.Samples, s)
	}
}

// fail keeps the first error.
func (l *ledger) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failure == nil {
		l.failure = err
	}
}

// result is everything, when nobody records any more.
func (l *ledger) result() (Result, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out, l.failure
}

// sentLate records how far behind its time a batch was sent.
func (l *ledger) sentLate(late time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.out.Late.Add(late)
}
