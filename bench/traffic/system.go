package traffic

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"umbra/bench/cluster"
	"umbra/bench/progress"
	"umbra/bench/shadow"
	"umbra/loadtest/kafka"
)

// heapMiB is the heap of the Kafka broker, as its own start script has it.
const heapMiB = 1024

// createTries is how often a topic is made anew when its partitions had no leader in
// time: on a machine that others use, a Kafka may take more than cluster's patience.
const createTries = 3

// intervalFlush is when the kernel flushes what Kafka has left to it (vm.dirty_expire_centisecs
// as it comes). With umbra's own 50ms its disk would have work that Kafka's has not.
const intervalFlush = "30s"

// kafkaLayout undoes what the test harness makes small: threads, intervals and the
// collector are those of a Kafka that is started with its own scripts.
func kafkaLayout(dir string) kafka.Layout {
	return kafka.Layout{Brokers: 1, HeapMiB: heapMiB, Dir: dir,
		JVM: kafka.ScriptJVM(),
		Config: map[string]string{
			"num.network.threads": "3", "num.io.threads": "8",
			"log.segment.bytes": strconv.Itoa(1 << 30), "log.retention.check.interval.ms": "300000", "log.cleaner.backoff.ms": "15000",
			"log.segment.delete.delay.ms": "1000", // topics come and go here: their files shall too
		}}
}

// A system is a broker that is measured. Two systems may be one process.
type system struct {
	name  string
	pid   int
	flush bool // topics get flush.messages=1
	topic int  // made so far
	*cluster.Cluster
}

// stage is every broker of a run.
type stage struct {
	systems []*system
	shadows []*shadow.Shadow
	kafka   *kafka.Cluster
	about   []string
}

// open starts what the named systems need. Close the stage in every case.
func (st *stage) open(ctx context.Context, o Options, dir string, p progress.Line) error {
	for _, name := range o.Systems {
		var s *system
		var err error
		switch name {
		case Umbra:
			s, err = st.umbra(ctx, o.Umbra, filepath.Join(dir, name))
		case UmbraInterval:
			s, err = st.umbra(ctx, o.Umbra, filepath.Join(dir, name), "UMBRA_STORAGE_FSYNC=interval", "UMBRA_STORAGE_FLUSH_INTERVAL="+intervalFlush)
		case Kafka, KafkaFlush:
			s, err = st.apache(ctx, filepath.Join(dir, Kafka), p)
		}
		if err != nil {
			return fmt.Errorf("start %s: %w", name, err)
		}
		s.name, s.flush = name, name == KafkaFlush
		st.systems = append(st.systems, s)
	}
	return nil
}

func (st *stage) umbra(ctx context.Context, binary, dir string, env ...string) (*system, error) {
	u, err := shadow.Start(ctx, binary, dir, "auto", env...)
	if err != nil {
		return nil, err
	}
	st.shadows = append(st.shadows, u)
	st.say(fmt.Sprintf("%s, engine %s (%s)", u.About, u.Chosen, u.Reason))
	c, err := cluster.Attach(u.Daemon.Listen)
	if err != nil {
		return nil, err
	}
	return &system{pid: u.Daemon.PID(), Cluster: c}, nil
}

func (st *stage) apache(ctx context.Context, dir string, p progress.Line) (*system, error) {
	if st.kafka == nil {
		p.Say("starting Apache Kafka %s", kafka.Newest)
		k, err := kafka.Start(ctx, kafkaLayout(dir))
		if err != nil {
			return nil, err
		}
		st.kafka = k
		st.say(fmt.Sprintf("Apache Kafka %s, G1, heap %d MiB", kafka.Newest, heapMiB))
	}
	c, err := cluster.Attach(st.kafka.Bootstrap())
	if err != nil {
		return nil, err
	}
	return &system{pid: st.kafka.Brokers[0].PID(), Cluster: c}, nil
}

func (st *stage) say(line string) {
	if !slices.Contains(st.about, line) {
		st.about = append(st.about, line)
	}
}

// pids is every broker's process by a name, so that one that idles is not taken for
// somebody else.
func (st *stage) pids() map[string]int {
	out := map[string]int{}
	for _, s := range st.systems {
		out[s.process()] = s.pid
	}
	return out
}

// process is the name of the system's process in a measure.Window.
func (s *system) process() string {
	if s.name == KafkaFlush {
		return Kafka
	}
	return s.name
}

// close stops everything.
func (st *stage) close() error {
	var errs []error
	for _, s := range st.systems {
		errs = append(errs, s.Close())
	}
	for _, u := range st.shadows {
		errs = append(errs, u.Close())
	}
	if st.kafka != nil {
		errs = append(errs, st.kafka.Close())
	}
	return errors.Join(errs...)
}

// fresh makes an empty topic. The caller drops it.
func (s *system) fresh(ctx context.Context, partitions int) (string, error) {
	s.topic++
	topic := fmt.Sprintf("umbra-bench-%s-%d", s.name, s.topic)
	_, err := s.Create(ctx, topic, partitions)
	for tries := 1; err != nil && tries < createTries && ctx.Err() == nil; tries++ {
		_, err = s.Create(ctx, topic, partitions)
	}
	if err != nil {
		return "", err
	}
	if !s.flush {
		return topic, nil
	}
	return topic, flushEach(ctx, s.Bootstrap(), topic)
}

// flushEach has Kafka fsync a topic's every batch before it answers.
func flushEach(ctx context.Context, bootstrap, topic string) error {
	cl, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(bootstrap, ",")...))
	if err != nil {
		return err
	}
	defer cl.Close()
	every := "1"
	got, err := kadm.NewClient(cl).AlterTopicConfigs(ctx, []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "flush.messages", Value: &every}}, topic)
	for _, r := range got {
		err = errors.Join(err, r.Err)
	}
	if err != nil {
		return fmt.Errorf("set flush.messages=1 of topic %q: %w", topic, err)
	}
	return nil
}
