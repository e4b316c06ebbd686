package link

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"umbra/bench/measure"
	"umbra/bench/process"
	"umbra/bench/report"
)

// warmTopic is the topic an umbra copies before it is measured.
const warmTopic = "umbra-bench-warm"

// run is one run of the bench.
type run struct {
	Options
	Progress
	rule     measure.Rule
	dir      string // of this run, removed at its end
	starts   int    // of umbra so far
	order    *rand.Rand
	warm     *process.Source
	warmEnds map[int32]int64
	reasons  map[string]string // why an engine was chosen
}

// Run measures everything o asks for. The binaries and processes it starts are
// gone when it returns, and so is the data. On an error the report holds what was
// finished before.
func Run(ctx context.Context, o Options, p Progress) (*report.Report, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(o.Dir, "umbra-bench-")
	if err != nil {
		return nil, err
	}
	r := &run{Options: o, Progress: p, rule: measure.DefaultRule(), dir: dir, order: rand.New(rand.NewPCG(o.Seed, 0)), reasons: map[string]string{}}
	begin := time.Now()
	out := &report.Report{Schema: report.Schema, Started: begin.UTC(), Env: measure.Environment(dir), Seed: o.Seed, Rule: r.rule}
	err = r.all(ctx, out)
	p.Clear()
	out.Seconds = time.Since(begin).Seconds()
	return out, errors.Join(err, os.RemoveAll(dir))
}

func (r *run) all(ctx context.Context, out *report.Report) (err error) {
	r.warm, err = process.StartSource(r.sourceConfig(warmTopic, warmBytes))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.warm.Close()) }()
	if r.warmEnds, err = endsOf(ctx, r.warm.About.Addr, warmTopic); err != nil {
		return err
	}
	engines, skipped, err := r.engines(ctx, out)
	if err != nil {
		return err
	}
	for _, name := range r.Sources {
		for engine, why := range skipped {
			out.Cases = append(out.Cases, &report.Case{Source: name, Engine: engine, Skipped: why})
		}
		if len(engines) == 0 {
			continue
		}
		if err := r.source(ctx, name, engines, out); err != nil {
			return fmt.Errorf("source %s: %w", name, err)
		}
	}
	return nil
}

// engines finds out which of the engines asked for this machine has, and why umbra
// chooses the one it does.
func (r *run) engines(ctx context.Context, out *report.Report) (have []string, skipped map[string]string, err error) {
	r.say("asking umbra which engines it has")
	s, err := r.start(ctx, EngineAuto)
	if err != nil {
		return nil, nil, err
	}
	st, err := s.admin.Status(ctx)
	if err = errors.Join(err, s.Close()); err != nil {
		return nil, nil, err
	}
	out.Umbra = strings.TrimSpace(fmt.Sprintf("umbra %s %s, %d shards, pinned %v, engine of its own choice %s (%s)",
		st.Broker.Version, st.Broker.Commit, st.Broker.Shards, st.Broker.Pinned, s.engine, s.reason))
	skipped = map[string]string{}
	for _, e := range r.Engines {
		if e == EngineRing && s.engine != EngineRing {
			skipped[e] = "umbra does not take it here: " + s.reason
			continue
		}
		have = append(have, e)
	}
	return have, skipped, nil
}

// source measures one source with every engine.
func (r *run) source(ctx context.Context, name string, engines []string, out *report.Report) (err error) {
	src, err := r.open(ctx, name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	cases := map[string]*report.Case{}
	for _, e := range engines {
		cases[e] = &report.Case{Source: name, Engine: e}
		out.Cases = append(out.Cases, cases[e])
	}
	for round := range r.Rounds {
		for _, i := range r.order.Perm(len(engines)) {
			e := engines[i]
			r.say("%s: round %d of %d, engine %s", name, round+1, r.Rounds, e)
			pair, err := r.pair(ctx, src, e)
			if err != nil {
				return fmt.Errorf("engine %s, round %d: %w", e, round+1, err)
			}
			cases[e].Rounds = append(cases[e].Rounds, pair)
		}
	}
	for _, e := range engines {
		cases[e].Settle()
		if r.DelayFor > 0 {
			r.say("%s: delay at %.0f MB/s, engine %s", name, r.DelayRate/1e6, e)
			if cases[e].Delay, err = r.delay(ctx, src, e); err != nil {
				return fmt.Errorf("engine %s, delay: %w", e, err)
			}
		}
		cases[e].EngineReason = r.reasons[e]
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

// start runs an umbra on a folder of its own.
func (r *run) start(ctx context.Context, engine string) (*shadow, error) {
	r.starts++
	s, err := startShadow(ctx, r.Umbra, filepath.Join(r.dir, "umbra-"+strconv.Itoa(r.starts)), engine)
	if err != nil {
		return nil, fmt.Errorf("start umbra with engine %s: %w", engine, err)
	}
	r.reasons[engine] = s.reason
	return s, nil
}

// first is one address of a bootstrap list.
func first(bootstrap string) string {
	addr, _, _ := strings.Cut(bootstrap, ",")
	return addr
}
