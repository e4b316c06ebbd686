package main

import (
	"errors"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"umbra/bench/link"
)

// linkFlags are what cobra does not parse into Options by itself.
type linkFlags struct {
	common
	options link.Options
	bytes   size
	warm    size
	record  size
	batch   size
	chunk   size
	rate    size
	seconds float64
}

// defaults are the sizes; flagSet sets the rest.
func defaults() linkFlags {
	return linkFlags{bytes: 4 << 30, warm: 2 << 30, record: 1 << 10, batch: 16 << 10, chunk: 1 << 20, rate: 20e6}
}

func newLink() *cobra.Command {
	f := defaults()
	cmd := &cobra.Command{
		Use: "link", Short: "what a shadow link costs and how far it is behind", Args: cobra.NoArgs,
		Long: `Measure a shadow link from outside, each part a process of its own.

Cost: CPU-seconds per GiB of the whole umbra process that shadows a topic, and
beside it, in the same run, of a plain client that fetches the same bytes from the
same source and throws them away. The two are taken in pairs, one after the other.

Delay: from the source's acknowledgement until a client reads the record on the
shadow, beside what a second client of the source itself sees at the same time;
open loop, corrected for coordinated omission.

A pair during which other processes used more than 8 % of a core, or the
hypervisor took more than 15 % of the machine, is marked dirty and left out of the
medians where enough clean ones remain.`,
		Example: `  umbra-bench link
  umbra-bench link --source synthetic --engine io_uring --bytes 8GiB --rounds 7 --json link.json
  umbra-bench link --source prod-test-1:9092 --bytes 1GiB    # makes topics umbra-bench-*, and deletes them
  umbra-bench link --short                                   # what CI runs`,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	cmd.Flags().AddFlagSet(f.flagSet())
	return cmd
}

func (f *linkFlags) flagSet() *pflag.FlagSet {
	fs := pflag.NewFlagSet("link", pflag.ContinueOnError)
	o := &f.options
	fs.StringSliceVar(&o.Sources, "source", []string{link.SourceSynthetic, link.SourceKafka}, "where the data comes from: synthetic, kafka (one is started), or HOST:PORT of a cluster")
	fs.StringSliceVar(&o.Engines, "engine", []string{link.EngineRing, link.EnginePwrite}, "storage engines of umbra: io_uring, pwrite, auto")
	fs.Var(&f.bytes, "bytes", "record data of one transfer")
	fs.Var(&f.warm, "warm", "record data every umbra copies from a source before it is measured")
	fs.IntVar(&o.Partitions, "partitions", 10, "partitions of the topic")
	fs.Var(&f.record, "record", "size of a record's value")
	fs.Var(&f.batch, "batch", "size of a record batch, about")
	fs.Var(&f.chunk, "chunk", "most bytes of one partition in an answer of the synthetic source, and asked for by the discarding client")
	fs.IntVar(&o.Rounds, "rounds", 5, "pairs of transfers for each source and engine; 0 leaves the costs out")
	fs.Var(&f.rate, "delay-rate", "bytes per second while the delay is measured")
	fs.Float64Var(&f.seconds, "seconds", 20, "how long the delay is measured; 0 leaves it out")
	fs.DurationVar(&o.Within, "within", 0, "leave out rounds, but one, where the whole run would take longer than this")
	f.common.add(fs, "the whole thing, small, in less than 90 s")
	return fs
}

// shrink sets what --short stands for, where nothing else was asked for.
func (f *linkFlags) shrink(fs *pflag.FlagSet) {
	f.unless(fs, "bytes", func() { f.bytes = 2 << 30 })
	f.unless(fs, "within", func() { f.options.Within = 80 * time.Second })
	f.unless(fs, "warm", func() { f.warm = 1 << 30 })
	f.unless(fs, "rounds", func() { f.options.Rounds = 3 })
	f.unless(fs, "seconds", func() { f.seconds = 4 })
}

func (f *linkFlags) run(cmd *cobra.Command) error {
	if err := f.check(); err != nil {
		return err
	}
	f.shrink(cmd.Flags())
	o := f.options
	o.Seed, o.Dir = f.seed, f.dir
	o.Bytes, o.KafkaBytes = int64(f.bytes), int64(f.bytes)
	o.Warm = int64(f.warm)
	if f.short {
		o.KafkaBytes /= 2
	}
	o.Record, o.Batch, o.Chunk = int(f.record), int(f.batch), int(f.chunk)
	o.DelayRate, o.DelayFor = float64(f.rate), time.Duration(f.seconds*float64(time.Second))
	if err := o.Validate(); err != nil {
		return err
	}
	var remove func()
	var err error
	if o.Umbra, remove, err = f.binary(cmd.Context()); err != nil {
		return err
	}
	defer remove()
	r, err := link.Run(cmd.Context(), o, terminal())
	if r == nil {
		return err
	}
	return errors.Join(err, f.print(cmd, &r.Head, r, r.Table))
}
