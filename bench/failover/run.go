package failover

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"umbra/bench/measure"
	"umbra/bench/progress"
	"umbra/bench/report"
)

// umbraProcess is its name in a window.
const umbraProcess = "umbra"

// run is one run of the bench.
type run struct {
	Options
	progress.Line
	rule  measure.Rule
	dir   string // of this run, removed at its end
	began time.Time
	order *rand.Rand
	out   *Report
}

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
	r := &run{Options: o, Line: p, rule: measure.DefaultRule(), dir: dir, began: time.Now(), order: rand.New(rand.NewPCG(o.Seed, 0))}
	r.out = &Report{Document: report.Document{Head: report.Head{Schema: Schema, Started: r.began.UTC(), Env: measure.Environment(dir), Seed: o.Seed, Rule: r.rule}}}
	err = r.all(ctx)
	p.Clear()
	r.out.Seconds = time.Since(r.began).Seconds()
	r.out.settle()
	return r.out, errors.Join(err, os.RemoveAll(dir))
}

// all measures every shape, in an order drawn by lot in each round.
func (r *run) all(ctx context.Context) error {
	for _, s := range r.Shapes {
		r.out.Cases = append(r.out.Cases, &Case{Shape: s.String(), Topics: s.Topics, Partitions: s.Partitions})
	}
	longest := make([]time.Duration, len(r.Shapes)) // of a round of each shape
	for round := range r.Rounds {
		for _, i := range r.order.Perm(len(r.Shapes)) {
			if round > 0 && r.Within > 0 && time.Since(r.began)+longest[i] > r.Within {
				continue
			}
			begin := time.Now()
			if err := r.into(ctx, r.out.Cases[i], round); err != nil {
				return fmt.Errorf("round %d, %v: %w", round+1, r.Shapes[i], err)
			}
			longest[i] = max(longest[i], time.Since(begin))
		}
	}
	return nil
}

// into adds a round to its case.
func (r *run) into(ctx context.Context, c *Case, round int) error {
	r.Line.Say("round %d of %d, %s", round+1, r.Rounds, c.Shape)
	got, err := r.round(ctx, c.shape())
	if err == nil {
		c.Rounds = append(c.Rounds, got)
	}
	return err
}
