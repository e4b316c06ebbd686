package link

import (
	"context"
	"time"

	"umbra/bench/delay"
	"umbra/bench/process"
)

// topicLoad is the topic of the transfers.
const topicLoad = "umbra-bench-load"

// A source is a cluster with a topic to copy.
type source interface {
	Bootstrap() string
	Bytes() int64 // of record batches in the topic
	// Watch is the processes of the source, none where they run elsewhere.
	Watch() map[string]int
	// Load makes an empty topic that grows on demand.
	Load(ctx context.Context) (load, error)
	Close() error
}

// A load is an empty topic that grows at a given rate.
type load interface {
	Bootstrap() string
	Topic() string
	Watch() map[string]int
	Step() time.Duration // of the timetable
	Burst() int          // bytes sent at a step
	Send(ctx context.Context, d time.Duration) ([]delay.Ack, error)
	Close(ctx context.Context) error
}

// synthetic is the source that costs as little as a source can.
type synthetic struct {
	*process.Source
	opts Options
}

func startSynthetic(o Options) (source, error) {
	s, err := process.StartSource(o.sourceConfig(topicLoad, o.Bytes))
	if err != nil {
		return nil, err
	}
	return &synthetic{s, o}, nil
}

func (o Options) sourceConfig(topic string, bytes int64) process.SourceConfig {
	return process.SourceConfig{Topic: topic, Partitions: o.Partitions, Record: o.Record, Batch: o.Batch, Chunk: o.Chunk, Bytes: bytes}
}

func (s *synthetic) Bootstrap() string     { return s.About.Addr }
func (s *synthetic) Bytes() int64          { return s.About.Bytes }
func (s *synthetic) Watch() map[string]int { return map[string]int{watchSource: s.PID()} }

func (s *synthetic) Load(context.Context) (load, error) {
	const topic = "umbra-bench-delay"
	p, err := process.StartSource(s.opts.sourceConfig(topic, 0))
	if err != nil {
		return nil, err
	}
	return &growing{p, topic, s.opts.DelayRate}, nil
}

// growing is a synthetic source that begins empty.
type growing struct {
	*process.Source
	topic string
	rate  float64
}

func (g *growing) Bootstrap() string     { return g.About.Addr }
func (g *growing) Topic() string         { return g.topic }
func (g *growing) Watch() map[string]int { return map[string]int{watchSource: g.PID()} }
func (g *growing) Step() time.Duration   { return g.About.Step(g.rate) }
func (g *growing) Burst() int            { return g.About.BatchBytes }

func (g *growing) Send(ctx context.Context, d time.Duration) ([]delay.Ack, error) {
	return g.Grow(ctx, g.rate, d)
}

func (g *growing) Close(context.Context) error { return g.Source.Close() }
