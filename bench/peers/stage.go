package peers

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"sync"

	"umbra/bench/measure"
	"umbra/bench/progress"
	"umbra/bench/shadow"
	"umbra/loadtest/kafka"
)

const heapMiB = 1024 // of every JVM

// The processes, as keys of a measure.Window. A system's own has the system's name.
const (
	procSource = "source"
	procTarget = "target"
)

// A stage is everything that runs while the systems take their turns.
type stage struct {
	Options
	progress.Line
	dir  string
	rule measure.Rule

	origin, goal   *kafka.Cluster
	source, target *side
	follower       *kafka.Node
	shadow         *shadow.Shadow

	loads int // topics made for delays so far

	mu      sync.Mutex // guards workers while the stage is set up
	workers map[string]*kafka.Worker
}

// layout undoes what package kafka sets to make brokers small and quick: these
// are Kafka's own values, except that a deleted topic leaves the disk at once and
// that a batch may be as large as the tuned MirrorMaker makes them.
func layout(dir string) kafka.Layout {
	return kafka.Layout{Brokers: 1, HeapMiB: heapMiB, Dir: dir, JVM: append(kafka.ScriptJVM(), fmt.Sprintf("-Xms%dm", heapMiB)),
		Config: map[string]string{
			"num.network.threads": "3", "num.io.threads": "8", "broker.session.timeout.ms": "9000", "broker.heartbeat.interval.ms": "2000",
			"log.cleaner.backoff.ms": "15000", "log.cleaner.dedupe.buffer.size": "134217728", "log.retention.check.interval.ms": "300000",
			"replica.fetch.max.bytes": "1048576", "log.segment.delete.delay.ms": "500",
		}}
}

// open starts all that the systems asked for need, as far as it can side by side.
func (s *stage) open(ctx context.Context) error {
	if err := s.fetch(ctx); err != nil {
		return err
	}
	var wg sync.WaitGroup
	errs := make([]error, 3)
	for i, start := range []func(context.Context) error{s.openSource, s.openTarget, s.openUmbra} {
		wg.Go(func() { errs[i] = start(ctx) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// fetch has the jars in place before two clusters ask for them at once.
func (s *stage) fetch(ctx context.Context) error {
	s.Say("starting Apache Kafka %s, MirrorMaker 2 and umbra", kafka.Newest)
	_, err := kafka.Fetch(ctx, kafka.Newest)
	return err
}

func (s *stage) openSource(ctx context.Context) (err error) {
	l := layout(filepath.Join(s.dir, "source"))
	if s.origin, err = kafka.Start(ctx, l); err != nil {
		return fmt.Errorf("the source: %w", err)
	}
	if s.has(Follower) {
		if s.follower, err = s.origin.AddBroker(ctx, l); err != nil {
			return fmt.Errorf("the source: %w", err)
		}
	}
	s.source, err = newSide(s.origin.Broker(home).Addr)
	return err
}

func (s *stage) openTarget(ctx context.Context) (err error) {
	if !s.has(MM2Default, MM2Tuned, Go) {
		return nil
	}
	if s.goal, err = kafka.Start(ctx, layout(filepath.Join(s.dir, "target"))); err != nil {
		return fmt.Errorf("the target: %w", err)
	}
	if s.target, err = newSide(s.goal.Broker(home).Addr); err != nil {
		return err
	}
	var wg sync.WaitGroup
	errs := make([]error, 2)
	for i, name := range []string{MM2Default, MM2Tuned} {
		if s.has(name) {
			wg.Go(func() { errs[i] = s.openWorker(ctx, name) })
		}
	}
	wg.Wait()
	return errors.Join(errs...)
}

func (s *stage) openWorker(ctx context.Context, name string) error {
	w, err := s.goal.Dist.StartConnect(ctx, kafka.Connect{Bootstrap: s.target.addr, Group: name, Dir: filepath.Join(s.dir, name),
		HeapMiB: heapMiB, JVM: append(kafka.ScriptJVM(), "-Xms256m")})
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.workers[name] = w
	return nil
}

func (s *stage) openUmbra(ctx context.Context) (err error) {
	if s.has(Umbra) {
		s.shadow, err = shadow.Start(ctx, s.Umbra, filepath.Join(s.dir, "umbra"), "auto")
	}
	return err
}

// close ends every process. Their data is the run's, which removes it.
func (s *stage) close() error {
	var errs []error
	for _, w := range s.workers {
		errs = append(errs, w.Kill())
	}
	for _, x := range []*side{s.source, s.target} {
		if x != nil {
			x.client.Close()
		}
	}
	for _, c := range []*kafka.Cluster{s.origin, s.goal} {
		if c != nil {
			errs = append(errs, c.Close())
		}
	}
	if s.shadow != nil {
		errs = append(errs, s.shadow.Close())
	}
	return errors.Join(errs...)
}

// pids are all processes of the stage by name.
func (s *stage) pids() map[string]int {
	out := map[string]int{procSource: s.origin.Broker(home).PID()}
	if s.goal != nil {
		out[procTarget] = s.goal.Broker(home).PID()
	}
	if s.follower != nil {
		out[Follower] = s.follower.PID()
	}
	if s.shadow != nil {
		out[Umbra] = s.shadow.Daemon.PID()
	}
	for name, w := range s.workers {
		out[name] = w.PID()
	}
	return out
}

// A watch is a stretch that is measured; it knows the processes it watches.
type watch struct {
	*measure.Watch
	pids map[string]int
}

// begin starts a stretch; more are processes beside those of the stage.
func (s *stage) begin(more map[string]int) (*watch, error) {
	pids := s.pids()
	maps.Copy(pids, more)
	w, err := measure.Begin(pids)
	return &watch{w, pids}, err
}
