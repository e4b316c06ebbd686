package main

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"umbra/bench/traffic"
	"umbra/bench/traffic/load"
)

// trafficFlags are what produce and consume share.
type trafficFlags struct {
	common
	options traffic.Options
	record  size
	bytes   size
	seconds float64
	warm    float64
}

func newProduce() *cobra.Command {
	f := &trafficFlags{options: traffic.Options{Bench: traffic.Produce}}
	cmd := &cobra.Command{
		Use: "produce", Short: "the broker itself beside Apache Kafka: producing with acks=all", Args: cobra.NoArgs,
		Long: `Measure producing with acks=all beside Apache Kafka, in the same run, one right
after the other in an order drawn by lot.

Latency: an open loop at a fixed total rate, from when a batch was due until it was
acknowledged; what is held up counts as late. Cost and throughput: a closed loop as
fast as it goes; processor time of the broker's whole process.

umbra answers acks=all when the batch is fsynced, and Kafka, as it comes, when it is
in the page cache. So both are measured in both ways: umbra (as it comes),
umbra-interval (storage.fsync=interval and storage.flush_interval=30s, when the kernel
flushes Kafka's data), kafka (as it comes) and kafka-flush (topic config
flush.messages=1).`,
		Example: `  umbra-bench produce
  umbra-bench produce --system umbra,kafka --connections 1,16 --rounds 5 --json produce.json
  umbra-bench produce --short                # what CI runs`,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	f.flagSet(cmd.Flags(), traffic.Systems(), []int{1, 16})
	cmd.Flags().IntVar(&f.options.Inflight, "inflight", 5, "requests under way on a connection, where throughput is measured")
	return cmd
}

func (f *trafficFlags) flagSet(fs *pflag.FlagSet, systems []string, batches []int) {
	o := &f.options
	f.record, f.bytes = 1<<10, 1<<30
	fs.StringSliceVar(&o.Systems, "system", systems, "what is measured: umbra, umbra-interval, kafka, kafka-flush")
	fs.IntSliceVar(&o.Conns, "connections", []int{1, 16, 256}, "numbers of connections")
	fs.IntSliceVar(&o.Batches, "batch", batches, "numbers of records in a batch")
	fs.Var(&f.record, "record", "size of a record's value")
	fs.IntVar(&o.Partitions, "partitions", 16, "partitions of the topic")
	fs.Float64Var(&o.Rate, "rate", 1000, "batches per second in all, where latency is measured")
	fs.IntVar(&o.Rounds, "rounds", 3, "how often everything is measured")
	fs.Float64Var(&f.seconds, "seconds", 2, "length of one measurement")
	fs.Float64Var(&f.warm, "warm", 10, "seconds of load on every system before the first round")
	f.common.add(fs, "the whole thing, small, in less than 20 s")
}

// shrink sets what --short stands for, where nothing else was asked for.
func (f *trafficFlags) shrink(fs *pflag.FlagSet) {
	o := &f.options
	f.unless(fs, "system", func() { o.Systems = []string{traffic.Umbra, traffic.Kafka} })
	f.unless(fs, "connections", func() { o.Conns = []int{1, 16} })
	f.unless(fs, "batch", func() { o.Batches = []int{16} })
	f.unless(fs, "rounds", func() { o.Rounds = 1 })
	f.unless(fs, "seconds", func() { f.seconds = 0.5 })
	f.unless(fs, "warm", func() { f.warm = 0.5 })
	f.unless(fs, "bytes", func() { f.bytes = 128 << 20 })
}

func (f *trafficFlags) run(cmd *cobra.Command) error {
	if err := f.check(); err != nil {
		return err
	}
	f.shrink(cmd.Flags())
	o := f.options
	o.Seed, o.Dir, o.Record, o.Bytes = f.seed, f.dir, int(f.record), int64(f.bytes)
	o.For, o.Warm = time.Duration(f.seconds*float64(time.Second)), time.Duration(f.warm*float64(time.Second))
	if err := o.Validate(); err != nil {
		return err
	}
	var remove func()
	var err error
	if o.Umbra, remove, err = f.binary(cmd.Context()); err != nil {
		return err
	}
	defer remove()
	r, err := traffic.Run(cmd.Context(), o, terminal())
	if r == nil {
		return err
	}
	return errors.Join(err, f.print(cmd, &r.Head, r, r.Table))
}

// newLoad is the hidden command of the load generator.
func newLoad() *cobra.Command {
	return &cobra.Command{
		Use: load.Command, Hidden: true, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			// An interrupt goes to the process that measures; it ends this one.
			return load.Serve(context.WithoutCancel(cmd.Context()), os.Stdin, os.Stdout)
		},
	}
}
