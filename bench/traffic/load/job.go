package load

import (
	"errors"
	"fmt"
	"time"
)

// Kind is what a load does.
type Kind string

// The kinds of load.
const (
	// Steady produces at a fixed total rate, whatever the answers take. Its latency
	// runs from when a batch was due, so that no stall is missed by being sent late.
	Steady Kind = "steady"
	// Flat produces with a fixed number of requests under way on each connection. Its
	// latency is from sent to answered and says little: a slow broker is asked less.
	Flat Kind = "flat"
	// Read fetches a topic once from the start and throws it away.
	Read Kind = "read"
	// Tail is Steady with clients that wait at the end of the log. Its latency runs
	// from when a batch was due until its last byte was read.
	Tail Kind = "tail"
)

// Job is one load on one topic of one broker.
type Job struct {
	Kind       Kind          `json:"kind"`
	Addr       string        `json:"addr"`
	Topic      string        `json:"topic"`
	Partitions int           `json:"partitions"`
	Conns      int           `json:"conns"`    // that produce, or that read
	Record     int           `json:"record"`   // bytes of a value
	Batch      int           `json:"batch"`    // records
	Rate       float64       `json:"rate"`     // batches per second, of Steady and Tail
	Inflight   int           `json:"inflight"` // requests on a connection, of Flat
	Chunk      int           `json:"chunk"`    // bytes of one partition asked for, of Read
	Warm       time.Duration `json:"warm"`     // the same load before what is measured
	For        time.Duration `json:"for"`      // at most; Read ends with the topic
	Samples    bool          `json:"samples"`  // return every latency with its time
}

// Validate reports what a job lacks.
func (j Job) Validate() error {
	var errs []error
	least := func(name string, got, least float64) {
		if got < least {
			errs = append(errs, fmt.Errorf("%s load: %s is %v: want %v or more", j.Kind, name, got, least))
		}
	}
	least("connections", float64(j.Conns), 1)
	least("partitions", float64(j.Partitions), 1)
	switch j.Kind {
	case Steady, Tail:
		least("rate", j.Rate, 0.1)
	case Flat:
		least("requests under way", float64(j.Inflight), 1)
	case Read:
		least("chunk", float64(j.Chunk), 1)
	default:
		errs = append(errs, fmt.Errorf("no load of kind %q", j.Kind))
	}
	if j.Kind != Read {
		least("record", float64(j.Record), 0)
		least("batch", float64(j.Batch), 1)
		least("time in seconds", j.For.Seconds(), 0.001)
	}
	return errors.Join(errs...)
}

// Step is the time between two batches.
func (j Job) Step() time.Duration { return time.Duration(float64(time.Second) / j.Rate) }

// partitionsOf is what connection i works on: its share of the partitions, or one
// of them where there are more connections than partitions.
func (j Job) partitionsOf(i int) []int32 {
	if j.Conns > j.Partitions {
		return []int32{int32(i % j.Partitions)}
	}
	var out []int32
	for p := i; p < j.Partitions; p += j.Conns {
		out = append(out, int32(p))
	}
	return out
}

// Result is what a load came to.
type Result struct {
	Batches int64         `json:"batches,omitempty"`
	Bytes   int64         `json:"bytes"`             // of record batches, acknowledged or read
	Records int64         `json:"records,omitempty"` // of Read: in the shares; Bytes counts what lies around their ends too
	Wall    time.Duration `json:"wall_ns"`
	Latency Histogram     `json:"latency"`
	Acked   Histogram     `json:"acked"` // of Tail: due until acknowledged
	Late    Histogram     `json:"late"`  // of Steady and Tail: sent behind their time
	Samples []Sample      `json:"samples,omitempty"`
}

// Sample is one batch's latency.
type Sample struct {
	At      int64         `json:"at"` // measure.Now, when it was due
	Latency time.Duration `json:"ns"`
	Acked   time.Duration `json:"acked_ns,omitempty"` // of Tail
}
