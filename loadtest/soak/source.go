package soak

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"umbra/loadtest/kafka"
	"umbra/loadtest/wire"
	"umbra/loadtest/workload"
)

// A source is the Kafka cluster, with a proxy in front of each broker that umbra goes
// through. Producers and checks go straight to it.
type source struct {
	cluster *kafka.Cluster
	proxies []*wire.Proxy
	client  *kgo.Client
	admin   *kadm.Client
	nodes   sync.Mutex // of the cluster's nodes
}

func startSource(ctx context.Context, o Options, dir string) (*source, error) {
	layout := kafka.Single()
	if o.Brokers == 3 {
		layout = kafka.Three()
	}
	layout.Proxied, layout.Dir = true, dir
	layout.Config = map[string]string{"log.segment.delete.delay.ms": "1000", "log.cleaner.threads": "1",
		// Slower than the harness has it elsewhere: a busy machine does not answer a
		// heartbeat in half a second.
		"broker.session.timeout.ms": "6000", "broker.heartbeat.interval.ms": "1500",
		"transaction.abort.timed.out.transaction.cleanup.interval.ms": "2000"}
	s := &source{}
	var err error
	if s.cluster, err = kafka.Start(ctx, layout); err != nil {
		return nil, err
	}
	for _, b := range s.cluster.Brokers {
		p, err := wire.Listen(b.Front, b.Behind)
		if err != nil {
			return nil, errors.Join(err, s.close())
		}
		s.proxies = append(s.proxies, p)
	}
	s.client, err = kgo.NewClient(kgo.SeedBrokers(s.cluster.Seeds()...), kgo.ClientID("soak-admin"), kgo.DialTimeout(2*time.Second),
		kgo.RetryTimeout(8*time.Second), kgo.MetadataMinAge(100*time.Millisecond))
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	s.admin = kadm.NewClient(s.client)
	return s, nil
}

// fronts is where umbra finds the source.
func (s *source) fronts() (out []string) {
	for _, p := range s.proxies {
		out = append(out, p.Addr())
	}
	return out
}

// eachProxy does something to all proxies.
func (s *source) eachProxy(do func(*wire.Proxy)) {
	for _, p := range s.proxies {
		do(p)
	}
}

// insist creates a topic at a source that nobody has done anything to: one that is not
// ready on a busy machine gets a minute.
func (s *source) insist(ctx context.Context, o Options, t topic) error {
	within, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		err := s.create(within, o, t)
		if err == nil || errors.Is(err, kerr.TopicAlreadyExists) {
			return nil
		}
		if within.Err() != nil {
			return err
		}
		wait(within, time.Second)
	}
}

// create makes a topic.
func (s *source) create(ctx context.Context, o Options, t topic) error {
	return workload.CreateTopic(ctx, s.cluster.Seeds(), t.name, t.partitions, int16(min(o.Brokers, 3)), t.configs(o))
}

// write writes records into a topic and enters them.
func (s *source) write(ctx context.Context, l *ledger, t topic, seed uint64, n int) error {
	cl, err := kgo.NewClient(kgo.SeedBrokers(s.cluster.Seeds()...), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.MetadataMinAge(100*time.Millisecond))
	if err != nil {
		return err
	}
	defer cl.Close()
	maker := workload.NewMaker(seed, 7)
	for done := 0; done < n; done += 50 {
		var batch []*kgo.Record
		for i := range min(50, n-done) {
			r := maker.Record(t.name, int32(i)%t.partitions)
			if t.role == compacted {
				r = maker.Keyed(t.name, int32(i)%t.partitions, 2000)
			}
			batch = append(batch, r)
		}
		results := cl.ProduceSync(ctx, batch...)
		for _, r := range results {
			if r.Err == nil && l != nil {
				l.ack(r.Record)
			}
		}
		if err := results.FirstErr(); err != nil {
			return err
		}
	}
	return nil
}

// id is a topic's.
func (s *source) id(ctx context.Context, name string) ([16]byte, error) {
	meta, err := s.admin.Metadata(ctx, name)
	if err != nil {
		return [16]byte{}, err
	}
	t := meta.Topics[name]
	return t.ID, t.Err
}

// drop deletes a topic.
func (s *source) drop(ctx context.Context, name string) error {
	resp, err := s.admin.DeleteTopic(ctx, name)
	return errors.Join(err, resp.Err)
}

// trim deletes the records of a partition below a place in it: where of 0 is its start,
// 1 its end.
func (s *source) trim(ctx context.Context, topic string, partition int32, where float64) (offset int64, err error) {
	starts, err := s.admin.ListStartOffsets(ctx, topic)
	if err != nil {
		return 0, err
	}
	ends, err := s.admin.ListEndOffsets(ctx, topic)
	if err != nil {
		return 0, err
	}
	start, okA := starts.Lookup(topic, partition)
	end, okB := ends.Lookup(topic, partition)
	if !okA || !okB || start.Err != nil || end.Err != nil {
		return 0, fmt.Errorf("bounds of %s/%d: %w", topic, partition, errors.Join(start.Err, end.Err, errors.New("not in the answer")))
	}
	offset = start.Offset + int64(where*float64(end.Offset-start.Offset))
	return offset, workload.TrimTo(ctx, s.cluster.Seeds(), topic, partition, offset)
}

// grow gives a topic so many partitions and waits until all have a leader.
func (s *source) grow(ctx context.Context, topic string, partitions int32) error {
	resps, err := s.admin.UpdatePartitions(ctx, int(partitions), topic)
	if err != nil {
		return err
	}
	if err := resps.Error(); err != nil {
		return err
	}
	for ctx.Err() == nil {
		meta, err := s.admin.Metadata(ctx, topic)
		if err == nil && len(meta.Topics[topic].Partitions) == int(partitions) && led(meta.Topics[topic]) {
			return nil
		}
		wait(ctx, 100*time.Millisecond)
	}
	return ctx.Err()
}

func led(t kadm.TopicDetail) bool {
	for _, p := range t.Partitions {
		if p.Err != nil || p.Leader < 0 {
			return false
		}
	}
	return true
}

// elect makes the preferred replicas leaders again.
func (s *source) elect(ctx context.Context) (string, error) {
	results, err := s.admin.ElectLeaders(ctx, kadm.ElectPreferredReplica, nil)
	if err != nil {
		return "", err
	}
	moved := 0
	for _, t := range results {
		for _, p := range t {
			if p.Err == nil {
				moved++
			}
		}
	}
	return strconv.Itoa(moved) + " leaders moved", nil
}

// ends asks where all partitions of topics end. What has no leader is left out.
func (s *source) ends(ctx context.Context, topics []topic) (ends, error) {
	var names []string
	for _, t := range topics {
		names = append(names, t.name)
	}
	list, err := s.admin.ListEndOffsets(ctx, names...)
	e := ends{at: time.Now(), of: map[workload.TopicPartition]int64{}}
	list.Each(func(o kadm.ListedOffset) {
		if o.Err == nil {
			e.of[workload.TopicPartition{Topic: o.Topic, Partition: o.Partition}] = o.Offset
		}
	})
	if len(e.of) == 0 && err == nil {
		err = errors.New("no partition answered")
	}
	if len(e.of) > 0 {
		err = nil
	}
	return e, err
}

// kill ends every broker at once.
func (s *source) kill() error {
	s.nodes.Lock()
	defer s.nodes.Unlock()
	var wg sync.WaitGroup
	errs := make([]error, len(s.cluster.Brokers))
	for i, b := range s.cluster.Brokers {
		wg.Go(func() { errs[i] = b.Kill() })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// revive starts every broker that does not run and waits until all see each other.
func (s *source) revive(ctx context.Context) error {
	s.nodes.Lock()
	defer s.nodes.Unlock()
	for _, b := range s.cluster.Brokers {
		if !b.Running() {
			if err := b.Launch(); err != nil {
				return err
			}
		}
	}
	for _, b := range s.cluster.Brokers {
		if err := b.Ready(ctx); err != nil {
			return err
		}
	}
	return s.cluster.AwaitBrokers(ctx, len(s.cluster.Brokers))
}

func (s *source) close() error {
	if s.client != nil {
		s.client.Close()
	}
	for _, p := range s.proxies {
		p.Close()
	}
	return s.cluster.Close()
}
