package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"umbra/bench/link"
	"umbra/bench/progress"
	"umbra/bench/report"
	"umbra/loadtest/umbra"
)

// linkFlags are what cobra does not parse into Options by itself.
type linkFlags struct {
	options link.Options
	bytes   size
	warm    size
	record  size
	batch   size
	chunk   size
	rate    size
	seconds float64
	short   bool
	output  string
	json    string
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
	fs.Uint64Var(&o.Seed, "seed", 1, "seed of the order of engines within a round")
	fs.StringVar(&o.Umbra, "umbra", "", "umbra binary (default: umbra beside this program, else it is built from ./cmd/umbra)")
	fs.StringVar(&o.Dir, "dir", "", "folder for data, on the disk to be measured (default: the system's folder for temporary files)")
	fs.BoolVar(&f.short, "short", false, "the whole thing, small, in less than 90 s; other flags still count")
	fs.StringVarP(&f.output, "output", "o", "table", "form of standard output: table or json")
	fs.StringVar(&f.json, "json", "", "also write the report as JSON to this file")
	return fs
}

// shrink sets what --short stands for, where nothing else was asked for.
func (f *linkFlags) shrink(fs *pflag.FlagSet) {
	if !f.short {
		return
	}
	unless := func(name string, set func()) {
		if !fs.Changed(name) {
			set()
		}
	}
	unless("bytes", func() { f.bytes = 2 << 30 })
	unless("within", func() { f.options.Within = 80 * time.Second })
	unless("warm", func() { f.warm = 1 << 30 })
	unless("rounds", func() { f.options.Rounds = 3 })
	unless("seconds", func() { f.seconds = 4 })
}

func (f *linkFlags) run(cmd *cobra.Command) error {
	if f.output != "table" && f.output != "json" {
		return fmt.Errorf("-o %q: want table or json", f.output)
	}
	f.shrink(cmd.Flags())
	o := f.options
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
	remove, err := f.binary(cmd.Context(), &o)
	if err != nil {
		return err
	}
	defer remove()
	var p progress.Line
	if term.IsTerminal(int(os.Stderr.Fd())) {
		p.To = os.Stderr
	}
	r, err := link.Run(cmd.Context(), o, p)
	if r == nil {
		return err
	}
	r.Flags = flags(cmd.Flags())
	return errors.Join(err, f.print(cmd.OutOrStdout(), r))
}

// binary finds or builds umbra; the caller removes what was built.
func (f *linkFlags) binary(ctx context.Context, o *link.Options) (remove func(), err error) {
	keep := func() {}
	if o.Umbra != "" {
		_, err := os.Stat(o.Umbra)
		return keep, err
	}
	if exe, err := os.Executable(); err == nil {
		o.Umbra = filepath.Join(filepath.Dir(exe), "umbra")
		if _, err := os.Stat(o.Umbra); err == nil {
			return keep, nil
		}
	}
	dir, err := os.MkdirTemp("", "umbra-bench-bin-")
	if err != nil {
		return keep, err
	}
	o.Umbra, err = umbra.Build(ctx, dir)
	remove = func() { os.RemoveAll(dir) }
	if err != nil {
		remove()
		return keep, fmt.Errorf("%w\nname a binary with --umbra", err)
	}
	return remove, nil
}

// print writes the report, or what there is of it after an error.
func (f *linkFlags) print(w io.Writer, r *report.Report) error {
	doc, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	doc = append(doc, '\n')
	if f.json != "" {
		if err := os.WriteFile(f.json, doc, 0o644); err != nil {
			return err
		}
	}
	if f.output == "json" {
		_, err = w.Write(doc)
		return err
	}
	return r.Table(w)
}

// flags is every flag's value, for the report.
func flags(fs *pflag.FlagSet) map[string]string {
	out := map[string]string{}
	fs.VisitAll(func(f *pflag.Flag) {
		if f.Name != "help" {
			out[f.Name] = f.Value.String()
		}
	})
	return out
}

// size is a flag in bytes: "4GiB", "20MB", "1024".
type size int64

func (s *size) String() string { return humanize.IBytes(uint64(*s)) }
func (s *size) Type() string   { return "SIZE" }

func (s *size) Set(text string) error {
	n, err := humanize.ParseBytes(text)
	if err == nil && n > 1<<50 {
		err = errors.New("that is more than a PiB")
	}
	*s = size(n)
	return err
}
