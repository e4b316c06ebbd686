package catchup

import (
	"errors"
	"fmt"
	"time"
)

// Options are what is measured.
type Options struct {
	Source     string        // bootstrap of a cluster; empty starts an Apache Kafka
	Backlog    int64         // bytes of record batches written during the outage; 0: Outage counts
	Outage     time.Duration // how long the outage is, at Rate
	Rate       float64       // bytes per second the source always grows by
	Partitions int           // of the shadow topic, and of the local one
	Record     int           // bytes of a value
	Batch      int           // records in a batch
	LocalRate  float64       // batches per second produced locally
	LocalConns int           // that read, and as many that produce, but no more than Partitions
	Around     time.Duration // length of the phases before and after
	Rounds     int
	Seed       uint64
	Umbra      string // path of the binary
	Dir        string // where data goes; a folder of its own is made in it
}

// Validate reports every fault at once.
func (o Options) Validate() error {
	var errs []error
	least := func(name string, got, least float64) {
		if got < least {
			errs = append(errs, fmt.Errorf("%s is %v: want %v or more", name, got, least))
		}
	}
	switch {
	case o.Backlog > 0 && o.Outage > 0:
		errs = append(errs, errors.New("--backlog and --outage both say how much is written: give one"))
	case o.Backlog <= 0 && o.Outage <= 0:
		errs = append(errs, errors.New("give --backlog or --outage"))
	case o.Backlog > 0:
		least("--backlog", float64(o.Backlog), 1<<20)
	}
	least("--partitions", float64(o.Partitions), 1)
	least("--record", float64(o.Record), 1)
	least("--batch", float64(o.Batch), 1)
	least("--rate", o.Rate, float64(o.Record*o.Batch))
	least("--local-rate", o.LocalRate, 1)
	least("--local-connections", float64(o.LocalConns), 1)
	least("--around", o.Around.Seconds(), 0.1)
	least("--rounds", float64(o.Rounds), 1)
	return errors.Join(errs...)
}
