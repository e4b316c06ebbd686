package traffic

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// The systems.
const (
	Umbra         = "umbra"          // as it comes: acks=all is answered when fsynced
	UmbraInterval = "umbra-interval" // storage.fsync=interval: when written, fsynced as late as Kafka's data
	Kafka         = "kafka"          // as it comes: answered from the page cache
	KafkaFlush    = "kafka-flush"    // topic config flush.messages=1: fsynced before the answer
)

// Systems are all of them.
func Systems() []string { return []string{Umbra, UmbraInterval, Kafka, KafkaFlush} }

// Bench is which of the two benches runs.
type Bench string

// The benches.
const (
	Produce Bench = "produce"
	Consume Bench = "consume"
)

// Options are what is measured.
type Options struct {
	Bench      Bench
	Systems    []string
	Conns      []int
	Batches    []int         // records in a batch
	Record     int           // bytes of a value
	Partitions int           // of the topic
	Rate       float64       // batches per second in all, where latency is measured
	Inflight   int           // requests under way on a connection, where throughput is measured
	Bytes      int64         // of record batches that are read from the start
	Rounds     int           // of every cell
	For        time.Duration // of one measurement
	Warm       time.Duration // of load on every system before the first round
	Seed       uint64        // of the order of systems and cells
	Umbra      string        // path of the binary
	Dir        string        // where data goes; a folder of its own is made in it
}

// Validate reports every fault at once.
func (o Options) Validate() error {
	var errs []error
	least := func(name string, got, least float64) {
		if got < least {
			errs = append(errs, fmt.Errorf("%s is %v: want %v or more", name, got, least))
		}
	}
	least("--record", float64(o.Record), 1)
	least("--partitions", float64(o.Partitions), 1)
	least("--rate", o.Rate, 1)
	least("--rounds", float64(o.Rounds), 1)
	least("--seconds", o.For.Seconds(), 0.1)
	least("--warm", o.Warm.Seconds(), 0)
	if o.Bench == Produce {
		least("--inflight", float64(o.Inflight), 1)
	} else {
		least("--bytes", float64(o.Bytes), 1<<20)
	}
	for _, n := range o.Conns {
		least("--connections", float64(n), 1)
	}
	for _, n := range o.Batches {
		least("--batch", float64(n), 1)
	}
	if len(o.Systems) == 0 || len(o.Conns) == 0 || len(o.Batches) == 0 {
		errs = append(errs, errors.New("name at least one of --system, --connections and --batch"))
	}
	for i, s := range o.Systems {
		if !slices.Contains(Systems(), s) || slices.Contains(o.Systems[:i], s) {
			errs = append(errs, fmt.Errorf("--system %q: want each of %s at most once", s, strings.Join(Systems(), ", ")))
		}
	}
	return errors.Join(errs...)
}

// cell is one point of the grid.
type cell struct {
	conns int
	batch int // records
}

func (o Options) cells() []cell {
	var out []cell
	for _, b := range o.Batches {
		for _, n := range o.Conns {
			out = append(out, cell{n, b})
		}
	}
	return out
}

// tailPartitions is how many partitions there are where readers wait at the end: each
// has one to itself.
func (o Options) tailPartitions(conns int) int { return max(o.Partitions, conns) }

// promises says what each system's acknowledgement means.
func promises() [][2]string {
	return [][2]string{
		{Umbra, "acks=all is answered when the batch is fsynced (storage.fsync=always, the default): a power loss takes nothing that was acknowledged"},
		{UmbraInterval, "storage.fsync=interval, storage.flush_interval=" + intervalFlush + ": acks=all is answered from the page cache; a power loss can take the last half minute (it is 50ms where nothing else is said)"},
		{Kafka, "defaults: acks=all is answered from the page cache and flushing is left to the kernel; with one replica a power loss can take the last half minute"},
		{KafkaFlush, "the same broker, topics with flush.messages=1: every append is fsynced before it is answered"},
	}
}
