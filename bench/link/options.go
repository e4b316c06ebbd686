package link

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"time"
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

// answerBytes is what the discarding client asks for in one answer, as a link does.
const answerBytes = 16 << 20

// Options are what is measured.
type Options struct {
	Sources    []string
	Engines    []string
	Bytes      int64         // of record batches in one transfer
	KafkaBytes int64         // the same from a real cluster, which has to be filled first
	Partitions int           // of the topic
	Record     int           // bytes of a record's value
	Batch      int           // bytes of a record batch, about
	Warm       int64         // bytes every umbra copies from a source before it is measured
	Chunk      int           // most bytes of one partition in an answer
	Rounds     int           // pairs for each source and engine; 0 leaves the costs out
	DelayRate  float64       // bytes per second
	DelayFor   time.Duration // how long the delay is measured; 0 leaves it out
	Within     time.Duration // rounds beyond the first are left out where the run would take longer; 0: never
	Seed       uint64        // of the order of engines within a round
	Umbra      string        // path of the binary
	Dir        string        // where data goes; a folder of its own is made in it
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
	least("--warm", o.Warm, 1<<20)
	least("--partitions", int64(o.Partitions), 1)
	least("--record", int64(o.Record), 1)
	least("--batch", int64(o.Batch), 61)
	least("--chunk", int64(o.Chunk), int64(o.Batch))
	least("--rounds", int64(o.Rounds), 0)
	if o.DelayFor < 0 {
		errs = append(errs, fmt.Errorf("--seconds is %v: want 0 or more", o.DelayFor))
	}
	if o.DelayFor > 0 && o.DelayRate < float64(o.Batch)/10 {
		errs = append(errs, fmt.Errorf("--delay-rate is %.0f bytes/s: want at least one batch in 10 s", o.DelayRate))
	}
	if len(o.Sources) == 0 || len(o.Engines) == 0 {
		errs = append(errs, errors.New("name at least one --source and one --engine"))
	}
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
	return errors.Join(errs...)
}
