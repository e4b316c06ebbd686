package link

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"umbra/kafkaproto/compress"
)

// The sources with a name; any other is HOST:PORT of a running cluster.
const (
	SourceSynthetic = "synthetic"
	SourceKafka     = "kafka"
)

// The engines.
const (
	EngineRing   = "io_uring"
	EnginePwrite = "pwrite"
	EngineAuto   = "auto"
)

// The grids.
const (
	GridNone  = "none"  // the base cell
	GridShort = "short" // and about one of each axis, from a synthetic source
	GridFull  = "full"
)

// answerBytes is what the discarding client asks for in one answer, as a link does.
const answerBytes = 16 << 20

// Options are what is measured.
type Options struct {
	Sources    []string
	Engines    []string       // the base cell is measured with all, the others with the first that is there
	Grid       string         // GridNone, GridShort or GridFull
	Only       []string       // names of cells; the others are left out; empty: none is
	Bytes      int64          // of record batches in one transfer
	KafkaBytes int64          // the same from a real cluster, which has to be filled first
	FarBytes   int64          // most of a transfer over a round trip
	Partitions int            // of the topic
	Record     int            // bytes of a record's value
	Batch      int            // most bytes of a record batch, before compression
	Codec      compress.Codec // of the batches
	Warm       int64          // bytes every umbra copies from a source before it is measured
	WarmCells  bool           // each cell is copied once before it is measured
	Chunk      int            // most bytes of one partition in an answer
	Rounds     int            // pairs for each source, cell and engine; 0 leaves the costs out
	DelayRates []float64      // bytes per second
	DelayFor   time.Duration  // how long the delay is measured at each rate; 0 leaves it out
	LiveFor    time.Duration  // how long the topics of live cells grow; 0 leaves them out
	Within     time.Duration  // rounds beyond the first are left out where the run would take longer; 0: never
	Ceiling    bool           // measure what the machine can do, too
	Seed       uint64         // of the order within a round
	Umbra      string         // path of the binary
	Dir        string         // where data goes; a folder of its own is made in it
}

// Validate reports every fault at once.
func (o Options) Validate() error {
	var errs []error
	least := func(name string, got, least int64) {
		if got < least {
			errs = append(errs, fmt.Errorf("%s is %d: want %d or more", name, got, least))
		}
	}
	least("--bytes", o.Bytes, 1<<20)
	least("bytes from a real cluster", o.KafkaBytes, 1<<20)
	least("bytes over a round trip", o.FarBytes, 1<<20)
	least("--warm", o.Warm, 1<<20)
	least("--partitions", int64(o.Partitions), 1)
	least("--record", int64(o.Record), 1)
	least("--batch", int64(o.Batch), 61)
	least("--chunk", int64(o.Chunk), int64(o.Batch))
	least("--rounds", int64(o.Rounds), 0)
	if o.DelayFor < 0 || o.LiveFor < 0 {
		errs = append(errs, fmt.Errorf("--seconds is %v: want 0 or more", min(o.DelayFor, o.LiveFor)))
	}
	for _, rate := range o.DelayRates {
		if rate < float64(o.Batch)/10 {
			errs = append(errs, fmt.Errorf("--delay-rate is %.0f bytes/s: want at least one batch in 10 s", rate))
		}
	}
	if !slices.Contains([]string{GridNone, GridShort, GridFull}, o.Grid) {
		errs = append(errs, fmt.Errorf("grid %q: want %s, %s or %s", o.Grid, GridNone, GridShort, GridFull))
	}
	for _, name := range o.Only {
		if !o.has(name) {
			errs = append(errs, fmt.Errorf("--cell %q: no source that is named has such a cell", name))
		}
	}
	if len(o.Sources) == 0 || len(o.Engines) == 0 {
		errs = append(errs, errors.New("name at least one --source and one --engine"))
	}
	return errors.Join(append(errs, o.names()...)...)
}

// names reports sources and engines that are none.
func (o Options) names() (errs []error) {
	for _, s := range o.Sources {
		if _, _, err := net.SplitHostPort(s); err != nil && s != SourceSynthetic && s != SourceKafka {
			errs = append(errs, fmt.Errorf("--source %q: want %s, %s or HOST:PORT", s, SourceSynthetic, SourceKafka))
		}
	}
	for _, e := range o.Engines {
		if !slices.Contains([]string{EngineRing, EnginePwrite, EngineAuto}, e) {
			errs = append(errs, fmt.Errorf("--engine %q: want %s, %s or %s", e, EngineRing, EnginePwrite, EngineAuto))
		}
	}
	return errs
}

// delays says whether delays are measured.
func (o Options) delays() bool { return o.DelayFor > 0 && len(o.DelayRates) > 0 }

// has says whether a source has a cell of that name.
func (o Options) has(name string) bool {
	o.Only = nil
	return slices.ContainsFunc(o.Sources, func(source string) bool {
		return slices.ContainsFunc(o.Cells(source), func(c Cell) bool { return c.Name == name })
	})
}
