package replicate

import (
	"errors"
	"maps"
	"time"
)

// Counters are what one Worker did since it was made. They only grow: source
// brokers and partitions come and go, the sums stay. Loop only; observers take
// Worker.Counters.
type Counters struct {
	FetchedBytes   int64 // record bytes that arrived, wherever they went
	FetchedRecords int64 // records in verified batches that arrived
	WrittenBytes   int64 // bytes of batches appended
	WrittenRecords int64
	DiscardedBytes int64 // record bytes that arrived without room for them
	BacklogNanos   int64 // for which reading waited for the local disk
	Refused        int64 // answers dropped because their bytes were wrong

	Fetch Histogram // from a fetch request to the end of its answer, the source's wait included
	Apply Histogram // from a partition's last record byte until the records are readable here; a sample

	Errors map[ErrorKey]int64 // failed exchanges, at most errorKeysMax of them told apart
}

// ErrorKey tells failed exchanges apart.
type ErrorKey struct {
	Kind   ErrorKind
	Broker string // address; otherBrokers beyond errorKeysMax
}

// ErrorKind says in one word how an exchange with a source broker failed.
type ErrorKind string

const (
	ErrorConnect    ErrorKind = "connect"    // no connection
	ErrorConnection ErrorKind = "connection" // it ended while in use
	ErrorProtocol   ErrorKind = "protocol"   // the broker sent what it must not
	ErrorSlow       ErrorKind = "slow"       // next to nothing arrived in time
	ErrorLeader     ErrorKind = "leader"     // the broker does not lead the partition
	ErrorOffset     ErrorKind = "offset"     // it refuses the offset, or its history differs
	ErrorRefused    ErrorKind = "refused"    // any other error code
)

const (
	// errorKeysMax bounds what a source with ever new addresses costs.
	errorKeysMax = 256
	otherBrokers = "other"
)

func (c *Counters) failed(kind ErrorKind, broker string) {
	if c.Errors == nil {
		c.Errors = map[ErrorKey]int64{}
	}
	key := ErrorKey{kind, broker}
	if _, known := c.Errors[key]; !known && len(c.Errors) >= errorKeysMax {
		key.Broker = otherBrokers
	}
	c.Errors[key]++
}

// lostKind sorts the end of a connection.
func lostKind(err error, connected bool) ErrorKind {
	switch {
	case errors.Is(err, ErrProtocol):
		return ErrorProtocol
	case errors.Is(err, errSlowSource):
		return ErrorSlow
	case !connected:
		return ErrorConnect
	}
	return ErrorConnection
}

// Counters is a copy (loop only).
func (w *Worker) Counters() Counters {
	c := w.counters
	c.Errors = maps.Clone(c.Errors)
	return c
}

// Add joins the counters of another Worker of the same link.
func (c *Counters) Add(o Counters) {
	c.FetchedBytes += o.FetchedBytes
	c.FetchedRecords += o.FetchedRecords
	c.WrittenBytes += o.WrittenBytes
	c.WrittenRecords += o.WrittenRecords
	c.DiscardedBytes += o.DiscardedBytes
	c.BacklogNanos += o.BacklogNanos
	c.Refused += o.Refused
	c.Fetch.Add(o.Fetch)
	c.Apply.Add(o.Apply)
	for k, n := range o.Errors {
		if c.Errors == nil {
			c.Errors = map[ErrorKey]int64{}
		}
		c.Errors[k] += n
	}
}

// histogramBuckets reach from a microsecond to two minutes.
const histogramBuckets = 28

// Histogram counts durations in buckets of powers of two: bucket i holds those
// below 2^i microseconds, the last one the rest. The zero value is empty.
type Histogram struct {
	Buckets [histogramBuckets]uint64
	Sum     time.Duration
}

// Observe adds one duration.
func (h *Histogram) Observe(d time.Duration) {
	d = max(d, 0)
	i := 0
	for us := d.Microseconds(); i < histogramBuckets-1 && us >= 1<<i; {
		i++
	}
	h.Buckets[i]++
	h.Sum += d
}

// Count is how many durations were added.
func (h Histogram) Count() (n uint64) {
	for _, b := range h.Buckets {
		n += b
	}
	return n
}

// Add joins another histogram.
func (h *Histogram) Add(o Histogram) {
	for i, n := range o.Buckets {
		h.Buckets[i] += n
	}
	h.Sum += o.Sum
}
