package rpo

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"

	"umbra/bench/ceiling"
	"umbra/bench/delay"
	"umbra/bench/measure"
	"umbra/bench/progress"
	"umbra/bench/report"
	"umbra/bench/shadow"
)

// Before each round a sleeping thread is woken so often, after a sleep of so long.
const (
	wakeTimes = 100
	wakeGap   = 5 * time.Millisecond
)

// run is one run of the bench.
type run struct {
	Options
	progress.Line
	rule   measure.Rule
	dir    string // of this run, removed at its end
	order  *rand.Rand
	shadow *shadow.Shadow
	out    *Report
	say    report.Remarks
}

// ErrWrong says that the shadow holds what was never sent, or claims what is not so.
var ErrWrong = errors.New("the shadow or its receipt is wrong")

// Run measures everything o asks for. The processes it starts are gone when it
// returns, and so is the data. On an error the report holds what was finished
// before; it is nil when nothing was begun.
func Run(ctx context.Context, o Options, p progress.Line) (*Report, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(o.Dir, "umbra-bench-")
	if err != nil {
		return nil, err
	}
	began := time.Now()
	r := &run{Options: o, Line: p, rule: measure.DefaultRule(), dir: dir, order: rand.New(rand.NewPCG(o.Seed, 0))}
	r.out = &Report{Document: report.Document{Head: report.Head{Schema: Schema, Started: began.UTC(), Env: measure.Environment(dir), Seed: o.Seed, Rule: r.rule}}}
	err = r.all(ctx)
	p.Clear()
	r.out.Seconds = time.Since(began).Seconds()
	r.conclude()
	if o.HDR != "" {
		err = errors.Join(err, r.writeHDR())
	}
	return r.out, errors.Join(err, os.RemoveAll(dir))
}

func (r *run) all(ctx context.Context) (err error) {
	r.Say("starting umbra")
	if r.shadow, err = shadow.Start(ctx, r.Umbra, filepath.Join(r.dir, "umbra"), r.Engine); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.shadow.Close()) }()
	r.out.Umbra = fmt.Sprintf("%s, engine %s (%s)", r.shadow.About, r.shadow.Chosen, r.shadow.Reason)
	r.out.Engine = r.shadow.Chosen
	for _, name := range r.Sources {
		if err := r.source(ctx, name); err != nil {
			return fmt.Errorf("source %s: %w", name, err)
		}
	}
	return r.judge()
}

// source measures one source: the rates in turns, the idle topic, the kills.
func (r *run) source(ctx context.Context, name string) (err error) {
	src, err := r.open(ctx, name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	if r.For > 0 {
		if err := r.rates(ctx, src, name); err != nil {
			return err
		}
	}
	if r.Idle > 0 {
		c := r.begin(name, r.idle())
		if err := r.into(ctx, src, c, r.idle()); err != nil {
			return fmt.Errorf("idle topic: %w", err)
		}
	}
	k, ok := started(src)
	if !ok {
		if r.Kills > 0 {
			r.say.Say("%s: it is not killed, it was not started here", name)
		}
		return nil
	}
	return r.kills(ctx, k)
}

// rates measures every rate, in an order drawn by lot in each round.
func (r *run) rates(ctx context.Context, src source, name string) error {
	paces := r.paces()
	cases := make([]*Case, len(paces))
	for i, p := range paces {
		cases[i] = r.begin(name, p)
	}
	if r.Warm > 0 {
		r.Say("%s: warming up", name)
		p := paces[slices.Index(r.Rates, slices.Max(r.Rates))]
		p.length = r.Warm
		if _, err := r.round(ctx, src, p); err != nil {
			return fmt.Errorf("warm-up: %w", err)
		}
	}
	for round := range r.Rounds {
		for _, i := range r.order.Perm(len(paces)) {
			r.Say("%s: round %d of %d, %s/s", name, round+1, r.Rounds, paces[i].name)
			if err := r.into(ctx, src, cases[i], paces[i]); err != nil {
				return fmt.Errorf("round %d, %s/s: %w", round+1, paces[i].name, err)
			}
		}
	}
	return nil
}

func (r *run) begin(name string, p pace) *Case {
	c := &Case{Source: name, Pace: p.name, Rate: p.rate}
	r.out.Cases = append(r.out.Cases, c)
	return c
}

// into adds a round to its case, and what waking up costs at that time.
func (r *run) into(ctx context.Context, src source, c *Case, p pace) error {
	wakes, err := ceiling.Wakes(ctx, wakeTimes, wakeGap)
	if err != nil {
		return err
	}
	round, err := r.round(ctx, src, p)
	if err != nil {
		return err
	}
	round.Wake = delay.Summarize(wakes)
	c.Rounds = append(c.Rounds, *round)
	return nil
}

// judge is the one verdict that is no matter of speed.
func (r *run) judge() error {
	var errs []error
	for _, k := range r.out.Kills {
		for _, w := range append(k.Wrong, k.Claim.Faults...) {
			errs = append(errs, fmt.Errorf("kill %d: %s: %w", k.Round, w, ErrWrong))
		}
	}
	return errors.Join(errs...)
}
