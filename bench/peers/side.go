package peers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"umbra/bench/plain"
)

const (
	patience   = 60 * time.Second // for a change of a topic
	stallLimit = 60 * time.Second // a copy that stands still so long is broken
	// askEvery is how often a Kafka that is measured is asked how far it is: an
	// answer costs it about 0.1 ms of a core.
	askEvery = 20 * time.Millisecond
	home     = 1 // node id of the broker that leads everything, at the source and at the target
)

// A side is a Kafka cluster as a bench sees it: every topic lies on broker 1, at addr.
type side struct {
	addr   string
	client *kgo.Client
	admin  *kadm.Client
}

func newSide(addr string) (*side, error) {
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.ClientID("umbra-bench"), kgo.MetadataMinAge(50*time.Millisecond))
	if err != nil {
		return nil, err
	}
	return &side{addr, cl, kadm.NewClient(cl)}, nil
}

// create makes a topic that keeps everything, on broker 1 whatever others there are.
func (s *side) create(ctx context.Context, topic string, partitions int) (plain.Leaders, error) {
	req := kmsg.NewPtrCreateTopicsRequest()
	req.TimeoutMillis = int32(patience.Milliseconds())
	t := kmsg.NewCreateTopicsRequestTopic()
	t.Topic, t.NumPartitions, t.ReplicationFactor = topic, -1, -1
	for p := range partitions {
		a := kmsg.NewCreateTopicsRequestTopicReplicaAssignment()
		a.Partition, a.Replicas = int32(p), []int32{home}
		t.ReplicaAssignment = append(t.ReplicaAssignment, a)
	}
	keep := "-1"
	for _, name := range []string{"retention.ms", "retention.bytes"} {
		c := kmsg.NewCreateTopicsRequestTopicConfig()
		c.Name, c.Value = name, &keep
		t.Configs = append(t.Configs, c)
	}
	req.Topics = append(req.Topics, t)
	resp, err := req.RequestWith(ctx, s.client)
	if err == nil {
		err = topicError(resp.Topics[0])
	}
	if err != nil {
		return nil, fmt.Errorf("create topic %q at %s: %w", topic, s.addr, err)
	}
	return s.serves(ctx, topic, partitions)
}

func topicError(t kmsg.CreateTopicsResponseTopic) error {
	if t.ErrorCode == 0 {
		return nil
	}
	text := ""
	if t.ErrorMessage != nil {
		text = *t.ErrorMessage
	}
	return fmt.Errorf("error code %d %s", t.ErrorCode, text)
}

// serves waits until all partitions of a topic are led by the broker and answer.
func (s *side) serves(ctx context.Context, topic string, partitions int) (plain.Leaders, error) {
	return await(ctx, fmt.Sprintf("wait for topic %q at %s", topic, s.addr), func() (plain.Leaders, error) {
		leaders, err := plain.FindLeaders(ctx, s.addr, topic)
		if err == nil && leaders.Partitions() != partitions {
			err = plain.ErrNotThere
		}
		if err == nil {
			_, err = plain.Ends(ctx, leaders, topic)
		}
		return leaders, err
	})
}

// drop deletes a topic, if it is there, and waits until it is gone.
func (s *side) drop(ctx context.Context, topic string) error {
	return until(ctx, fmt.Sprintf("delete topic %q at %s", topic, s.addr), func() error {
		_, err := plain.FindLeaders(ctx, s.addr, topic)
		if errors.Is(err, plain.ErrNotThere) {
			return nil
		}
		_, err = s.admin.DeleteTopic(ctx, topic)
		return errors.Join(err, errors.New("it is still there"))
	})
}

// A tally watches how far a topic at a side is.
type tally struct {
	conn  *plain.Conn
	topic topic
}

func (s *side) tally(ctx context.Context, t topic) (*tally, error) {
	conn, err := plain.Dial(ctx, s.addr)
	if err != nil {
		return nil, err
	}
	return &tally{conn, t}, nil
}

// count is how many records are readable; none where the topic is not there yet.
func (t *tally) count() (int64, error) {
	var partitions []int32
	for p := range t.topic.ends {
		partitions = append(partitions, p)
	}
	have, err := t.conn.Ends(t.topic.name, partitions)
	if err != nil {
		if passes(err) {
			return 0, nil
		}
		return 0, err
	}
	var sum int64
	for p, end := range have {
		if end > t.topic.ends[p] {
			return 0, fmt.Errorf("compare topic %q partition %d: the copy has %d records, the source %d", t.topic.name, p, end, t.topic.ends[p])
		}
		sum += end
	}
	return sum, nil
}

// reach waits until want records are readable. Standing still for stallLimit is an
// error.
func (t *tally) reach(ctx context.Context, want int64) error {
	var last int64
	moved := time.Now()
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	for {
		n, err := t.count()
		if err != nil || n >= want {
			return err
		}
		if n > last {
			last, moved = n, time.Now()
		}
		if time.Since(moved) > stallLimit {
			return fmt.Errorf("copy topic %q: it stands still at %d records of %d", t.topic.name, n, want)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("copy topic %q: it is at %d records of %d: %w", t.topic.name, n, want, ctx.Err())
		}
	}
}

func (t *tally) Close() error { return t.conn.Close() }

// passes says whether an answer may be another one soon: a topic is being made.
func passes(err error) bool {
	var code interface{ Retriable() bool }
	return errors.Is(err, plain.ErrNotThere) || errors.As(err, &code) && code.Retriable()
}

// until tries every askEvery until it works; it has patience for it.
func until(ctx context.Context, what string, try func() error) error {
	_, err := await(ctx, what, func() (struct{}, error) { return struct{}{}, try() })
	return err
}

// await tries until it works or patience is over.
func await[T any](ctx context.Context, what string, try func() (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		v, err := try()
		if err == nil {
			return v, nil
		}
		select {
		case <-ctx.Done():
			return v, fmt.Errorf("%s: %w", what, err)
		case <-time.After(askEvery):
		}
	}
}
