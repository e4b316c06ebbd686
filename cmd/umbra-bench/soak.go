package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"umbra/bench/measure"
	"umbra/bench/report"
	"umbra/loadtest/soak"
)

// exitNotRun is the status of a soak that could not be run: it proves nothing.
const exitNotRun = 2

// soakSchema names the form of the document.
const soakSchema = "umbra-bench/soak/1"

// soakReport is a verdict as a report.
type soakReport struct {
	report.Document
	Soak *soak.Result `json:"soak"`
}

type soakFlags struct {
	common
	options soak.Options
	rate    rate
	events  []string
}

func newSoak() *cobra.Command {
	f := &soakFlags{rate: 5e6}
	cmd := &cobra.Command{
		Use: "soak", Short: "load, kill, partition, verify: for a given time, with a verdict", Args: cobra.NoArgs,
		Long: `Run umbra as a shadow of a real Kafka under load, and do to both, and to the network
between them, what happens in years: kill -9, pauses, resets, black holes, half-open
and slow connections, brokers that die, leaders that move, retention, topics and
partitions that come and go. What is done is drawn from the seed: the same seed does
the same.

All the time, what the shadow holds must be an exact prefix of the source, its lag
must be true, its states, log, memory, goroutines and descriptors as they should be.
Between rounds everything is compared byte for byte. In the end the source dies, the
link is failed over, and every record that was acknowledged is looked for.

Exit status: 0 nothing was found that cannot be, 1 something was, 2 it could not be run.`,
		Example: `  umbra-bench soak
  umbra-bench soak --for 2h --seed 7 --brokers 3 --json soak.json
  umbra-bench soak --seed 7 --only kill-umbra,reset   # only these events of the same plan
  umbra-bench soak --short                            # what CI runs`,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	f.flagSet(cmd.Flags())
	return cmd
}

func (f *soakFlags) flagSet(fs *pflag.FlagSet) {
	o := &f.options
	fs.DurationVar(&o.For, "for", 10*time.Minute, "how long the nemesis acts; beginning, comparisons and end come on top")
	fs.DurationVar(&o.Every, "every", 2*time.Minute, "length of a round; after each, everything is compared")
	fs.IntVar(&o.Brokers, "brokers", 1, "brokers of the source: 1 or 3")
	fs.Var(&f.rate, "rate", "what the producers write, all together")
	fs.StringSliceVar(&f.events, "only", nil, "leave out all events but these: "+kindsText())
	fs.BoolVar(&o.Keep, "keep", false, "keep the data and logs even when all is well")
	fs.StringVar(&o.Journal, "journal", "", "file for the ledger of events and checks, JSON lines (default: beside --json, else in the system's folder for temporary files)")
	f.common.add(fs, "one small round, in about 60 s")
}

func kindsText() string {
	var all []string
	for _, k := range soak.Kinds() {
		all = append(all, string(k))
	}
	return strings.Join(all, ", ")
}

func (f *soakFlags) run(cmd *cobra.Command) error {
	r, err := f.soak(cmd)
	if r != nil {
		doc := &soakReport{Document: soakDocument(r, f.seed, cmp.Or(f.dir, os.TempDir())), Soak: r}
		err = errors.Join(err, f.print(cmd, &doc.Head, doc, r.Page))
	}
	switch {
	case err != nil:
		return exitWith{exitNotRun, err}
	case !r.Pass():
		return fmt.Errorf("soak: %d violations", len(r.Violations))
	}
	return nil
}

func (f *soakFlags) soak(cmd *cobra.Command) (*soak.Result, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	o := &f.options
	f.unless(cmd.Flags(), "for", func() { o.For = 20 * time.Second })
	f.unless(cmd.Flags(), "every", func() { o.Every = o.For })
	f.unless(cmd.Flags(), "rate", func() { f.rate = 2e6 })
	o.Seed, o.Short, o.Dir, o.Rate, o.Only = f.seed, f.short, f.dir, float64(f.rate), f.events
	if o.Journal == "" && f.json != "" {
		o.Journal = strings.TrimSuffix(f.json, ".json") + ".jsonl"
	}
	line := terminal()
	o.Say = line.Say
	defer line.Clear()
	if err := o.Validate(); err != nil {
		return nil, err
	}
	binary, remove, err := f.binary(cmd.Context())
	if err != nil {
		return nil, err
	}
	defer remove()
	o.Binary = binary
	return soak.Run(cmd.Context(), *o)
}

// soakDocument is what can be drawn and compared of a verdict; the data was in dir.
func soakDocument(r *soak.Result, seed uint64, dir string) report.Document {
	d := report.Document{Head: report.Head{Schema: soakSchema, Started: r.Started, Seconds: r.Seconds, Env: measure.Environment(dir),
		Umbra: r.Umbra, Seed: seed, Rule: measure.DefaultRule()}}
	one := func(name, unit, better string, value float64) {
		d.Figures = append(d.Figures, report.Figure{Name: "soak/" + name, Unit: unit, Better: better, Value: value, Low: value, High: value, Samples: 1})
	}
	one("violations", "violations", report.Less, float64(len(r.Violations)))
	for _, k := range soak.Kinds() {
		one("events/"+string(k), "events", "", float64(r.Events[k]))
		if times := r.RecoveriesOf(k); len(times) > 0 {
			d.Figures = append(d.Figures, spread("soak/recovery/"+string(k), "s", times))
		}
	}
	var checks int64
	for _, c := range r.Checks {
		checks += c.Done
	}
	one("checks", "checks", "", float64(checks))
	one("compared", "bytes", report.More, float64(r.BytesCompared))
	one("acknowledged", "records", "", float64(r.Acked))
	one("lost/acknowledged", "records", report.Less, float64(r.Failover.Records.Lost))
	one("lost/told", "records", "", float64(r.Failover.ToldLost))
	one("failover", "s", report.Less, r.Failover.Seconds)
	if times := r.RecoveriesOf(""); len(times) > 0 {
		d.Figures = append(d.Figures, spread("soak/recovery/all", "s", times))
	}
	d.Charts = soakCharts(r)
	d.Remarks = []string{
		fmt.Sprintf("%s: %s", r.Verdict, r.Command),
		"umbra's disk is never full and the clocks are never moved: neither can be done to a process alone",
		"a recovery is the time from the end of an event until everything the source had at that moment was on the shadow; one in which another event begins is left out",
	}
	return d
}

// spread is a figure of samples, the less the better.
func spread(name, unit string, samples []float64) report.Figure {
	f := report.Figure{Name: name, Unit: unit, Better: report.Less, Samples: len(samples)}
	f.Value, f.Low, f.High = report.Median(samples)
	return f
}

// pointsMax is how many points of a line are drawn.
const pointsMax = 600

func soakCharts(r *soak.Result) []report.Chart {
	step := 1 + len(r.Samples)/pointsMax
	true_, told := report.Series{Name: "by the source's own account"}, report.Series{Name: "by umbra's account"}
	resident, budget := report.Series{Name: "resident"}, report.Series{Name: "budget"}
	for part := range slices.Chunk(r.Samples, step) {
		s := part[0]
		for _, p := range part { // the worst of each stretch
			s.TrueLag, s.ToldLag, s.Resident = max(s.TrueLag, p.TrueLag), max(s.ToldLag, p.ToldLag), max(s.Resident, p.Resident)
		}
		for series, y := range map[*report.Series]float64{&true_: float64(s.TrueLag), &told: float64(s.ToldLag),
			&resident: float64(s.Resident) / (1 << 20), &budget: float64(s.Budget) / (1 << 20)} {
			series.X, series.Y = append(series.X, s.Seconds), append(series.Y, y)
		}
	}
	lag := report.Chart{ID: "soak-lag", Title: "Lag, with what the nemesis did", Kind: report.Lines, X: "time, s", Y: "lag, records", Series: []report.Series{true_, told}}
	return []report.Chart{
		withEvents(lag, r),
		{ID: "soak-memory", Title: "Memory of umbra", Kind: report.Lines, X: "time, s", Y: "memory, MiB", Series: []report.Series{resident, budget}},
	}
}

// withEvents adds a line for each class of events: a step while one is under way, below
// the figures.
func withEvents(c report.Chart, r *soak.Result) report.Chart {
	highest := 1.0
	for _, s := range c.Series {
		if len(s.Y) > 0 {
			highest = max(highest, slices.Max(s.Y))
		}
	}
	at := map[soak.Kind]int{}
	for _, k := range soak.Kinds() {
		if r.Events[k] > 0 {
			at[k] = len(at) + 1
		}
	}
	for _, k := range soak.Kinds() {
		if at[k] == 0 {
			continue
		}
		base := -highest * 0.03 * float64(at[k])
		s := report.Series{Name: string(k)}
		for _, m := range r.Marks {
			if m.Kind == k {
				s.X = append(s.X, m.Seconds, m.Seconds, m.Seconds+m.Lasted, m.Seconds+m.Lasted)
				s.Y = append(s.Y, base, base+highest*0.02, base+highest*0.02, base)
			}
		}
		c.Series = append(c.Series, s)
	}
	return c
}

// rate is a flag in bytes per second: "5MB/s", "1MiB".
type rate size

func (r *rate) String() string { return (*size)(r).String() + "/s" }
func (r *rate) Type() string   { return "RATE" }

func (r *rate) Set(text string) error { return (*size)(r).Set(strings.TrimSuffix(text, "/s")) }
