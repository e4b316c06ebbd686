package link

import (
	"context"
	"errors"
	"time"

	"umbra/bench/delay"
	"umbra/bench/process"
)

// synthetics is the origin that costs as little as one can: each topic is a source
// in a process of its own.
type synthetics struct{}

func (synthetics) Together() bool { return true }
func (synthetics) Close() error   { return nil }

func (synthetics) Open(_ context.Context, c Cell) (source, error) {
	return startSynthetic(c, topicPrefix+c.Name)
}

func (synthetics) Load(_ context.Context, base Cell, rate float64) (load, error) {
	base.Bytes = 0
	s, err := startSynthetic(base, topicPrefix+"delay")
	if err != nil {
		return nil, err
	}
	return &growing{s, rate}, nil
}

// canned is one source, and the way to it if that is long.
type canned struct {
	*process.Source
	way   *process.Way
	topic string
}

func startSynthetic(c Cell, topic string) (*canned, error) {
	s := &canned{topic: topic}
	cfg := process.SourceConfig{Topic: topic, Partitions: c.Partitions, Record: c.Record, Batch: c.Batch, Codec: c.Codec, Chunk: c.Chunk, Bytes: c.Bytes}
	var err error
	if c.Line > 0 {
		if s.way, err = process.StartWay(process.WayConfig{RTT: c.RTT, Rate: c.Line}); err != nil {
			return nil, err
		}
		cfg.Advertise = s.way.Addr
	}
	if s.Source, err = process.StartSource(cfg); err == nil && s.way != nil {
		err = s.way.Forward(s.About.Addr)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close(context.Background()))
	}
	return s, nil
}

func (s *canned) Bootstrap() string {
	if s.way != nil {
		return s.way.Addr
	}
	return s.About.Addr
}

func (s *canned) Topic() string  { return s.topic }
func (s *canned) Bytes() int64   { return s.About.Bytes }
func (s *canned) Plain() float64 { return float64(s.About.PlainBytes) / float64(s.About.BatchBytes) }

func (s *canned) Watch() map[string]int {
	w := map[string]int{watchSource: s.PID()}
	if s.way != nil {
		w[watchWay] = s.way.PID()
	}
	return w
}

func (s *canned) Close(context.Context) error {
	var errs []error
	if s.way != nil {
		errs = append(errs, s.way.Close())
	}
	if s.Source != nil {
		errs = append(errs, s.Source.Close())
	}
	return errors.Join(errs...)
}

// growing is a synthetic source that begins empty.
type growing struct {
	*canned
	rate float64
}

func (g *growing) Step() time.Duration { return g.About.Step(g.rate) }
func (g *growing) Burst() int          { return g.About.BatchBytes }

func (g *growing) Send(ctx context.Context, d time.Duration) ([]delay.Ack, error) {
	return g.Grow(ctx, g.rate, d)
}
