// Package cluster is a real Kafka cluster for a bench: one that is started for it,
// or one that runs already.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"umbra/bench/plain"
	"umbra/bench/progress"
	"umbra/loadtest/kafka"
)

// heapMiB is the heap of a broker that is measured: what an operator would give it
// on a machine of this size.
const heapMiB = 1024

// patience is how long the cluster may take to make or delete a topic of a thousand
// partitions on a busy machine.
const patience = 2 * time.Minute

// Cluster is a cluster and a client to administer it. Not for concurrent use.
type Cluster struct {
	seeds string
	own   *kafka.Cluster // nil: it was there before
	admin *kadm.Client
	made  []string // topics to delete from a cluster that stays
}

// Start starts an Apache Kafka of one node with its data in dir, with a second
// listener for clients that come over a long way. Close stops it.
func Start(ctx context.Context, dir string, p progress.Line) (*Cluster, error) {
	p.Say("starting Apache Kafka %s", kafka.Newest)
	own, err := kafka.Start(ctx, kafka.Layout{Brokers: 1, HeapMiB: heapMiB, Dir: dir, Proxied: true, Config: map[string]string{"log.segment.bytes": strconv.Itoa(1 << 30)}})
	if err != nil {
		return nil, err
	}
	c, err := Attach(own.Bootstrap())
	if err != nil {
		return nil, errors.Join(err, own.Close())
	}
	c.own = own
	return c, nil
}

// Attach takes a cluster that runs; Close deletes the topics made in it.
func Attach(bootstrap string) (*Cluster, error) {
	cl, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(bootstrap, ",")...), kgo.ClientID("umbra-bench"))
	if err != nil {
		return nil, err
	}
	return &Cluster{seeds: bootstrap, admin: kadm.NewClient(cl)}, nil
}

// Bootstrap is the addresses, comma-separated.
func (c *Cluster) Bootstrap() string { return c.seeds }

// Kafka is the cluster that was started here, nil when it was there before.
func (c *Cluster) Kafka() *kafka.Cluster { return c.own }

// PID is the process of the first broker, 0 where it runs elsewhere.
func (c *Cluster) PID() int {
	if c.own == nil {
		return 0
	}
	return c.own.Brokers[0].PID()
}

// Create makes a topic that keeps everything and waits for its leaders. One of
// that name from a run that was broken off is deleted first.
func (c *Cluster) Create(ctx context.Context, topic string, partitions int) (plain.Leaders, error) {
	if err := c.Drop(ctx, topic); err != nil {
		return nil, err
	}
	c.made = append(c.made, topic)
	keep := "-1"
	configs := map[string]*string{"retention.ms": &keep, "retention.bytes": &keep}
	return await(ctx, patience, "create topic "+topic, func() (plain.Leaders, error) {
		r, err := c.admin.CreateTopic(ctx, int32(partitions), -1, configs, topic)
		if err = errors.Join(err, r.Err); err != nil && !strings.Contains(err.Error(), "TOPIC_ALREADY_EXISTS") {
			return nil, err
		}
		leaders, err := plain.FindLeaders(ctx, c.first(), topic)
		if err == nil && leaders.Partitions() != partitions {
			err = plain.ErrNotThere
		}
		if err == nil { // a leader that has not heard of it refuses
			_, err = plain.Ends(ctx, leaders, topic)
		}
		return leaders, err
	})
}

// Drop deletes a topic, if it is there, and waits until it is gone.
func (c *Cluster) Drop(ctx context.Context, topic string) error {
	_, err := await(ctx, patience, "delete topic "+topic, func() (struct{}, error) {
		_, err := plain.FindLeaders(ctx, c.first(), topic)
		if errors.Is(err, plain.ErrNotThere) {
			return struct{}{}, nil
		}
		_, err = c.admin.DeleteTopic(ctx, topic)
		return struct{}{}, errors.Join(err, errors.New("the topic is still there"))
	})
	return err
}

// Close stops a cluster that was started here, and takes what was made off one
// that stays.
func (c *Cluster) Close() error {
	var errs []error
	if c.own == nil {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		for _, t := range c.made {
			errs = append(errs, c.Drop(ctx, t))
		}
	}
	c.admin.Close()
	if c.own != nil {
		errs = append(errs, c.own.Close())
	}
	return errors.Join(errs...)
}

func (c *Cluster) first() string {
	addr, _, _ := strings.Cut(c.seeds, ",")
	return addr
}

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
