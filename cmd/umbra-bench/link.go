package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"umbra/bench/link"
	"umbra/kafkaproto/compress"
)

// linkFlags are what pflag does not parse into Options by itself.
type linkFlags struct {
	common
	options link.Options
	bytes   size
	warm    size
	record  size
	batch   size
	chunk   size
	codec   string
	rates   []string
	seconds float64
	grid    bool
}

// defaults are the sizes; flagSet sets the rest.
func defaults() linkFlags {
	return linkFlags{bytes: 4 << 30, warm: 2 << 30, record: 1 << 10, batch: 16 << 10, chunk: 1 << 20}
}

func newLink() *cobra.Command {
	f := defaults()
	cmd := &cobra.Command{
		Use: "link", Short: "what a shadow link costs and how far it is behind", Args: cobra.NoArgs,
		Long: `Measure a shadow link from outside, each part a process of its own.

Cost: CPU-seconds per GiB of the whole umbra process that shadows a topic, and
beside it, in the same run, of a plain client that fetches the same bytes from the
same source and throws them away. The two are taken in pairs, one after the other.

With --grid the base cell, which the other flags describe, has neighbours that
differ in one thing: size of records and batches, codec, number of partitions down to
one hot one, topics that grow while they are copied (also onto an ext4 with a journal,
where root can make one), and a round trip of up to 85 ms over a line of 1 Gbit/s (a
proxy in a process of its own that both sides go through).
Cells of a synthetic source are taken in turns, so they compare with each other too.
Beside them stand what memory, CRC and the disk of this machine can do.

Delay: from the source's acknowledgement until a client reads the record on the
shadow, beside what a second client of the source itself sees at the same time;
open loop, corrected for coordinated omission; at each of the rates.

A pair during which other processes used more than 8 % of a core, or the
hypervisor took more than 15 % of the machine, is marked dirty and left out of the
medians where enough clean ones remain.`,
		Example: `  umbra-bench link
  umbra-bench link --source synthetic --engine io_uring --bytes 8GiB --rounds 7 --json link.json
  umbra-bench link --grid --within 20m --json grid.json
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
	fs.Var(&f.batch, "batch", "most bytes of a record batch, before compression")
	fs.StringVar(&f.codec, "codec", "none", "compression of the batches: none, gzip, snappy, lz4, zstd")
	fs.Var(&f.chunk, "chunk", "most bytes of one partition in an answer of the synthetic source, and asked for by the discarding client")
	fs.IntVar(&o.Rounds, "rounds", 5, "pairs of transfers for each source and engine; 0 leaves the costs out")
	fs.BoolVar(&f.grid, "grid", false, "measure the neighbours of the base cell too, and what the machine can do")
	fs.StringSliceVar(&o.Only, "cell", nil, "names of cells of the grid; the others are left out")
	fs.StringSliceVar(&f.rates, "delay-rate", []string{"1MB", "20MB", "50MB"}, "bytes per second while the delay is measured")
	fs.Float64Var(&f.seconds, "seconds", 10, "how long the delay is measured at each rate; 0 leaves it out")
	fs.DurationVar(&o.Within, "within", 0, "leave out rounds, but one, where the whole run would take longer than this")
	f.common.add(fs, "the whole thing, with about one neighbour of each kind, small, in less than 60 s")
	return fs
}

// shrink sets what --short stands for, where nothing else was asked for.
func (f *linkFlags) shrink(fs *pflag.FlagSet) {
	f.unless(fs, "bytes", func() { f.bytes = 512 << 20 })
	f.unless(fs, "within", func() { f.options.Within = 45 * time.Second })
	f.unless(fs, "warm", func() { f.warm = 512 << 20 })
	f.unless(fs, "rounds", func() { f.options.Rounds = 3 })
	f.unless(fs, "seconds", func() { f.seconds = 2 })
	f.unless(fs, "delay-rate", func() { f.rates = []string{"20MB"} })
}

// farBytes is a transfer over a line of 1 Gbit/s: eight seconds of it, so that the
// first answers, which are small, are not what is measured.
const farBytes = 1 << 30

// read turns the flags into Options.
func (f *linkFlags) read() (o link.Options, err error) {
	o = f.options
	o.Seed, o.Dir = f.seed, f.dir
	o.Bytes, o.KafkaBytes, o.FarBytes, o.Warm = int64(f.bytes), int64(f.bytes), farBytes, int64(f.warm)
	o.Record, o.Batch, o.Chunk = int(f.record), int(f.batch), int(f.chunk)
	o.DelayFor = time.Duration(f.seconds * float64(time.Second))
	o.Grid, o.LiveFor = link.GridNone, 4*time.Second
	switch {
	case f.grid || len(o.Only) > 0:
		o.Grid, o.Ceiling, o.WarmCells = link.GridFull, true, true
		o.KafkaBytes = min(o.KafkaBytes, 2<<30)
	case f.short:
		o.Grid, o.Ceiling = link.GridShort, true
		o.KafkaBytes, o.FarBytes, o.LiveFor = o.KafkaBytes/2, farBytes/4, time.Second
	}
	if o.Codec, err = compress.Parse(f.codec); err != nil {
		return o, fmt.Errorf("--codec: %w", err)
	}
	for _, text := range f.rates {
		var rate size
		if err := rate.Set(text); err != nil {
			return o, fmt.Errorf("--delay-rate %q: %w", text, err)
		}
		o.DelayRates = append(o.DelayRates, float64(rate))
	}
	return o, o.Validate()
}

func (f *linkFlags) run(cmd *cobra.Command) error {
	if err := f.check(); err != nil {
		return err
	}
	f.shrink(cmd.Flags())
	o, err := f.read()
	if err != nil {
		return err
	}
	var remove func()
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
