package soak

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Options say what to run.
type Options struct {
	For     time.Duration // the rounds together; the beginning and the end come on top
	Every   time.Duration // a round: this long the nemesis acts, then all is compared
	Seed    uint64        // of the nemesis, the records, and what else is drawn
	Brokers int           // of the source: 1 or 3
	Rate    float64       // bytes per second that the producers write, all together
	Short   bool          // a small world with a fast nemesis
	Only    []string      // kinds of events that may happen; none: all
	Binary  string        // umbra
	Dir     string        // folder for the run's own folder; empty: the system's for temporary files
	Keep    bool          // keep the run's folder even when all is well
	Journal string        // file for the ledger of events and checks; empty: in the run's folder
	// Say tells a person what is going on; nil: nobody asks.
	Say func(format string, args ...any)
}

// Validate fills in what was left out and reports what cannot be run.
func (o *Options) Validate() error {
	if o.Say == nil {
		o.Say = func(string, ...any) {}
	}
	if o.Brokers == 0 {
		o.Brokers = 1
	}
	if o.Every <= 0 || o.Every > o.For {
		o.Every = o.For
	}
	var errs []error
	if o.For < 10*time.Second {
		errs = append(errs, fmt.Errorf("--for is %v: want 10s or more", o.For))
	}
	if o.Every < 10*time.Second && o.For >= 10*time.Second {
		errs = append(errs, fmt.Errorf("--every is %v: want 10s or more", o.Every))
	}
	if o.Brokers != 1 && o.Brokers != 3 {
		errs = append(errs, fmt.Errorf("--brokers is %d: want 1 or 3", o.Brokers))
	}
	if o.Rate < 10_000 {
		errs = append(errs, fmt.Errorf("--rate is %.0f bytes per second: want 10kB or more", o.Rate))
	}
	for _, k := range o.Only {
		if !slices.Contains(Kinds(), Kind(k)) {
			errs = append(errs, fmt.Errorf("--only %q: there is %v", k, Kinds()))
		}
	}
	return errors.Join(errs...)
}

// Command is the command line that repeats the run.
func (o *Options) Command() string {
	c := fmt.Sprintf("umbra-bench soak --seed %d --for %v --every %v --brokers %d --rate %.0f", o.Seed, o.For, o.Every, o.Brokers, o.Rate)
	if o.Short {
		c += " --short"
	}
	if len(o.Only) > 0 {
		c += " --only " + strings.Join(o.Only, ",")
	}
	return c
}
