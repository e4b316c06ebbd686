package link

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"umbra/bench/delay"
	"umbra/bench/plain"
	"umbra/kafkaproto/batch"
	"umbra/loadtest/kafka"
)

// cluster is a real cluster: one that was started here, or one that runs.
type cluster struct {
	opts  Options
	seeds string
	own   *kafka.Cluster // nil: it was there before
	admin *kadm.Client
	bytes int64 // of the topic of the transfers
	loads int
}

// startCluster starts a Kafka, or takes the cluster at bootstrap, and fills a topic.
func startCluster(ctx context.Context, o Options, bootstrap, dir string, p Progress) (source, error) {
	c := &cluster{opts: o, seeds: bootstrap}
	if bootstrap == "" {
		p.say("starting Apache Kafka %s", kafka.Newest)
		own, err := kafka.Start(ctx, kafka.Layout{Brokers: 1, HeapMiB: 1024, Dir: dir, Config: map[string]string{"log.segment.bytes": strconv.Itoa(1 << 30)}})
		if err != nil {
			return nil, err
		}
		c.own, c.seeds = own, own.Bootstrap()
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(c.seeds, ",")...), kgo.ClientID("umbra-bench"))
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	c.admin = kadm.NewClient(cl)
	if err := c.fill(ctx, p); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func (c *cluster) Bootstrap() string { return c.seeds }
func (c *cluster) Bytes() int64      { return c.bytes }

func (c *cluster) Watch() map[string]int {
	if c.own == nil {
		return nil
	}
	return map[string]int{watchSource: c.own.Brokers[0].PID()}
}

// fill makes the topic of the transfers with the batches a synthetic source serves.
func (c *cluster) fill(ctx context.Context, p Progress) error {
	b := batch.Builder{}
	for b.Len() < c.opts.Batch {
		b.Add(batch.Record{Value: make([]byte, c.opts.Record), Timestamp: time.Now().UnixMilli()})
	}
	canned, err := b.Build(nil)
	if err != nil {
		return fmt.Errorf("build the canned batch: %w", err)
	}
	leaders, err := c.create(ctx, topicLoad)
	if err != nil {
		return err
	}
	n := max(1, int(c.opts.KafkaBytes/int64(c.opts.Partitions))/len(canned))
	c.bytes = int64(n) * int64(c.opts.Partitions) * int64(len(canned))
	return plain.Fill(ctx, leaders, topicLoad, canned, n, p.counter("filling topic "+topicLoad, c.bytes))
}

// create makes a topic that keeps everything and waits for its leaders. One of
// that name from a run that was broken off is deleted first.
func (c *cluster) create(ctx context.Context, topic string) (plain.Leaders, error) {
	if err := c.drop(ctx, topic); err != nil {
		return nil, err
	}
	keep := "-1"
	configs := map[string]*string{"retention.ms": &keep, "retention.bytes": &keep}
	return await(ctx, 30*time.Second, "create topic "+topic, func() (plain.Leaders, error) {
		r, err := c.admin.CreateTopic(ctx, int32(c.opts.Partitions), -1, configs, topic)
		if err = errors.Join(err, r.Err); err != nil && !strings.Contains(err.Error(), "TOPIC_ALREADY_EXISTS") {
			return nil, err
		}
		leaders, err := plain.FindLeaders(ctx, strings.Split(c.seeds, ",")[0], topic)
		if err == nil && leaders.Partitions() != c.opts.Partitions {
			err = plain.ErrNotThere
		}
		if err == nil { // a leader that has not heard of it refuses
			_, err = plain.Ends(ctx, leaders, topic)
		}
		return leaders, err
	})
}

func (c *cluster) drop(ctx context.Context, topic string) error {
	_, err := await(ctx, 30*time.Second, "delete topic "+topic, func() (struct{}, error) {
		_, err := plain.FindLeaders(ctx, strings.Split(c.seeds, ",")[0], topic)
		if errors.Is(err, plain.ErrNotThere) {
			return struct{}{}, nil
		}
		_, err = c.admin.DeleteTopic(ctx, topic)
		return struct{}{}, errors.Join(err, errors.New("the topic is still there"))
	})
	return err
}

func (c *cluster) Load(ctx context.Context) (load, error) {
	c.loads++
	topic := "umbra-bench-delay-" + strconv.Itoa(c.loads)
	if _, err := c.create(ctx, topic); err != nil {
		return nil, err
	}
	return &produced{c, delay.Load{Topic: topic, Partitions: c.opts.Partitions, Record: c.opts.Record, Burst: c.opts.Batch / c.opts.Record * c.opts.Record, Rate: c.opts.DelayRate}}, nil
}

func (c *cluster) Close() error {
	var errs []error
	if c.admin != nil {
		if c.own == nil {
			ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
			errs = append(errs, c.drop(ctx, topicLoad))
			cancel()
		}
		c.admin.Close()
	}
	if c.own != nil {
		errs = append(errs, c.own.Close())
	}
	return errors.Join(errs...)
}

// produced is a topic that a producer of this process writes to.
type produced struct {
	*cluster
	what delay.Load
}

func (p *produced) Topic() string       { return p.what.Topic }
func (p *produced) Step() time.Duration { return p.what.Step() }
func (p *produced) Burst() int          { return p.what.Burst }

func (p *produced) Send(ctx context.Context, d time.Duration) ([]delay.Ack, error) {
	l := p.what
	l.For = d
	return delay.Produce(ctx, p.seeds, l)
}

func (p *produced) Close(ctx context.Context) error { return p.drop(ctx, p.what.Topic) }

// await tries until it works or limit is over.
func await[T any](ctx context.Context, limit time.Duration, what string, try func() (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		v, err := try()
		if err == nil {
			return v, nil
		}
		select {
		case <-ctx.Done():
			return v, fmt.Errorf("%s: %w", what, err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}
