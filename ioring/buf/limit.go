package buf

import (
	"sync/atomic"
	"time"
)

// limitClock sums the time a shard spent refused: from an ErrBudget until a
// slab at least as large was granted or came home. The owner drives it, total
// may be read from anywhere.
type limitClock struct {
	born     time.Time    // set once; all times below are nanoseconds since it
	size     int          // smallest size refused since; owner only
	since    atomic.Int64 // first refusal, 0 when not at the limit
	sum      atomic.Int64
	refusals atomic.Int64
}

func (l *limitClock) now() int64 { return int64(time.Since(l.born)) + 1 }

func (l *limitClock) refused(size int) {
	l.refusals.Add(1)
	if l.since.Load() == 0 {
		l.size = size
		l.since.Store(l.now())
		return
	}
	l.size = min(l.size, size)
}

// eased ends the time at the limit when size bytes were granted or came home
// and that is enough for the smallest slab refused.
func (l *limitClock) eased(size int) {
	if since := l.since.Load(); since != 0 && size >= l.size {
		l.sum.Add(l.now() - since)
		l.since.Store(0)
	}
}

func (l *limitClock) total() time.Duration {
	d := l.sum.Load()
	if since := l.since.Load(); since != 0 {
		d += max(0, l.now()-since)
	}
	return time.Duration(d)
}
