package link

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"umbra/bench/ceiling"
	"umbra/bench/measure"
	"umbra/bench/progress"
	"umbra/bench/report"
	"umbra/bench/shadow"
	"umbra/bench/volume"
)

// run is one run of the bench.
type run struct {
	Options
	progress.Line
	rule    measure.Rule
	started time.Time
	dir     string // of this run, removed at its end
	order   *rand.Rand
	journal *volume.Journaled         // for the cells that want one; nil: none does, or it cannot be made
	logged  *shadow.Shadow            // its data lies there; it has the first engine
	shadows map[string]*shadow.Shadow // by engine, those this machine has
	pulses  map[string]*pulse         // of each
	skipped map[string]string         // why the other engines are left out
	kept    []kept
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
	r := &run{Options: o, Line: p, started: time.Now(), rule: measure.DefaultRule(), dir: dir, order: rand.New(rand.NewPCG(o.Seed, 0)),
		shadows: map[string]*shadow.Shadow{}, pulses: map[string]*pulse{}, skipped: map[string]string{}}
	out := &Report{Document: report.Document{Head: report.Head{Schema: Schema, Started: r.started.UTC(), Env: measure.Environment(dir), Seed: o.Seed, Rule: r.rule}}}
	err = errors.Join(r.all(ctx, out), r.close())
	p.Clear()
	out.Seconds = time.Since(r.started).Seconds()
	out.conclude()
	return out, errors.Join(err, out.Check(), os.RemoveAll(dir))
}

func (r *run) close() error {
	var errs []error
	for _, s := range r.umbras() {
		errs = append(errs, s.Close())
	}
	if r.journal != nil {
		errs = append(errs, r.journal.Close())
	}
	return errors.Join(errs...)
}

func (r *run) all(ctx context.Context, out *Report) (err error) {
	if r.Ceiling {
		o := ceiling.DefaultOptions(r.dir)
		if r.Grid == GridShort {
			o.Rounds, o.DiskBytes = 1, o.DiskBytes/2
		}
		if out.Ceiling, err = ceiling.Measure(ctx, o, r.Line); err != nil {
			return err
		}
	}
	if err := r.startAll(ctx, out); err != nil {
		return err
	}
	for i, name := range r.Sources {
		for _, e := range r.Engines {
			if cells := r.Cells(name); r.skipped[e] != "" && len(cells) > 0 {
				out.Cases = append(out.Cases, &Case{Source: name, Engine: e, Skipped: r.skipped[e], Cell: cells[0]})
			}
		}
		if e := r.source(ctx, name, i, out); e != nil {
			err = errors.Join(err, fmt.Errorf("source %s: %w", name, e))
		}
	}
	return err
}

// startAll runs an umbra for each engine asked for that this machine has, and says
// why the others were left out.
func (r *run) startAll(ctx context.Context, out *Report) error {
	r.Say("starting umbra")
	probe, err := shadow.Start(ctx, r.Umbra, filepath.Join(r.dir, "umbra-probe"), EngineAuto)
	if err != nil {
		return err
	}
	if err := probe.Close(); err != nil {
		return err
	}
	out.Umbra = fmt.Sprintf("%s, left alone it takes %s (%s)", probe.About, probe.Chosen, probe.Reason)
	for _, e := range r.Engines {
		if e == EngineRing && probe.Chosen != EngineRing {
			r.skipped[e] = "umbra does not take it here: " + probe.Reason
			continue
		}
		s, err := shadow.Start(ctx, r.Umbra, filepath.Join(r.dir, "umbra-"+e), e)
		if err != nil {
			return err
		}
		r.shadows[e] = s
		if r.pulses[e], err = feel(ctx, s); err != nil {
			return err
		}
	}
	return r.startOnJournal(ctx)
}

// onJournal is what logged goes by beside the engines.
const onJournal = "on a journal"

// journalBytes is the size of that file system; the cells that it is for leave most of it
// empty.
const journalBytes = 32 << 30

// startOnJournal starts it where a cell wants it, and says why where that cannot be.
func (r *run) startOnJournal(ctx context.Context) (err error) {
	wanted := func(name string) bool {
		return slices.ContainsFunc(r.Cells(name), func(c Cell) bool { return c.Journal })
	}
	if r.Rounds == 0 || r.firstEngine() == "" || !slices.ContainsFunc(r.Sources, wanted) {
		return nil
	}
	if r.journal, err = volume.NewJournaled(r.dir, journalBytes); err != nil {
		r.skipped[onJournal] = fmt.Sprintf("an ext4 with a journal cannot be made here (%v)", err)
		return nil
	}
	r.logged, err = shadow.Start(ctx, r.Umbra, filepath.Join(r.journal.Dir, "umbra"), r.firstEngine())
	return err
}

// umbras are all that run.
func (r *run) umbras() map[string]*shadow.Shadow {
	all := maps.Clone(r.shadows)
	if r.logged != nil {
		all[onJournal] = r.logged
	}
	return all
}

// source measures one source, the i-th, with every cell and engine.
func (r *run) source(ctx context.Context, name string, i int, out *Report) (err error) {
	if len(r.shadows) == 0 {
		return nil
	}
	from, err := r.origin(ctx, name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	groups := r.groups(name, from.Together())
	var errs []error
	for n, cells := range groups {
		if n > 0 && r.late(i, 1) {
			r.leaveOut(out, name, cells)
			continue
		}
		until := r.until(i, float64(n+1)/float64(len(groups)))
		errs = append(errs, r.group(ctx, name, from, cells, until, i == len(r.Sources)-1, out))
	}
	if ctx.Err() == nil {
		errs = append(errs, r.conclude(ctx, name, from, i == len(r.Sources)-1, out))
	}
	return errors.Join(errs...)
}

// groups are the cells that are open at the same time.
func (r *run) groups(name string, together bool) [][]Cell {
	cells := r.Cells(name)
	if together {
		return [][]Cell{cells}
	}
	var out [][]Cell
	for _, c := range cells {
		out = append(out, []Cell{c})
	}
	return out
}

// leaveOut says which cells were not reached.
func (r *run) leaveOut(out *Report, name string, cells []Cell) {
	for _, c := range cells {
		out.Cases = append(out.Cases, &Case{Source: name, Engine: r.firstEngine(), Cell: c, Skipped: "the time that --within allows was over"})
	}
}

// until is when a part of the i-th source's rounds has to be over: its share of the
// whole time, less what its delays take. Zero is never.
func (r *run) until(i int, part float64) time.Time {
	if r.Within == 0 {
		return time.Time{}
	}
	share := r.Within / time.Duration(len(r.Sources))
	var delays time.Duration
	if r.delays() {
		delays = time.Duration(len(r.shadows)*(len(r.DelayRates)+1)) * (r.DelayFor + delayWarm + 2*time.Second)
	}
	return r.started.Add(share*time.Duration(i) + time.Duration(part*float64(share-delays)))
}

// late says that a part of the i-th source's time is over.
func (r *run) late(i int, part float64) bool {
	until := r.until(i, part)
	return !until.IsZero() && time.Now().After(until)
}

// firstEngine is the one that all cells are measured with.
func (r *run) firstEngine() string {
	for _, e := range r.Engines {
		if r.shadows[e] != nil {
			return e
		}
	}
	return ""
}

// conclude measures the delays of a source. After the last source umbra is stopped,
// and what lies on disk compared with what the source held.
func (r *run) conclude(ctx context.Context, name string, from origin, last bool, out *Report) error {
	for _, c := range out.Cases {
		if c.Source != name || c.Cell.Name != cellBase || r.shadows[c.Engine] == nil {
			continue
		}
		if err := r.delaysOf(ctx, from, c); err != nil {
			return fmt.Errorf("engine %s: %w", c.Engine, err)
		}
	}
	if !last {
		return nil
	}
	for _, e := range r.Engines {
		s := r.shadows[e]
		if s == nil {
			continue
		}
		v, err := r.pulses[e].vitals(ctx, s)
		if err != nil {
			return err
		}
		out.Vitals = append(out.Vitals, v)
	}
	for _, k := range r.kept {
		if err := k.CheckFiles(k.topic, k.bytes); err != nil {
			return err
		}
	}
	return nil
}

// first is one address of a bootstrap list.
func first(bootstrap string) string {
	addr, _, _ := strings.Cut(bootstrap, ",")
	return addr
}
