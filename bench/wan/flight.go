package wan

import (
	"sync"
	"time"
)

// A parcel is bytes under way; the last of a connection has none.
type parcel struct {
	bytes []byte
	due   time.Duration
	slab  *[]byte // where the bytes lie, given back when they were delivered; nil: nowhere
}

// A flight is what one connection has under way in one direction, in order. One
// goroutine puts, another takes.
type flight struct {
	limit int // bytes

	mu      sync.Mutex
	changed *sync.Cond
	parcels []parcel
	bytes   int
	down    bool
}

func newFlight(limit int) *flight {
	f := &flight{limit: limit}
	f.changed = sync.NewCond(&f.mu)
	return f
}

// put waits for room and adds p; false means that the flight is over.
func (f *flight) put(p parcel) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for f.bytes > 0 && f.bytes+len(p.bytes) > f.limit && !f.down {
		f.changed.Wait()
	}
	if f.down {
		return false
	}
	f.bytes += len(p.bytes)
	f.parcels = append(f.parcels, p)
	f.changed.Broadcast()
	return true
}

// next waits for a parcel and says when it is due; false means that the flight is over.
func (f *flight) next() (due time.Duration, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(f.parcels) == 0 && !f.down {
		f.changed.Wait()
	}
	if f.down {
		return 0, false
	}
	return f.parcels[0].due, true
}

// take moves up to most parcels that are due by now into into.
func (f *flight) take(now time.Duration, most int, into []parcel) []parcel {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for n < min(most, len(f.parcels)) && f.parcels[n].due <= now {
		f.bytes -= len(f.parcels[n].bytes)
		n++
	}
	into = append(into, f.parcels[:n]...)
	clear(f.parcels[:n])
	if f.parcels = f.parcels[n:]; len(f.parcels) == 0 {
		f.parcels = nil // or the slice would walk through memory for ever
	}
	if n > 0 {
		f.changed.Broadcast()
	}
	return into
}

// end wakes both sides for good.
func (f *flight) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.down = true
	f.changed.Broadcast()
}
