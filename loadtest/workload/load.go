package workload

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// A LoadConfig says how a steady load is made.
type LoadConfig struct {
	Seeds       []string
	Topic       string
	Partitions  int32
	Producers   int // clients; default 1. They differ in codec and producer id
	PerSecond   int // records of all producers together; default 1000
	RecordBytes int // of the value; 0: drawn sizes with keys, headers, tombstones
	Seed        uint64
	Opts        []kgo.Opt // further client options
}

// A Load is producers that write until they are stopped. Records that fail stay
// out of the ledger; only acknowledged ones count.
type Load struct {
	Ledger *Ledger

	cfg      LoadConfig
	stopDraw context.CancelFunc // no new records
	giveUp   context.CancelFunc // nor any wait for those in flight
	wg       sync.WaitGroup
	acked    atomic.Int64
	failed   atomic.Int64
	mu       sync.Mutex
	errs     []error // the first few failures
}

// StartLoad starts the producers; the topic must exist.
func StartLoad(cfg LoadConfig) (*Load, error) {
	cfg.Producers = max(cfg.Producers, 1)
	if cfg.PerSecond == 0 {
		cfg.PerSecond = 1000
	}
	sending, giveUp := context.WithCancel(context.Background())
	drawing, stopDraw := context.WithCancel(sending)
	l := &Load{Ledger: NewLedger(), cfg: cfg, stopDraw: stopDraw, giveUp: giveUp}
	all := codecs()
	for i := range cfg.Producers {
		cl, err := kgo.NewClient(append([]kgo.Opt{
			kgo.SeedBrokers(cfg.Seeds...),
			kgo.RecordPartitioner(kgo.ManualPartitioner()),
			kgo.ProducerBatchCompression(all[i%len(all)].codec),
			kgo.ProducerLinger(2 * time.Millisecond),
			kgo.MetadataMinAge(100 * time.Millisecond),
			kgo.MaxBufferedRecords(20_000),
		}, cfg.Opts...)...)
		if err != nil {
			l.Stop(0)
			return nil, err
		}
		l.wg.Go(func() { l.produce(drawing, sending, cl, i) })
	}
	return l, nil
}

// produce draws records at this producer's share of the rate.
func (l *Load) produce(drawing, sending context.Context, cl *kgo.Client, i int) {
	defer cl.Close()
	maker := NewMaker(l.cfg.Seed, uint64(100+i))
	rate := float64(l.cfg.PerSecond) / float64(l.cfg.Producers)
	begin := time.Now()
	for n := 0; drawing.Err() == nil; {
		for due := int(time.Since(begin).Seconds() * rate); n < due && drawing.Err() == nil; n++ {
			cl.Produce(sending, l.draw(maker, n), l.done)
		}
		if pause(drawing, 2*time.Millisecond) != nil {
			break
		}
	}
	// What is not answered within the grace is failed by Close. Aborting the
	// records would wait for an answer of the source, which may be dead.
	_ = cl.Flush(sending)
}

func (l *Load) draw(maker *Maker, n int) *kgo.Record {
	partition := int32(n) % max(l.cfg.Partitions, 1)
	if l.cfg.RecordBytes > 0 {
		return maker.Large(l.cfg.Topic, partition, l.cfg.RecordBytes)
	}
	return maker.Record(l.cfg.Topic, partition)
}

func (l *Load) done(r *kgo.Record, err error) {
	if err == nil {
		l.Ledger.Ack(r)
		l.acked.Add(1)
		return
	}
	l.failed.Add(1)
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.errs) < 5 {
		l.errs = append(l.errs, err)
	}
}

// Acked is the number of records acknowledged so far.
func (l *Load) Acked() int64 { return l.acked.Load() }

// AwaitAcked waits until n further records have been acknowledged.
func (l *Load) AwaitAcked(ctx context.Context, n int64) error {
	for target := l.Acked() + n; l.Acked() < target; {
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return fmt.Errorf("wait for %d acknowledged records of %s, have %d: %w", target, l.cfg.Topic, l.Acked(), errors.Join(err, l.Err()))
		}
	}
	return nil
}

// Err joins the first few failures of records, nil if there was none.
func (l *Load) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return errors.Join(l.errs...)
}

// Stop stops drawing records, waits up to grace for those in flight, and gives up
// on the rest (a source that is dead answers none). Then the ledger is final.
func (l *Load) Stop(grace time.Duration) (acked, failed int64) {
	l.stopDraw()
	timer := time.AfterFunc(grace, l.giveUp)
	l.wg.Wait()
	timer.Stop()
	l.giveUp()
	return l.acked.Load(), l.failed.Load()
}
