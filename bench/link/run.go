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
	"umbra/bench/report"
)

// run is one run of the bench.
type run struct {
	Options
	Progress
	rule    measure.Rule
	dir     string // of this run, removed at its end
	order   *rand.Rand
	shadows map[string]*shadow // by engine, those this machine has
}

// Run measures everything o asks for. The processes it starts are gone when it
// returns, and so is the data. On an error the report holds what was finished
// before; it is nil when nothing was begun.
func Run(ctx context.Context, o Options, p Progress) (*report.Report, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(o.Dir, "umbra-bench-")
	if err != nil {
		return nil, err
	}
	r := &run{Options: o, Progress: p, rule: measure.DefaultRule(), dir: dir, order: rand.New(rand.NewPCG(o.Seed, 0)), shadows: map[string]*shadow{}}
	begin := time.Now()
	out := &report.Report{Schema: report.Schema, Started: begin.UTC(), Env: measure.Environment(dir), Seed: o.Seed, Rule: r.rule}
	err = errors.Join(r.all(ctx, out), r.close())
	p.Clear()
	out.Seconds = time.Since(begin).Seconds()
	return out, errors.Join(err, os.RemoveAll(dir))
}

func (r *run) close() error {
	var errs []error
	for _, s := range r.shadows {
		errs = append(errs, s.Close())
	}
	return errors.Join(errs...)
}

func (r *run) all(ctx context.Context, out *report.Report) error {
	skipped, err := r.startAll(ctx, out)
	if err != nil {
		return err
	}
	for i, name := range r.Sources {
		for _, e := range r.Engines {
			if why := skipped[e]; why != "" {
				out.Cases = append(out.Cases, &report.Case{Source: name, Engine: e, Skipped: why})
			}
		}
		if err := r.source(ctx, name, i == len(r.Sources)-1, out); err != nil {
			return fmt.Errorf("source %s: %w", name, err)
		}
	}
	return nil
}

// startAll runs an umbra for each engine asked for that this machine has, and says
// why the others were left out.
func (r *run) startAll(ctx context.Context, out *report.Report) (skipped map[string]string, err error) {
	r.say("starting umbra")
	probe, err := startShadow(ctx, r.Umbra, filepath.Join(r.dir, "umbra-probe"), EngineAuto)
	if err != nil {
		return nil, err
	}
	if err := probe.Close(); err != nil {
		return nil, err
	}
	out.Umbra = fmt.Sprintf("%s, left alone it takes %s (%s)", probe.about, probe.chosen, probe.reason)
	skipped = map[string]string{}
	for _, e := range r.Engines {
		if e == EngineRing && probe.chosen != EngineRing {
			skipped[e] = "umbra does not take it here: " + probe.reason
			continue
		}
		if r.shadows[e], err = startShadow(ctx, r.Umbra, filepath.Join(r.dir, "umbra-"+e), e); err != nil {
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
			c, err := s.Copy(ctx, src.Bootstrap(), topicLoad)
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

// source measures one source with every engine.
func (r *run) source(ctx context.Context, name string, last bool, out *report.Report) (err error) {
	if len(r.shadows) == 0 {
		return nil
	}
	src, err := r.open(ctx, name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	r.say("%s: warming umbra up", name)
	if err := r.warmUp(ctx, src); err != nil {
		return err
	}
	var cases []*report.Case
	for _, e := range r.Engines {
		if s := r.shadows[e]; s != nil {
			cases = append(cases, &report.Case{Source: name, Engine: e, EngineReason: s.reason})
		}
	}
	out.Cases = append(out.Cases, cases...)
	if r.DelayFor > 0 {
		for _, c := range cases {
			r.say("%s: delay at %.0f MB/s, engine %s", name, r.DelayRate/1e6, c.Engine)
			if c.Delay, err = r.delay(ctx, src, r.shadows[c.Engine]); err != nil {
				return fmt.Errorf("engine %s, delay: %w", c.Engine, err)
			}
		}
	}
	return r.rounds(ctx, src, cases, last)
}

// rounds takes the pairs. After the last ones of the run umbra is stopped and what
// lies on disk compared with the source.
func (r *run) rounds(ctx context.Context, src source, cases []*report.Case, last bool) error {
	for round := 1; round <= r.Rounds; round++ {
		for _, i := range r.order.Perm(len(cases)) {
			c := cases[i]
			r.say("%s: round %d of %d, engine %s", c.Source, round, r.Rounds, c.Engine)
			s := r.shadows[c.Engine]
			pair, copied, err := r.pair(ctx, src, s)
			if err == nil && round == r.Rounds {
				_, c.MemoryPeak, err = s.daemon.MemoryBytes()
			}
			switch {
			case err != nil:
			case round == r.Rounds && last:
				err = s.checkFiles(topicLoad, pair.Shadow.Bytes)
				delete(r.shadows, c.Engine)
				err = errors.Join(err, s.Close())
			default:
				err = copied.Forget(ctx)
			}
			if err != nil {
				return fmt.Errorf("engine %s, round %d: %w", c.Engine, round, err)
			}
			c.Rounds = append(c.Rounds, pair)
		}
	}
	for _, c := range cases {
		c.Settle()
	}
	return nil
}

func (r *run) open(ctx context.Context, name string) (source, error) {
	switch name {
	case SourceSynthetic:
		return startSynthetic(r.Options)
	case SourceKafka:
		return startCluster(ctx, r.Options, "", filepath.Join(r.dir, "kafka"), r.Progress)
	}
	return startCluster(ctx, r.Options, name, "", r.Progress)
}

// first is one address of a bootstrap list.
func first(bootstrap string) string {
	addr, _, _ := strings.Cut(bootstrap, ",")
	return addr
}
