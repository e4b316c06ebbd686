package main

import (
	"errors"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"umbra/bench/catchup"
)

// catchupFlags are what cobra does not parse into Options by itself.
type catchupFlags struct {
	common
	options catchup.Options
	backlog size
	rate    size
	record  size
}

func newCatchup() *cobra.Command {
	f := &catchupFlags{backlog: 4 << 30, rate: 10e6, record: 1 << 10}
	cmd := &cobra.Command{
		Use: "catchup", Short: "what catching up after an outage takes, and what local clients feel of it", Args: cobra.NoArgs,
		Long: `Measure the catch-up after an outage: the link is paused while the source goes on
being written, then resumed, while other clients produce to and read from local topics
of the same umbra.

Shown are the rate and the time of the catch-up, umbra's processor time, and the
local clients' latency before, during the outage, during the catch-up, and after; lag
and p99 over time are in the report's charts.`,
		Example: `  umbra-bench catchup                        # a backlog of 4 GiB, written as fast as the source takes it
  umbra-bench catchup --outage 2m --rate 40MB
  umbra-bench catchup --short                # what CI runs`,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	f.flagSet(cmd.Flags())
	return cmd
}

func (f *catchupFlags) flagSet(fs *pflag.FlagSet) {
	o := &f.options
	fs.StringVar(&o.Source, "source", "", "HOST:PORT of a running cluster (default: an Apache Kafka is started)")
	fs.Var(&f.backlog, "backlog", "record data written during the outage, as fast as the source takes it")
	fs.DurationVar(&o.Outage, "outage", 0, "instead: how long the outage is, at --rate")
	fs.Var(&f.rate, "rate", "bytes per second the source always grows by")
	fs.IntVar(&o.Partitions, "partitions", 16, "partitions of the shadow topic, and of the local one")
	fs.Var(&f.record, "record", "size of a record's value")
	fs.IntVar(&o.Batch, "batch", 16, "records in a batch")
	fs.Float64Var(&o.LocalRate, "local-rate", 500, "batches per second produced locally")
	fs.IntVar(&o.LocalConns, "local-connections", 8, "connections that read locally, and as many that produce, but no more than partitions")
	fs.DurationVar(&o.Around, "around", 8*time.Second, "length of the phases before and after")
	fs.IntVar(&o.Rounds, "rounds", 3, "outages")
	f.common.add(fs, "the whole thing, small, in less than 20 s")
}

// shrink sets what --short stands for, where nothing else was asked for.
func (f *catchupFlags) shrink(fs *pflag.FlagSet) {
	f.unless(fs, "backlog", func() { f.backlog = 128 << 20 })
	f.unless(fs, "around", func() { f.options.Around = time.Second })
	f.unless(fs, "rounds", func() { f.options.Rounds = 1 })
	if f.options.Outage > 0 && !fs.Changed("backlog") {
		f.backlog = 0
	}
}

func (f *catchupFlags) run(cmd *cobra.Command) error {
	if err := f.check(); err != nil {
		return err
	}
	f.shrink(cmd.Flags())
	o := f.options
	o.Seed, o.Dir, o.Backlog, o.Rate, o.Record = f.seed, f.dir, int64(f.backlog), float64(f.rate), int(f.record)
	if err := o.Validate(); err != nil {
		return err
	}
	var remove func()
	var err error
	if o.Umbra, remove, err = f.binary(cmd.Context()); err != nil {
		return err
	}
	defer remove()
	r, err := catchup.Run(cmd.Context(), o, terminal())
	if r == nil {
		return err
	}
	return errors.Join(err, f.print(cmd, &r.Head, r, r.Table))
}
