package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"umbra/bench/peers"
)

// peersFlags are what cobra does not parse into Options by itself.
type peersFlags struct {
	common
	options peers.Options
	records []string
	rates   []string
	bytes   size
	batch   size
	seconds float64
}

// newPeersFlags are the sizes; flagSet sets the rest.
func newPeersFlags() peersFlags { return peersFlags{bytes: 1 << 30, batch: 16 << 10} }

func newPeers() *cobra.Command {
	f := newPeersFlags()
	cmd := &cobra.Command{
		Use: "peers", Short: "umbra beside MirrorMaker 2, Kafka's own replication and a plain program", Args: cobra.NoArgs,
		Long: `Copy the same load from the same Apache Kafka, in the same run, with each of:

  umbra        the whole process
  mm2_default  MirrorMaker 2 as it comes, into an Apache Kafka
  mm2_tuned    the same with a tuned data path
  follower     Kafka's own replication: a second broker takes replicas
  go           a plain consume-and-produce program (franz-go) into the same Kafka
  discard      a net.Conn that fetches and throws away, the floor

Cost: CPU-seconds per GiB of everything that replication needs, the mirror and the
broker it writes to; umbra is both. The mirror alone and the source's broker stand
beside it. Every JVM has copied the topic before it is measured.

Delay: from the source's acknowledgement until a client reads the record in the copy,
beside what a second client of the source itself sees; open loop, corrected for
coordinated omission.

Systems take turns in an order drawn from --seed, new in each round; ratios are taken
within a round. What was measured while others used the machine is marked dirty and
left out of the medians where enough clean rounds remain.

Needs Java 17 and Maven (loadtest/install.sh java); the jars are fetched once.`,
		Example: `  umbra-bench peers --json peers.json
  umbra-bench peers --system umbra,follower --record 1KiB --rounds 7 --delay-rate ''
  umbra-bench peers --short                                   # what CI runs`,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	cmd.Flags().AddFlagSet(f.flagSet())
	return cmd
}

func (f *peersFlags) flagSet() *pflag.FlagSet {
	fs := pflag.NewFlagSet("peers", pflag.ContinueOnError)
	o := &f.options
	fs.StringSliceVar(&o.Systems, "system", peers.Systems(), "what is measured")
	fs.StringSliceVar(&f.records, "record", []string{"1KiB", "100B"}, "sizes of a record's value, one comparison for each")
	fs.Var(&f.bytes, "bytes", "record data of one transfer, at most")
	fs.Int64Var(&o.RecordsMax, "records-max", 4_000_000, "records of one transfer, at most: small ones would take MirrorMaker for ever")
	fs.IntVar(&o.Partitions, "partitions", 10, "partitions of each topic")
	fs.Var(&f.batch, "batch", "size of a record batch at the source, about")
	fs.IntVar(&o.WarmUps, "warm-ups", 2, "whole transfers of each system, uncounted, before the first round of a record size")
	fs.IntVar(&o.Rounds, "rounds", 3, "measured transfers of each system; 0 leaves the costs out")
	fs.StringSliceVar(&f.rates, "delay-rate", []string{"1MB", "20MB"}, "bytes per second while the delay is measured, one measurement for each; empty leaves the delay out")
	fs.Float64Var(&f.seconds, "seconds", 20, "how long the delay is measured at each rate")
	f.add(fs, "all but MirrorMaker 2 default, one round of little data, in about 45 s on two cores")
	return fs
}

// shrink sets what --short stands for, where nothing else was asked for.
func (f *peersFlags) shrink(fs *pflag.FlagSet) {
	f.unless(fs, "system", func() {
		f.options.Systems = []string{peers.Umbra, peers.MM2Tuned, peers.Follower, peers.Go, peers.Discard}
	})
	f.unless(fs, "record", func() { f.records = []string{"1KiB"} })
	f.unless(fs, "bytes", func() { f.bytes = 128 << 20 })
	f.unless(fs, "warm-ups", func() { f.options.WarmUps = 1 })
	f.unless(fs, "rounds", func() { f.options.Rounds = 1 })
	f.unless(fs, "delay-rate", func() { f.rates = []string{"1MB"} })
	f.unless(fs, "seconds", func() { f.seconds = 2 })
}

// parse makes Options of the flags.
func (f *peersFlags) parse() (peers.Options, error) {
	o := f.options
	o.Bytes, o.Batch, o.Seed, o.Dir = int64(f.bytes), int(f.batch), f.seed, f.dir
	o.DelayFor = time.Duration(f.seconds * float64(time.Second))
	var errs []error
	read := func(name string, texts []string, into func(size)) {
		for _, text := range texts {
			var s size
			if strings.TrimSpace(text) == "" {
				continue
			}
			if err := s.Set(text); err != nil {
				errs = append(errs, fmt.Errorf("%s %q: %w", name, text, err))
			}
			into(s)
		}
	}
	read("--record", f.records, func(s size) { o.Records = append(o.Records, int(s)) })
	read("--delay-rate", f.rates, func(s size) { o.Rates = append(o.Rates, float64(s)) })
	if err := errors.Join(errs...); err != nil {
		return o, err
	}
	return o, o.Validate()
}

func (f *peersFlags) run(cmd *cobra.Command) error {
	if err := f.check(); err != nil {
		return err
	}
	f.shrink(cmd.Flags())
	o, err := f.parse()
	if err != nil {
		return err
	}
	binary, remove, err := f.binary(cmd.Context())
	if err != nil {
		return err
	}
	defer remove()
	o.Umbra = binary
	r, err := peers.Run(cmd.Context(), o, terminal())
	if r == nil {
		return err
	}
	return errors.Join(err, f.print(cmd, &r.Head, r, r.Table))
}

// newCopy is the hidden command of the plain Go program.
func newCopy() *cobra.Command {
	return &cobra.Command{
		Use: peers.CopyCommand, Hidden: true, DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			// An interrupt goes to the process that measures; it ends this one.
			return peers.ServeCopy(context.WithoutCancel(cmd.Context()), args, os.Stdin, os.Stdout)
		},
	}
}
