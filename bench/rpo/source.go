package rpo

import (
	"context"
	"path/filepath"
	"strconv"
	"time"

	"umbra/bench/cluster"
	"umbra/bench/delay"
	"umbra/bench/process"
)

// The names of processes in a measure.Window.
const (
	watchSource = "source"
	watchUmbra  = "umbra"
)

// A source is where topics are made that grow.
type source interface {
	// Load makes an empty topic that grows at a pace.
	Load(ctx context.Context, p pace) (load, error)
	Close() error
}

// A load is an empty topic that grows at a pace.
type load interface {
	Bootstrap() string
	Topic() string
	Watch() map[string]int // processes of the source, none where they run elsewhere
	Step() time.Duration   // of the timetable
	Send(ctx context.Context, d time.Duration) ([]delay.Ack, error)
	Close(ctx context.Context) error
}

func (r *run) open(ctx context.Context, name string) (source, error) {
	switch name {
	case SourceSynthetic:
		return synthetic{}, nil
	case SourceKafka:
		c, err := cluster.Start(ctx, filepath.Join(r.dir, "kafka"), r.Line)
		return &real{Cluster: c}, err
	}
	c, err := cluster.Attach(name)
	return &real{Cluster: c}, err
}

// synthetic is a process for each load: a topic of it always begins empty.
type synthetic struct{}

func (synthetic) Close() error { return nil }

func (synthetic) Load(_ context.Context, p pace) (load, error) {
	const topic = "umbra-bench-rpo"
	// A batch of at most one byte is one record.
	batch := p.burst
	if batch == p.record {
		batch = 1
	}
	s, err := process.StartSource(process.SourceConfig{Topic: topic, Partitions: p.partitions, Record: p.record, Batch: batch, Chunk: 1 << 20})
	if err != nil {
		return nil, err
	}
	// The pace counts values, the source whole batches.
	step := time.Duration(float64(p.burst) / p.rate * float64(time.Second))
	return &growing{s, topic, float64(s.About.BatchBytes) / step.Seconds()}, nil
}

type growing struct {
	*process.Source
	topic string
	rate  float64 // bytes of batches per second
}

func (g *growing) Bootstrap() string           { return g.About.Addr }
func (g *growing) Topic() string               { return g.topic }
func (g *growing) Watch() map[string]int       { return map[string]int{watchSource: g.PID()} }
func (g *growing) Step() time.Duration         { return g.About.Step(g.rate) }
func (g *growing) Close(context.Context) error { return g.Source.Close() }

func (g *growing) Send(ctx context.Context, d time.Duration) ([]delay.Ack, error) {
	return g.Grow(ctx, g.rate, d)
}

// real is a cluster of Apache Kafka.
type real struct {
	*cluster.Cluster
	loads int
}

func (c *real) topic() string {
	c.loads++
	return "umbra-bench-rpo-" + strconv.Itoa(c.loads)
}

func (c *real) Load(ctx context.Context, p pace) (load, error) {
	topic := c.topic()
	if _, err := c.Create(ctx, topic, p.partitions); err != nil {
		return nil, err
	}
	l := p.load(topic)
	s, err := delay.NewSender(c.Bootstrap(), l)
	return &produced{c, l, s}, err
}

// load is what a producer sends to keep this pace.
func (p pace) load(topic string) delay.Load {
	return delay.Load{Topic: topic, Partitions: p.partitions, Record: p.record, Burst: p.burst, Rate: p.rate}
}

// produced is a topic that a producer of this process writes to.
type produced struct {
	*real
	what   delay.Load
	sender *delay.Sender
}

func (p *produced) Topic() string       { return p.what.Topic }
func (p *produced) Step() time.Duration { return p.what.Step() }

func (p *produced) Watch() map[string]int {
	if p.PID() == 0 {
		return nil
	}
	return map[string]int{watchSource: p.PID()}
}

func (p *produced) Send(ctx context.Context, d time.Duration) ([]delay.Ack, error) {
	return p.sender.Send(ctx, d)
}

func (p *produced) Close(ctx context.Context) error {
	p.sender.Close()
	return p.Drop(ctx, p.what.Topic)
}

// started says whether a source is a Kafka of this run, which may be killed.
func started(s source) (*real, bool) {
	c, ok := s.(*real)
	return c, ok && c.Kafka() != nil
}
