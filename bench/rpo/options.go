package rpo

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"
)

// The sources with a name; any other is HOST:PORT of a running cluster.
const (
	SourceSynthetic = "synthetic"
	SourceKafka     = "kafka"
)

// idleEvery is how often an idle topic gets a record.
const idleEvery = 2 * time.Second

// Options are what is measured.
type Options struct {
	Sources    []string
	Rates      []float64     // bytes per second of record values
	For        time.Duration // of one round at one rate; 0 leaves the delays out
	Rounds     int           // at every rate
	Warm       time.Duration // of load at the highest rate before a source's first round
	Idle       time.Duration // how long an idle topic is watched; 0 leaves it out
	Kills      int           // of a Kafka that was started here
	KillRate   float64       // bytes per second while it is killed
	Within     time.Duration // the kill comes this long after the first acknowledgement, at most, and at least killAfter
	Partitions int
	Record     int    // bytes of a record's value
	Burst      int    // bytes sent at once, to one partition
	Engine     string // a value of umbra's storage.engine
	Seed       uint64 // of the order of rates and the moments of kills
	Umbra      string // path of the binary
	Dir        string // where data goes; a folder of its own is made in it
	HDR        string // folder for .hlog and .hgrm files; empty: none
}

// killAfter is how long a load is under way at least before the source is killed.
const killAfter = time.Second

// Validate reports every fault at once.
func (o Options) Validate() error {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	least := func(name string, got, least int64) {
		if got < least {
			wrong("%s is %d: want %d or more", name, got, least)
		}
	}
	least("--partitions", int64(o.Partitions), 1)
	least("--record", int64(o.Record), payloadMin)
	least("--burst", int64(o.Burst), int64(o.Record))
	least("--rounds", int64(o.Rounds), 1)
	least("--kills", int64(o.Kills), 0)
	if o.For < 0 || o.Idle < 0 || o.Warm < 0 {
		wrong("--seconds is %v, --idle %v and --warm %v: want 0 or more", o.For, o.Idle, o.Warm)
	}
	if o.Kills > 0 && o.Within < killAfter {
		wrong("--kill-within is %v: want %v or more", o.Within, killAfter)
	}
	for _, rate := range append(slices.Clone(o.Rates), o.KillRate) {
		if rate < float64(o.Burst)/10 {
			wrong("a rate is %.0f bytes/s: want at least one burst of %d bytes in 10 s", rate, o.Burst)
		}
	}
	if sorted := slices.Sorted(slices.Values(o.Rates)); len(slices.Compact(sorted)) < len(o.Rates) {
		wrong("--rate names one twice: --rounds measures it again")
	}
	if len(o.Sources) == 0 || len(o.Rates) == 0 {
		wrong("name at least one --source and one --rate")
	}
	for _, s := range o.Sources {
		if _, _, err := net.SplitHostPort(s); err != nil && s != SourceSynthetic && s != SourceKafka {
			wrong("--source %q: want %s, %s or HOST:PORT", s, SourceSynthetic, SourceKafka)
		}
	}
	if engines := []string{"auto", "io_uring", "pwrite"}; !slices.Contains(engines, o.Engine) {
		wrong("--engine %q: want %s", o.Engine, strings.Join(engines, ", "))
	}
	return errors.Join(errs...)
}

// A pace is how a topic grows.
type pace struct {
	name       string // in figures
	rate       float64
	partitions int
	record     int
	burst      int
	warm       time.Duration // before what is measured
	length     time.Duration
	sample     time.Duration // how often umbra is asked for its lag
}

const lagEvery = 100 * time.Millisecond

// paces are those of the rates.
func (o Options) paces() []pace {
	var out []pace
	for _, rate := range o.Rates {
		out = append(out, pace{rateName(rate), rate, o.Partitions, o.Record, o.Burst / o.Record * o.Record, time.Second, o.For, lagEvery})
	}
	return out
}

// idle is the pace of a topic that nearly nothing is written to.
func (o Options) idle() pace {
	return pace{"idle", float64(o.Record) / idleEvery.Seconds(), 1, o.Record, o.Record, idleEvery, o.Idle, lagEvery}
}

// rateName is a rate as it stands in the path of a figure.
func rateName(rate float64) string { return fmt.Sprintf("%gMB", rate/1e6) }
