package link

import (
	"context"
	"strconv"
	"time"

	"umbra/bench/cluster"
	"umbra/bench/delay"
	"umbra/bench/progress"
)

// real is a real cluster as the source.
type real struct {
	*cluster.Cluster
	opts  Options
	bytes int64 // of the topic of the transfers
	loads int
}

// startReal starts a Kafka, or takes the cluster at bootstrap, and fills a topic.
func startReal(ctx context.Context, o Options, bootstrap, dir string, p progress.Line) (source, error) {
	c, err := openReal(ctx, bootstrap, dir, p)
	if err != nil {
		return nil, err
	}
	shape := cluster.Shape{Partitions: o.Partitions, Record: o.Record, Batch: o.Batch, Bytes: o.KafkaBytes}
	bytes, err := c.Fill(ctx, topicLoad, shape, p)
	if err != nil {
		c.Close() // what went wrong is told
		return nil, err
	}
	return &real{Cluster: c, opts: o, bytes: bytes}, nil
}

func openReal(ctx context.Context, bootstrap, dir string, p progress.Line) (*cluster.Cluster, error) {
	if bootstrap == "" {
		return cluster.Start(ctx, dir, p)
	}
	return cluster.Attach(bootstrap)
}

func (c *real) Bytes() int64 { return c.bytes }

func (c *real) Watch() map[string]int {
	if c.PID() == 0 {
		return nil
	}
	return map[string]int{watchSource: c.PID()}
}

func (c *real) Load(ctx context.Context) (load, error) {
	c.loads++
	topic := "umbra-bench-delay-" + strconv.Itoa(c.loads)
	if _, err := c.Create(ctx, topic, c.opts.Partitions); err != nil {
		return nil, err
	}
	return &produced{c, delay.Load{Topic: topic, Partitions: c.opts.Partitions, Record: c.opts.Record, Burst: c.opts.Batch / c.opts.Record * c.opts.Record, Rate: c.opts.DelayRate}}, nil
}

// produced is a topic that a producer of this process writes to.
type produced struct {
	*real
	what delay.Load
}

func (p *produced) Topic() string       { return p.what.Topic }
func (p *produced) Step() time.Duration { return p.what.Step() }
func (p *produced) Burst() int          { return p.what.Burst }

func (p *produced) Send(ctx context.Context, d time.Duration) ([]delay.Ack, error) {
	l := p.what
	l.For = d
	return delay.Produce(ctx, p.Bootstrap(), l)
}

func (p *produced) Close(ctx context.Context) error { return p.Drop(ctx, p.what.Topic) }
