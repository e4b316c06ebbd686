package peers

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// The systems.
const (
	Umbra      = "umbra"
	MM2Default = "mm2_default"
	MM2Tuned   = "mm2_tuned"
	Follower   = "follower"
	Go         = "go"
	Discard    = "discard"
)

// Systems lists them all, in the order of reports.
func Systems() []string { return []string{Umbra, MM2Default, MM2Tuned, Follower, Go, Discard} }

// title is how a system is called in tables and pictures.
func title(system string) string {
	switch system {
	case MM2Default:
		return "MM2 default"
	case MM2Tuned:
		return "MM2 tuned"
	case Follower:
		return "follower fetch"
	case Go:
		return "plain Go"
	}
	return system
}

// Options are what is measured.
type Options struct {
	Systems    []string
	Records    []int         // sizes of a record's value, one comparison for each
	Bytes      int64         // of record batches in one transfer, at most
	RecordsMax int64         // records in one transfer, at most
	Partitions int           // of each topic
	Batch      int           // bytes of a record batch at the source, about
	WarmUps    int           // whole transfers of each system before it is measured, for each record size
	Rounds     int           // measured transfers of each system; 0 leaves the costs out
	Rates      []float64     // bytes per second while the delay is measured; none leaves it out
	DelayFor   time.Duration // how long the delay is measured at each rate
	Seed       uint64        // of the order of systems within a round
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
	least("--records-max", o.RecordsMax, 1000)
	least("--partitions", int64(o.Partitions), 1)
	least("--batch", int64(o.Batch), 61)
	least("--warm-ups", int64(o.WarmUps), 0)
	least("--rounds", int64(o.Rounds), 0)
	for _, r := range o.Records {
		least("--record", int64(r), 1)
	}
	for _, r := range o.Rates {
		if r < float64(o.Batch)/10 {
			errs = append(errs, fmt.Errorf("--delay-rate is %.0f bytes/s: want at least one batch in 10 s", r))
		}
	}
	if len(o.Rates) > 0 && o.DelayFor < time.Second {
		errs = append(errs, fmt.Errorf("--seconds is %v: want 1 s or more", o.DelayFor))
	}
	if len(o.Systems) == 0 || len(o.Records) == 0 {
		errs = append(errs, errors.New("name at least one --system and one --record"))
	}
	for i, s := range o.Systems {
		if !slices.Contains(Systems(), s) {
			errs = append(errs, fmt.Errorf("--system %q: want some of %s", s, strings.Join(Systems(), ", ")))
		} else if slices.Contains(o.Systems[:i], s) {
			errs = append(errs, fmt.Errorf("--system %q is there twice", s))
		}
	}
	return errors.Join(errs...)
}

// has says whether any of the systems is measured.
func (o Options) has(systems ...string) bool {
	return slices.ContainsFunc(systems, func(s string) bool { return slices.Contains(o.Systems, s) })
}

// ordered are the systems asked for, in the order of reports.
func (o Options) ordered() []string {
	return slices.DeleteFunc(Systems(), func(s string) bool { return !o.has(s) })
}
