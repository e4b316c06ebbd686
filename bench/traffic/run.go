package traffic

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"time"

	"umbra/bench/measure"
	"umbra/bench/progress"
	"umbra/bench/report"
	"umbra/bench/traffic/load"
)

const (
	// settleFor is how long every measurement's own load runs before it counts.
	settleFor = 300 * time.Millisecond
	// chunk is what a reader asks for of one partition, as a consumer does unless told otherwise.
	chunk = 1 << 20
	// warmConns is how many connections warm a broker up.
	warmConns = 16
)

// run is one run of a bench.
type run struct {
	Options
	progress.Line
	stage
	rule  measure.Rule
	order *rand.Rand
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
	started := time.Now()
	r := &run{Options: o, Line: p, rule: measure.DefaultRule(), order: rand.New(rand.NewPCG(o.Seed, 0))}
	out := &Report{Bench: o.Bench, Document: report.Document{Head: report.Head{Schema: o.Bench.Schema(), Started: started.UTC(),
		Env: measure.Environment(dir), Seed: o.Seed, Rule: r.rule}}}
	err = errors.Join(r.all(ctx, dir, out), r.close())
	p.Clear()
	out.Umbra = strings.Join(r.about, "; ")
	out.Seconds = time.Since(started).Seconds()
	out.settle()
	out.openMessaging(o)
	out.remark(o)
	return out, errors.Join(err, os.RemoveAll(dir))
}

func (r *run) all(ctx context.Context, dir string, out *Report) error {
	r.Say("starting the brokers")
	if err := r.open(ctx, r.Options, dir, r.Line); err != nil {
		return err
	}
	if err := r.warmUp(ctx); err != nil {
		return fmt.Errorf("warm up: %w", err)
	}
	for _, c := range r.cells() {
		for _, s := range r.systems {
			out.Cells = append(out.Cells, &Cell{System: s.name, Conns: c.conns, Batch: c.batch})
		}
	}
	if r.Bench == Consume {
		return r.consume(ctx, out)
	}
	return r.produce(ctx, out)
}

// warmUp loads every system with all it is going to see, until its code is compiled
// and its buffers are there.
func (r *run) warmUp(ctx context.Context) error {
	if r.Warm <= 0 {
		return nil
	}
	for _, s := range r.systems {
		r.Say("%s: warming up", s.name)
		for _, b := range r.Batches {
			j := r.job(s, load.Flat, cell{warmConns, b})
			j.For = r.Warm / time.Duration(len(r.Batches))
			if err := r.once(ctx, s, j, r.warmRead); err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
		}
	}
	return nil
}

// warmRead reads what the warm-up wrote.
func (r *run) warmRead(ctx context.Context, s *system, j load.Job) error {
	if r.Bench != Consume {
		return nil
	}
	j.Kind = load.Read
	_, err := r.measure(ctx, s, j)
	return err
}

// once runs a job on a fresh topic of its own and does one thing more with it.
func (r *run) once(ctx context.Context, s *system, j load.Job, then func(context.Context, *system, load.Job) error) (err error) {
	if j.Topic, err = s.fresh(ctx, j.Partitions); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Drop(context.WithoutCancel(ctx), j.Topic)) }()
	if _, err := r.measure(ctx, s, j); err != nil {
		return err
	}
	return then(ctx, s, j)
}

// job is a load as the options have it; its topic is still to be named.
func (r *run) job(s *system, kind load.Kind, c cell) load.Job {
	return load.Job{Kind: kind, Addr: s.Bootstrap(), Partitions: r.Partitions, Conns: c.conns, Record: r.Record, Batch: c.batch,
		Rate: r.Rate, Inflight: r.Inflight, Chunk: chunk, Warm: settleFor, For: r.For}
}

// measure runs a job and says what it cost.
func (r *run) measure(ctx context.Context, s *system, j load.Job) (out Sample, err error) {
	l, err := load.Start(ctx, j)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	pids := r.pids()
	pids[clientProcess] = l.PID()
	w, err := measure.Begin(pids)
	if err != nil {
		return out, err
	}
	got, err := l.Run(ctx)
	if err != nil {
		return out, err
	}
	win, err := w.End(r.rule)
	why := unkept(j, got)
	if why != "" {
		win.Noise = append(win.Noise, why)
	}
	out = newSample(s.process(), got, win)
	out.Unkept = why
	if j.Kind == load.Flat { // a closed loop asks a slow broker less: not worth its size
		out.Histogram = load.Histogram{}
	}
	return out, err
}

// rateKept is the part of the rate below which an open loop's latency is another load's,
// and rateDrain how long the last batches may take, which is latency and no lack of rate.
const (
	rateKept  = 0.95
	rateDrain = 500 * time.Millisecond
)

// unkept says that an open loop did not have its rate; empty where it had, or is none.
func unkept(j load.Job, got load.Result) string {
	if j.Kind != load.Steady && j.Kind != load.Tail || got.Wall <= rateDrain {
		return ""
	}
	kept := float64(got.Batches) / (got.Wall - rateDrain).Seconds() / j.Rate
	if kept >= rateKept {
		return ""
	}
	return fmt.Sprintf("%.0f %% of the rate was kept, less than %.0f", 100*kept, 100*rateKept)
}

// each goes through all cells in an order drawn by lot, and in each through all
// systems, and adds what do measures.
func (r *run) each(ctx context.Context, out *Report, do func(context.Context, *system, cell) (Round, error)) error {
	cells := r.cells()
	for round := 1; round <= r.Rounds; round++ {
		for _, i := range r.order.Perm(len(cells)) {
			c := cells[i]
			for _, k := range r.order.Perm(len(r.systems)) {
				s := r.systems[k]
				r.Say("round %d of %d: %s, %s, batches of %d", round, r.Rounds, s.name, plural(c.conns, "connection"), c.batch)
				got, err := do(ctx, s, c)
				if err != nil {
					return fmt.Errorf("%s, %s, batches of %d, round %d: %w", s.name, plural(c.conns, "connection"), c.batch, round, err)
				}
				at := slices.IndexFunc(out.Cells, func(x *Cell) bool { return x.System == s.name && x.Conns == c.conns && x.Batch == c.batch })
				out.Cells[at].Rounds = append(out.Cells[at].Rounds, got)
			}
		}
	}
	return nil
}
