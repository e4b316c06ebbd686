package peers

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
	"umbra/loadtest/kafka"
)

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
	s := &stage{Options: o, Line: p, dir: dir, rule: measure.DefaultRule(), workers: map[string]*kafka.Worker{}}
	out := &Report{Document: report.Document{Head: report.Head{Schema: Schema, Started: started.UTC(), Env: measure.Environment(dir), Seed: o.Seed, Rule: s.rule}}}
	err = errors.Join(s.all(ctx, out), s.close())
	p.Clear()
	out.Seconds = time.Since(started).Seconds()
	out.settle(o)
	return out, errors.Join(err, os.RemoveAll(dir))
}

func (s *stage) all(ctx context.Context, out *Report) error {
	if err := s.open(ctx); err != nil {
		return err
	}
	out.Kafka = kafka.Newest
	if s.shadow != nil {
		out.Umbra = fmt.Sprintf("%s, engine %s (%s)", s.shadow.About, s.shadow.Chosen, s.shadow.Reason)
	}
	order := rand.New(rand.NewPCG(s.Seed, 0))
	systems := s.systems()
	if s.Rounds > 0 {
		for _, record := range s.Records {
			if err := s.costs(ctx, systems, record, order, out); err != nil {
				return fmt.Errorf("records of %d bytes: %w", record, err)
			}
		}
	}
	for _, rate := range s.Rates {
		if err := s.delays(ctx, systems, rate, order, out); err != nil {
			return fmt.Errorf("delay at %.0f MB/s: %w", rate/1e6, err)
		}
	}
	return nil
}

// costs has every system copy the same topic: to warm up, and then round by round.
func (s *stage) costs(ctx context.Context, systems map[string]system, record int, order *rand.Rand, out *Report) error {
	t, err := s.fill(ctx, record)
	if err != nil {
		return err
	}
	c := &Case{Record: record, Bytes: t.bytes, Records: t.records}
	out.Cases = append(out.Cases, c)
	for _, name := range s.Options.ordered() {
		c.Systems = append(c.Systems, &Lane{System: name})
	}
	for round := 1 - s.WarmUps; round <= s.Rounds; round++ {
		for _, i := range order.Perm(len(c.Systems)) {
			lane := c.Systems[i]
			if round < 1 {
				s.Say("%d bytes: warming up %s", record, title(lane.System))
			} else {
				s.Say("%d bytes: round %d of %d, %s", record, round, s.Rounds, title(lane.System))
			}
			if err := measure.AwaitDisk(ctx); err != nil {
				return err
			}
			sample, err := systems[lane.System].transfer(ctx, t)
			if err != nil {
				return fmt.Errorf("%s, round %d: %w", lane.System, round, err)
			}
			if round < 1 {
				lane.Warm = append(lane.Warm, sample)
			} else {
				lane.Rounds = append(lane.Rounds, sample)
			}
		}
	}
	return s.source.drop(ctx, t.name)
}
