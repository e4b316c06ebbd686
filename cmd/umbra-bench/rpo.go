package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"umbra/bench/rpo"
)

// rpoFlags are what cobra does not parse into Options by itself.
type rpoFlags struct {
	common
	options  rpo.Options
	rates    sizes
	killRate size
	record   size
	burst    size
	seconds  float64
	idle     float64
	warm     float64
}

func newRPO() *cobra.Command {
	f := rpoDefaults()
	cmd := &cobra.Command{
		Use: "rpo", Short: "how far a shadow is behind, and what is lost when the source dies", Args: cobra.NoArgs,
		Long: `Measure what a disaster of the source would cost, and then have one, many times.

Delay: producers send at fixed rates in an open loop. Of every record, the time from
the source's acknowledgement until a client reads it on the shadow, beside what a
second client of the source sees in the same run; corrected for coordinated omission.
The lag at any instant follows from the two clients, and umbra's own report of its
lag is held against it. A topic that gets a record every 2 s is measured by itself.

Disaster: producers write with acks=all, the source is killed with SIGKILL at a moment
drawn by lot, and umbra is told to fail over. What was acknowledged and is not on the
shadow is lost; what is on the shadow is compared byte for byte with what was sent;
the receipt is held against both, and against the source's own log, which is read
when it was started again. Only a Kafka that this run started is killed.

A round during which other processes used more than 8 % of a core, or the hypervisor
took more than 15 % of the machine, is dirty and left out where enough clean ones
remain. The exit status is not 0 where the shadow holds a wrong byte or its receipt
says what is not so; no figure of time fails a run.`,
		Example: `  umbra-bench rpo
  umbra-bench rpo --source kafka --rate 20MB --rounds 5 --kills 30 --seed 7 --json rpo.json --hdr hdr/
  umbra-bench rpo --source prod-test-1:9092 --rate 1MB      # makes topics umbra-bench-rpo-*, and deletes them
  umbra-bench rpo --short                                   # what CI runs`,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	cmd.Flags().AddFlagSet(f.flagSet())
	return cmd
}

// rpoDefaults are the sizes; flagSet sets the rest.
func rpoDefaults() *rpoFlags {
	return &rpoFlags{rates: sizes{1e6, 20e6, 50e6}, killRate: 20e6, record: 1 << 10, burst: 16 << 10}
}

func (f *rpoFlags) flagSet() *pflag.FlagSet {
	fs := pflag.NewFlagSet("rpo", pflag.ContinueOnError)
	o := &f.options
	fs.StringSliceVar(&o.Sources, "source", []string{rpo.SourceSynthetic, rpo.SourceKafka}, "where the data comes from: synthetic, kafka (one is started), or HOST:PORT of a cluster")
	fs.Var(&f.rates, "rate", "bytes per second, one or more")
	fs.Float64Var(&f.seconds, "seconds", 10, "length of one round at one rate; 0 leaves the delays out")
	fs.IntVar(&o.Rounds, "rounds", 3, "rounds at every rate")
	fs.Float64Var(&f.warm, "warm", 10, "seconds of load at the highest rate before a source's first round")
	fs.Float64Var(&f.idle, "idle", 20, "seconds for which an idle topic is watched; 0 leaves it out")
	fs.IntVar(&o.Kills, "kills", 10, "how often the source is killed")
	fs.Var(&f.killRate, "kill-rate", "bytes per second while it is killed")
	fs.DurationVar(&o.Within, "kill-within", 4*time.Second, "the kill comes this long after the first acknowledgement, at most, and 1 s at least")
	fs.IntVar(&o.Partitions, "partitions", 10, "partitions of the topic")
	fs.Var(&f.record, "record", "size of a record's value")
	fs.Var(&f.burst, "burst", "bytes that are sent at once, to one partition")
	fs.StringVar(&o.Engine, "engine", "auto", "storage engine of umbra: io_uring, pwrite, auto")
	fs.StringVar(&o.HDR, "hdr", "", "write histograms to this folder: rpo.hlog and a .hgrm of every curve")
	f.common.add(fs, "the whole thing, small, in less than 45 s")
	return fs
}

// shrink sets what --short stands for, where nothing else was asked for.
func (f *rpoFlags) shrink(fs *pflag.FlagSet) {
	f.unless(fs, "rate", func() { f.rates = sizes{20e6} })
	f.unless(fs, "seconds", func() { f.seconds = 2 })
	f.unless(fs, "rounds", func() { f.options.Rounds = 1 })
	f.unless(fs, "warm", func() { f.warm = 1 })
	f.unless(fs, "idle", func() { f.idle = 4 })
	f.unless(fs, "kills", func() { f.options.Kills = 2 })
	f.unless(fs, "kill-within", func() { f.options.Within = 2 * time.Second })
}

func (f *rpoFlags) run(cmd *cobra.Command) error {
	if err := f.check(); err != nil {
		return err
	}
	f.shrink(cmd.Flags())
	o := f.options
	o.Seed, o.Dir = f.seed, f.dir
	for _, rate := range f.rates {
		o.Rates = append(o.Rates, float64(rate))
	}
	o.KillRate, o.Record, o.Burst = float64(f.killRate), int(f.record), int(f.burst)
	for from, into := range map[*float64]*time.Duration{&f.seconds: &o.For, &f.idle: &o.Idle, &f.warm: &o.Warm} {
		*into = time.Duration(*from * float64(time.Second))
	}
	if err := o.Validate(); err != nil {
		return err
	}
	var remove func()
	var err error
	if o.Umbra, remove, err = f.binary(cmd.Context()); err != nil {
		return err
	}
	defer remove()
	r, err := rpo.Run(cmd.Context(), o, terminal())
	if r == nil {
		return err
	}
	return errors.Join(err, f.print(cmd, &r.Head, r, r.Table))
}

// sizes is a flag of several sizes: "1MB,20MB".
type sizes []size

func (s *sizes) String() string {
	var out []string
	for _, v := range *s {
		out = append(out, fmt.Sprintf("%gMB", float64(v)/1e6))
	}
	return strings.Join(out, ",")
}

func (s *sizes) Type() string { return "SIZES" }

func (s *sizes) Set(text string) error {
	var out sizes
	for one := range strings.SplitSeq(text, ",") {
		var v size
		if err := v.Set(one); err != nil {
			return err
		}
		out = append(out, v)
	}
	*s = out
	return nil
}
