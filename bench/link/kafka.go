package link

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"umbra/bench/cluster"
	"umbra/bench/delay"
	"umbra/bench/measure"
	"umbra/bench/plain"
	"umbra/bench/process"
	"umbra/bench/progress"
	"umbra/bench/synthetic"
	"umbra/kafkaproto/batch"
)

// real is a real cluster as the origin. Its topics are made one after the other, so
// that they lie in its page cache when they are copied.
type real struct {
	*cluster.Cluster
	progress.Line
	loads int
}

func startKafka(ctx context.Context, dir string, p progress.Line) (origin, error) {
	c, err := cluster.Start(ctx, dir, p)
	if err != nil {
		return nil, err
	}
	return &real{Cluster: c, Line: p}, nil
}

func attachKafka(bootstrap string, p progress.Line) (origin, error) {
	c, err := cluster.Attach(bootstrap)
	if err != nil {
		return nil, err
	}
	return &real{Cluster: c, Line: p}, nil
}

func (k *real) Together() bool { return false }

func (k *real) watch() map[string]int {
	if k.PID() == 0 {
		return map[string]int{}
	}
	return map[string]int{watchSource: k.PID()}
}

// Open fills the topic with one batch over and over.
func (k *real) Open(ctx context.Context, c Cell) (source, error) {
	b := batch.Builder{Codec: c.Codec}
	synthetic.Fill(&b, c.Record, c.Batch)
	one, err := b.Build(nil)
	if err != nil {
		return nil, fmt.Errorf("build the canned batch: %w", err)
	}
	t := &filled{real: k, topic: topicPrefix + c.Name, plain: float64(b.Len()) / float64(len(one)), bootstrap: k.Bootstrap()}
	leaders, err := k.Create(ctx, t.topic, c.Partitions)
	if err != nil {
		return nil, err
	}
	each := max(1, int(c.Bytes/int64(c.Partitions))/len(one))
	t.bytes = int64(each) * int64(c.Partitions) * int64(len(one))
	count := k.Counter("filling topic "+t.topic, t.bytes)
	for _, part := range portions(leaders, max(1, portionBytes/len(one))) {
		if err := plain.Fill(ctx, part, t.topic, one, each, count); err != nil {
			return nil, errors.Join(err, t.Close(ctx))
		}
	}
	if c.Line > 0 {
		if err := t.goFar(c); err != nil {
			return nil, errors.Join(err, t.Close(ctx))
		}
	}
	return t, nil
}

// portionBytes bounds a request that fills, which holds a batch for each partition.
const portionBytes = 8 << 20

// portions cuts what the leaders lead into parts of at most n partitions each.
func portions(leaders plain.Leaders, n int) (out []plain.Leaders) {
	for _, addr := range slices.Sorted(maps.Keys(leaders)) {
		for part := range slices.Chunk(leaders[addr], n) {
			out = append(out, plain.Leaders{addr: part})
		}
	}
	return out
}

// filled is a topic of a real cluster.
type filled struct {
	*real
	topic     string
	bootstrap string
	bytes     int64
	plain     float64
	way       *process.Way
}

// goFar puts a long way before the cluster's second listener, whose clients are told
// to come that way.
func (t *filled) goFar(c Cell) (err error) {
	own := t.Kafka()
	if own == nil {
		return errors.New("a cluster that was there before has no listener for a proxy")
	}
	b := own.Brokers[0]
	if t.way, err = process.StartWay(process.WayConfig{Front: b.Front, RTT: c.RTT, Rate: c.Line}); err != nil {
		return err
	}
	t.bootstrap = t.way.Addr
	return t.way.Forward(b.Behind)
}

func (t *filled) Bootstrap() string { return t.bootstrap }
func (t *filled) Topic() string     { return t.topic }
func (t *filled) Bytes() int64      { return t.bytes }
func (t *filled) Plain() float64    { return t.plain }

func (t *filled) Watch() map[string]int {
	w := t.watch()
	if t.way != nil {
		w[watchWay] = t.way.PID()
	}
	return w
}

// Close deletes the topic; the cluster stays.
func (t *filled) Close(ctx context.Context) error {
	var err error
	if t.way != nil {
		err = t.way.Close()
	}
	return errors.Join(err, t.Drop(ctx, t.topic))
}

// Load makes a topic that a producer of this process writes to. What was filled into
// the cluster before is on the disk by then.
func (k *real) Load(ctx context.Context, base Cell, rate float64) (load, error) {
	k.loads++
	topic := topicPrefix + "delay-" + strconv.Itoa(k.loads)
	if _, err := k.Create(ctx, topic, base.Partitions); err != nil {
		return nil, err
	}
	if err := measure.AwaitDisk(ctx); err != nil {
		return nil, err
	}
	burst := max(1, base.Batch/base.Record) * base.Record
	return &produced{k, delay.Load{Topic: topic, Partitions: base.Partitions, Record: base.Record, Burst: burst, Rate: rate}}, nil
}

// produced is a topic that a producer of this process writes to.
type produced struct {
	*real
	what delay.Load
}

func (p *produced) Topic() string         { return p.what.Topic }
func (p *produced) Watch() map[string]int { return p.watch() }
func (p *produced) Step() time.Duration   { return p.what.Step() }
func (p *produced) Burst() int            { return p.what.Burst }

func (p *produced) Send(ctx context.Context, d time.Duration) ([]delay.Ack, error) {
	l := p.what
	l.For = d
	return delay.Produce(ctx, p.Bootstrap(), l)
}

func (p *produced) Close(ctx context.Context) error { return p.Drop(ctx, p.what.Topic) }
