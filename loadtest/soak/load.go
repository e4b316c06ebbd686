package soak

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"umbra/loadtest/workload"
)

// A load is producers of every kind that write until they are stopped. Only what was
// acknowledged is entered into the ledger.
type load struct {
	seeds  []string
	topics *registry
	ledger *ledger
	seed   uint64

	ctx    context.Context // over: nothing is waited for any more
	giveUp context.CancelFunc
	wg     sync.WaitGroup

	mu      sync.Mutex
	turn    *sync.Cond
	paused  bool
	stopped bool
	resting int // writers that wait for the end of the pause, with nothing in flight
	writers int

	acked, failed, bytes atomic.Int64
	committed, aborted   atomic.Int64 // transactions
}

// kind of a writer.
type writer struct {
	role  role
	index int
	share float64 // of the rate
	opts  []kgo.Opt
	id    string // transactional id
	draw  func(m *workload.Maker, rng *rand.Rand, topic string, partition int32) *kgo.Record
}

// writersOf is one of every kind. The shares add up to 1.
func writersOf(idPrefix string) []writer {
	drawn := func(m *workload.Maker, _ *rand.Rand, topic string, p int32) *kgo.Record { return m.Record(topic, p) }
	large := func(m *workload.Maker, rng *rand.Rand, topic string, p int32) *kgo.Record {
		return m.Large(topic, p, 1000+rng.IntN(30_000))
	}
	keyed := func(m *workload.Maker, _ *rand.Rand, topic string, p int32) *kgo.Record {
		return m.Keyed(topic, p, 2000)
	}
	codec := func(c kgo.CompressionCodec) kgo.Opt { return kgo.ProducerBatchCompression(c) }
	all := []writer{
		{role: plain, share: 0.05, draw: drawn, opts: []kgo.Opt{codec(kgo.NoCompression()), kgo.DisableIdempotentWrite()}},
		{role: plain, share: 0.05, draw: drawn, opts: []kgo.Opt{codec(kgo.GzipCompression())}},
		{role: plain, share: 0.05, draw: drawn, opts: []kgo.Opt{codec(kgo.SnappyCompression()), kgo.DisableIdempotentWrite()}},
		{role: plain, share: 0.05, draw: drawn, opts: []kgo.Opt{codec(kgo.Lz4Compression())}},
		{role: plain, share: 0.05, draw: drawn, opts: []kgo.Opt{codec(kgo.ZstdCompression())}},
		{role: txn, share: 0.08, draw: drawn, id: "a", opts: []kgo.Opt{codec(kgo.Lz4Compression())}},
		{role: txn, share: 0.08, draw: drawn, id: "b", opts: []kgo.Opt{codec(kgo.NoCompression())}},
		{role: txn, share: 0.04, draw: drawn, opts: []kgo.Opt{codec(kgo.NoCompression())}},
		{role: compacted, share: 0.05, draw: keyed, opts: []kgo.Opt{codec(kgo.SnappyCompression())}},
		{role: bulk, share: 0.25, draw: large, opts: []kgo.Opt{codec(kgo.NoCompression())}},
		{role: bulk, share: 0.25, draw: large, opts: []kgo.Opt{codec(kgo.NoCompression()), kgo.DisableIdempotentWrite()}},
	}
	for i := range all {
		all[i].index = i
		if all[i].id != "" {
			all[i].id = idPrefix + all[i].id
		}
	}
	return all
}

// startLoad starts the producers; they write rate bytes per second, all together.
func startLoad(seeds []string, topics *registry, l *ledger, seed uint64, rate float64, writers []writer) *load {
	ctx, giveUp := context.WithCancel(context.Background())
	ld := &load{seeds: seeds, topics: topics, ledger: l, seed: seed, ctx: ctx, giveUp: giveUp, writers: len(writers)}
	ld.turn = sync.NewCond(&ld.mu)
	for _, w := range writers {
		ld.wg.Go(func() { ld.write(w, w.share*rate) })
	}
	return ld
}

// pause stops the writers between two records, or transactions, and waits until nothing
// is in flight.
func (l *load) pause(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.turn.Broadcast()
	})
	defer stop()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.paused = true
	for l.resting < l.writers {
		if ctx.Err() != nil {
			return fmt.Errorf("pause the producers: %d of %d still write: %w", l.writers-l.resting, l.writers, ctx.Err())
		}
		l.turn.Wait()
	}
	return nil
}

// resume ends a pause.
func (l *load) resume() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.paused = false
	l.turn.Broadcast()
}

// stop ends the writers, waits up to grace for what is in flight and gives up on the
// rest. Then the ledger is final.
func (l *load) stop(grace time.Duration) {
	l.mu.Lock()
	l.stopped = true
	l.turn.Broadcast()
	l.mu.Unlock()
	timer := time.AfterFunc(grace, l.giveUp)
	defer timer.Stop()
	l.wg.Wait()
	l.giveUp()
}

// mayGo is asked between records; it waits while the load is paused, with nothing in
// flight, and says false when the load has been stopped.
func (l *load) mayGo(settle func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.paused && !l.stopped {
		l.mu.Unlock()
		settle()
		l.mu.Lock()
		l.resting++
		l.turn.Broadcast()
		for l.paused && !l.stopped {
			l.turn.Wait()
		}
		l.resting--
	}
	return !l.stopped && l.ctx.Err() == nil
}

// client makes one that sends to the partition a record names.
func (l *load) client(w writer) (*kgo.Client, error) {
	opts := []kgo.Opt{
		kgo.SeedBrokers(l.seeds...), kgo.ClientID(fmt.Sprintf("soak-writer-%d", w.index)),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerLinger(5 * time.Millisecond),
		kgo.DialTimeout(3 * time.Second),
		kgo.MetadataMinAge(200 * time.Millisecond), kgo.MetadataMaxAge(5 * time.Second),
		kgo.MaxBufferedRecords(5000), kgo.MaxBufferedBytes(16 << 20),
	}
	if w.id != "" {
		opts = append(opts, kgo.TransactionalID(w.id), kgo.TransactionTimeout(time.Minute))
	}
	return kgo.NewClient(append(opts, w.opts...)...)
}

// write is one writer's life. A client that is broken beyond use is replaced.
func (l *load) write(w writer, rate float64) {
	maker, rng := workload.NewMaker(l.seed, uint64(1000+w.index)), rand.New(rand.NewPCG(l.seed, uint64(2000+w.index)))
	for {
		cl, err := l.client(w)
		if err == nil {
			if w.id == "" {
				l.stream(cl, w, maker, rng, rate)
			} else {
				l.transactions(cl, w, maker, rng, rate)
			}
			cl.Close()
		}
		if !l.mayGo(func() {}) {
			return
		}
		wait(l.ctx, 100*time.Millisecond)
	}
}

// next draws the next record of a writer.
func (l *load) next(w writer, maker *workload.Maker, rng *rand.Rand) *kgo.Record {
	t := l.topics.living(w.role)[0]
	return w.draw(maker, rng, t.name, rng.Int32N(t.partitions))
}

func (l *load) done(r *kgo.Record, err error) {
	if err != nil {
		l.failed.Add(1)
		return
	}
	l.ledger.ack(r)
	l.acked.Add(1)
	l.bytes.Add(int64(sizeOf(r)))
}

func sizeOf(r *kgo.Record) (n int) {
	for _, h := range r.Headers {
		n += len(h.Key) + len(h.Value)
	}
	return n + len(r.Key) + len(r.Value) + 10
}

// stream writes at a rate until it is stopped.
func (l *load) stream(cl *kgo.Client, w writer, maker *workload.Maker, rng *rand.Rand, rate float64) {
	settle := func() { cl.Flush(l.ctx) }
	pace := newPace(rate)
	for l.mayGo(settle) {
		for due := pace.due(); due > 0 && l.ctx.Err() == nil; {
			r := l.next(w, maker, rng)
			cl.Produce(l.ctx, r, l.done)
			due -= float64(pace.spent(sizeOf(r)))
		}
		wait(l.ctx, 20*time.Millisecond)
	}
	settle()
}

// transactions writes one after the other, and ends one in three by aborting it. It
// returns when the client is of no use any more.
func (l *load) transactions(cl *kgo.Client, w writer, maker *workload.Maker, rng *rand.Rand, rate float64) {
	pace := newPace(rate)
	for l.mayGo(func() {}) {
		if pace.due() <= 0 {
			wait(l.ctx, 20*time.Millisecond)
			continue
		}
		if err := cl.BeginTransaction(); err != nil {
			return
		}
		for range 3 + rng.IntN(40) {
			r := l.next(w, maker, rng)
			pace.spent(sizeOf(r))
			cl.Produce(l.ctx, r, l.done)
		}
		err := cl.Flush(l.ctx)
		if rng.IntN(6) == 0 { // a long one, open over whatever happens meanwhile
			wait(l.ctx, time.Duration(rng.IntN(3000))*time.Millisecond)
		}
		abort := rng.IntN(3) == 0
		end := kgo.TryCommit
		if abort {
			end = kgo.TryAbort
		}
		if err = errors.Join(err, cl.EndTransaction(l.ctx, end)); err != nil {
			return // the next client of this id ends what this one has left open
		}
		if abort {
			l.aborted.Add(1)
		} else {
			l.committed.Add(1)
		}
	}
}

// pace spreads bytes over time; what could not be written in time is not caught up
// beyond half a second.
type pace struct {
	rate   float64
	budget float64
	last   time.Time
}

func newPace(rate float64) *pace { return &pace{rate: rate, last: time.Now()} }

// due is how many bytes may be written now.
func (p *pace) due() float64 {
	now := time.Now()
	p.budget = min(p.budget+p.rate*now.Sub(p.last).Seconds(), p.rate/2)
	p.last = now
	return p.budget
}

// spent takes what was written off, and returns it.
func (p *pace) spent(n int) int {
	p.budget -= float64(n)
	return n
}

// wait waits, but not beyond ctx.
func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
