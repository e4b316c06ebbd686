package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"umbra/bench/failover"
)

// failoverFlags are what cobra does not parse into Options by itself.
type failoverFlags struct {
	common
	options failover.Options
	shapes  []string
}

func newFailover() *cobra.Command {
	f := &failoverFlags{}
	cmd := &cobra.Command{
		Use: "failover", Short: "how long a failover of many partitions takes with the source dead", Args: cobra.NoArgs,
		Long: `Measure a failover with the source dead: a link takes all topics of a source, the
source is killed with SIGKILL, and the link is failed over through the admin API as
"umbra failover" does it.

Timed is from the request until all topics are failed over, and until a record for the
last of them, sent with acks=all, is acknowledged. Every partition has got a batch
just before the source dies, and all of it is on the shadow: what is lost of a source
in full flow is for "umbra-bench rpo". Each round has a source and an umbra of its own.

The targets are 1 s for up to 1,000 partitions and 5 s for up to 10,000. The exit
status is not 0 where a topic is not failed over or a partition does not end where the
source's did; no figure of time fails a run. A round during which other processes used
more than 8 % of a core, or the hypervisor took more than 15 % of the machine, is dirty
and left out of the medians where enough clean ones remain.`,
		Example: `  umbra-bench failover
  umbra-bench failover --shape 10000x1 --rounds 5 --json failover.json
  umbra-bench failover --short                               # what CI runs`,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	f.flagSet(cmd.Flags())
	return cmd
}

func (f *failoverFlags) flagSet(fs *pflag.FlagSet) {
	o := &f.options
	fs.StringSliceVar(&f.shapes, "shape", []string{"100x10", "1000x10"}, "topics of the link and partitions of each of them, TOPICSxPARTITIONS; one or more")
	fs.IntVar(&o.Rounds, "rounds", 3, "failovers at each shape")
	fs.DurationVar(&o.Within, "within", 0, "leave out rounds, but one at each shape, where the whole run would take longer than this")
	f.common.add(fs, "the whole thing, small, in less than 15 s")
}

// shrink sets what --short stands for, where nothing else was asked for.
func (f *failoverFlags) shrink(fs *pflag.FlagSet) {
	f.unless(fs, "shape", func() { f.shapes = []string{"20x10"} })
	f.unless(fs, "rounds", func() { f.options.Rounds = 1 })
}

// read turns the flags into Options.
func (f *failoverFlags) read() (failover.Options, error) {
	o := f.options
	o.Seed, o.Dir = f.seed, f.dir
	for _, text := range f.shapes {
		s, err := failover.ParseShape(text)
		if err != nil {
			return o, fmt.Errorf("--shape %w", err)
		}
		o.Shapes = append(o.Shapes, s)
	}
	return o, o.Validate()
}

func (f *failoverFlags) run(cmd *cobra.Command) error {
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
	r, err := failover.Run(cmd.Context(), o, terminal())
	if r == nil {
		return err
	}
	return errors.Join(err, f.print(cmd, &r.Head, r, r.Table))
}
