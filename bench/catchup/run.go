package catchup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"umbra/bench/cluster"
	"umbra/bench/measure"
	"umbra/bench/progress"
	"umbra/bench/report"
	"umbra/bench/shadow"
	"umbra/bench/traffic/load"
)

// The names of processes in a window.
const (
	umbraProcess  = "umbra"
	sourceProcess = "source"
	localProcess  = "local clients"
	writerProcess = "source's clients"
)

// run is one run of the bench.
type run struct {
	Options
	progress.Line
	rule   measure.Rule
	source *cluster.Cluster
	shadow *shadow.Shadow
	local  *cluster.Cluster // umbra, as what it is to the clients of its own topics
	batch  []byte
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
	r := &run{Options: o, Line: p, rule: measure.DefaultRule()}
	out := &Report{Document: report.Document{Head: report.Head{Schema: Schema, Started: started.UTC(), Env: measure.Environment(dir), Seed: o.Seed, Rule: r.rule}}}
	err = errors.Join(r.all(ctx, dir, out), r.close())
	p.Clear()
	out.Seconds = time.Since(started).Seconds()
	out.settle()
	out.remark(o)
	return out, errors.Join(err, os.RemoveAll(dir))
}

func (r *run) all(ctx context.Context, dir string, out *Report) (err error) {
	if r.batch, err = load.Canned(r.Record, r.Batch); err != nil {
		return err
	}
	if err := r.open(ctx, dir); err != nil {
		return err
	}
	out.Umbra = fmt.Sprintf("%s, engine %s (%s)", r.shadow.About, r.shadow.Chosen, r.shadow.Reason)
	for i := range r.Rounds {
		got, err := r.round(ctx, i)
		if got != nil {
			out.Rounds = append(out.Rounds, got)
		}
		if err != nil {
			return fmt.Errorf("round %d: %w", i+1, err)
		}
	}
	return nil
}

// open starts the brokers.
func (r *run) open(ctx context.Context, dir string) (err error) {
	if r.Source == "" {
		r.source, err = cluster.Start(ctx, filepath.Join(dir, "kafka"), r.Line)
	} else {
		r.source, err = cluster.Attach(r.Source)
	}
	if err != nil {
		return err
	}
	if r.shadow, err = shadow.Start(ctx, r.Umbra, filepath.Join(dir, "umbra"), "auto"); err != nil {
		return err
	}
	r.local, err = cluster.Attach(r.shadow.Daemon.Listen)
	return err
}

func (r *run) close() error {
	var errs []error
	for _, c := range []*cluster.Cluster{r.local, r.source} {
		if c != nil {
			errs = append(errs, c.Close())
		}
	}
	if r.shadow != nil {
		errs = append(errs, r.shadow.Close())
	}
	return errors.Join(errs...)
}

// watch begins a window over everything that takes part.
func (r *run) watch(writer, local *load.Load) (*measure.Watch, error) {
	pids := map[string]int{umbraProcess: r.shadow.Daemon.PID(), localProcess: local.PID(), writerProcess: writer.PID()}
	if pid := r.source.PID(); pid != 0 {
		pids[sourceProcess] = pid
	}
	return measure.Begin(pids)
}
