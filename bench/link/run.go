package link

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"umbra/bench/measure"
	"umbra/bench/progress"
	"umbra/bench/report"
	"umbra/bench/shadow"
)

// run is one run of the bench.
type run struct {
	Options
	progress.Line
	rule    measure.Rule
	started time.Time
	dir     string // of this run, removed at its end
	order   *rand.Rand
	shadows map[string]*shadow.Shadow // by engine, those this machine has
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
	r := &run{Options: o, Line: p, started: time.Now(), rule: measure.DefaultRule(), dir: dir, order: rand.New(rand.NewPCG(o.Seed, 0)), shadows: map[string]*shadow.Shadow{}}
	out := &Report{Document: report.Document{Head: report.Head{Schema: Schema, Started: r.started.UTC(), Env: measure.Environment(dir), Seed: o.Seed, Rule: r.rule}}}
	err = errors.Join(r.all(ctx, out), r.close())
	p.Clear()
	out.Seconds = time.Since(r.started).Seconds()
	return out, errors.Join(err, os.RemoveAll(dir))
}

func (r *run) close() error {
	var errs []error
	for _, s := range r.shadows {
		errs = append(errs, s.Close())
	}
	return errors.Join(errs...)
}

func (r *run) all(ctx context.Context, out *Report) error {
	skipped, err := r.startAll(ctx, out)
	if err != nil {
		return err
	}
	for i, name := range r.Sources {
		for _, e := range r.Engines {
			if why := skipped[e]; why != "" {
				out.Cases = append(out.Cases, &Case{Source: name, Engine: e, Skipped: why})
			}
		}
		if err := r.source(ctx, name, i, out); err != nil {
			return fmt.Errorf("source %s: %w", name, err)
		}
	}
	return nil
}

// startAll runs an umbra for each engine asked for that this machine has, and says
// why the others were left out.
func (r *run) startAll(ctx context.Context, out *Report) (skipped map[string]string, err error) {
	r.Say("starting umbra")
	probe, err := shadow.Start(ctx, r.Umbra, filepath.Join(r.dir, "umbra-probe"), EngineAuto)
	if err != nil {
		return nil, err
	}
	if err := probe.Close(); err != nil {
		return nil, err
	}
	out.Umbra = fmt.Sprintf("%s, left alone it takes %s (%s)", probe.About, probe.Chosen, probe.Reason)
	skipped = map[string]string{}
	for _, e := range r.Engines {
		if e == EngineRing && probe.Chosen != EngineRing {
			skipped[e] = "umbra does not take it here: " + probe.Reason
			continue
		}
		if r.shadows[e], err = shadow.Start(ctx, r.Umbra, filepath.Join(r.dir, "umbra-"+e), e); err != nil {
			delete(r.shadows, e)
			return nil, err
		}
	}
	return skipped, nil
}

// warmUp has every umbra copy the source's topic until it has copied enough: buffers
// of the sizes that this source calls for are mapped, code and connections are warm.
func (r *run) warmUp(ctx context.Context, src source) error {
	ends, err := endsOf(ctx, src.Bootstrap(), topicLoad)
	if err != nil {
		return err
	}
	for engine, s := range r.shadows {
		for done := int64(0); done < r.Warm; done += src.Bytes() {
			c, err := s.Begin(ctx, src.Bootstrap(), topicLoad)
			if err == nil {
				err = c.Await(ctx, ends)
			}
			if err == nil {
				err = c.Forget(ctx)
			}
			if err != nil {
				return fmt.Errorf("engine %s, warm-up: %w", engine, err)
			}
		}
	}
	return nil
}

// lane is one engine on the way through one source.
type lane struct {
	*Case
	*shadow.Shadow
	copied *shadow.Copy // of the latest round
}

// source measures one source, the i-th, with every engine. After the last source of the run
// umbra is stopped, and what lies on disk compared with what the source holds.
func (r *run) source(ctx context.Context, name string, i int, out *Report) (err error) {
	if len(r.shadows) == 0 {
		return nil
	}
	src, err := r.open(ctx, name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	r.Say("%s: warming umbra up", name)
	if err := r.warmUp(ctx, src); err != nil {
		return err
	}
	var lanes []*lane
	for _, e := range r.Engines {
		if s := r.shadows[e]; s != nil {
			l := &lane{Case: &Case{Source: name, Engine: e, EngineReason: s.Reason}, Shadow: s}
			lanes = append(lanes, l)
			out.Cases = append(out.Cases, l.Case)
		}
	}
	if err := r.rounds(ctx, src, lanes, r.until(i, len(lanes))); err != nil {
		return err
	}
	for _, l := range lanes {
		if err := r.finish(ctx, src, l, i == len(r.Sources)-1); err != nil {
			return fmt.Errorf("engine %s: %w", l.Case.Engine, err)
		}
	}
	return nil
}

// until is when the rounds of the i-th source have to be over: its share of the
// whole time, less what the delays of its lanes take. Zero is never.
func (r *run) until(i, lanes int) time.Time {
	if r.Within == 0 {
		return time.Time{}
	}
	share := r.Within * time.Duration(i+1) / time.Duration(len(r.Sources))
	if r.DelayFor > 0 {
		share -= time.Duration(lanes) * (r.DelayFor + delayWarm + 2*time.Second)
	}
	return r.started.Add(share)
}

// rounds takes the pairs: all, or at least one where until comes first.
func (r *run) rounds(ctx context.Context, src source, lanes []*lane, until time.Time) error {
	for round := 1; round <= r.Rounds; round++ {
		if round > 1 && !until.IsZero() && time.Now().After(until) {
			break
		}
		for _, i := range r.order.Perm(len(lanes)) {
			l := lanes[i]
			r.Say("%s: round %d of %d, engine %s", l.Source, round, r.Rounds, l.Case.Engine)
			if err := r.round(ctx, src, l); err != nil {
				return fmt.Errorf("engine %s, round %d: %w", l.Case.Engine, round, err)
			}
		}
	}
	for _, l := range lanes {
		l.Settle()
	}
	return nil
}

func (r *run) round(ctx context.Context, src source, l *lane) (err error) {
	if l.copied != nil {
		if err := l.copied.Forget(ctx); err != nil {
			return err
		}
	}
	var pair Round
	if pair, l.copied, err = r.pair(ctx, src, l.Shadow); err == nil {
		l.Rounds = append(l.Rounds, pair)
	}
	return err
}

// finish measures a lane's delay and leaves its umbra as the next source wants it.
func (r *run) finish(ctx context.Context, src source, l *lane, last bool) (err error) {
	if r.DelayFor > 0 {
		r.Say("%s: delay at %.0f MB/s, engine %s", l.Source, r.DelayRate/1e6, l.Case.Engine)
		if l.Delay, err = r.delay(ctx, src, l.Shadow); err != nil {
			return fmt.Errorf("delay: %w", err)
		}
	}
	if _, l.MemoryPeak, err = l.Daemon.MemoryBytes(); err != nil || l.copied == nil {
		return err
	}
	if last {
		return l.CheckFiles(topicLoad, src.Bytes())
	}
	return l.copied.Forget(ctx)
}

func (r *run) open(ctx context.Context, name string) (source, error) {
	switch name {
	case SourceSynthetic:
		return startSynthetic(r.Options)
	case SourceKafka:
		return startReal(ctx, r.Options, "", filepath.Join(r.dir, "kafka"), r.Line)
	}
	return startReal(ctx, r.Options, name, "", r.Line)
}

// first is one address of a bootstrap list.
func first(bootstrap string) string {
	addr, _, _ := strings.Cut(bootstrap, ",")
	return addr
}
