package soak

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"umbra/loadtest/rawfetch"
	"umbra/loadtest/workload"
)

// prefixes compares, all the time and whatever happens, what the shadow holds of
// partitions drawn by lot with the source. It belongs to one goroutine.
type prefixes struct {
	o        Options
	src, dst side
	topics   *registry
	book     *book
	rng      *rand.Rand
	served   map[workload.TopicPartition]int64 // up to where it was found equal
	bytes    atomic.Int64
}

func newPrefixes(o Options, src, dst *rawfetch.Reader, topics *registry, b *book) *prefixes {
	return &prefixes{o: o, src: sideOf(src), dst: sideOf(dst), topics: topics, book: b, rng: rand.New(rand.NewPCG(o.Seed, 1<<41)), served: map[workload.TopicPartition]int64{}}
}

func (p *prefixes) run(ctx context.Context) {
	for ctx.Err() == nil {
		p.one(ctx)
		wait(ctx, 100*time.Millisecond)
	}
}

// one compares one partition from where it was last found equal. Now and then it goes
// back to the start, to look at what was written to disk long ago.
func (p *prefixes) one(ctx context.Context) {
	list := logs(p.topics.living(plain, txn, bulk, churn))
	tp := list[p.rng.IntN(len(list))]
	subject := fmt.Sprintf("%s/%d", tp.Topic, tp.Partition)
	within, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	s, err := prefixAt(within, p.src, p.dst, tp.Topic, tp.Partition, p.served[tp], p.topics.mayStart(tp.Topic, tp.Partition, p.o))
	if ctx.Err() != nil {
		return
	}
	if t, _ := p.topics.find(tp.Topic); t.fate != live {
		return // it went meanwhile
	}
	if err == nil {
		p.bytes.Add(s.bytes)
		p.served[tp] = s.to
	}
	p.book.judge("prefix", subject, "", err)
	if p.rng.IntN(40) == 0 && err == nil {
		p.again(within, tp, subject)
	}
}

// again compares a partition from its start to where it was found equal before.
func (p *prefixes) again(ctx context.Context, tp workload.TopicPartition, subject string) {
	truth, err := p.src.bounds(ctx, tp.Topic, tp.Partition)
	if err != nil {
		p.book.skipped("old prefix", subject, err)
		return
	}
	held, err := p.dst.bounds(ctx, tp.Topic, tp.Partition)
	if err != nil {
		p.book.skipped("old prefix", subject, err)
		return
	}
	s, err := equalBatches(ctx, p.src, p.dst, tp.Topic, tp.Partition, max(truth.Start, held.Start), p.served[tp])
	if t, _ := p.topics.find(tp.Topic); t.fate != live {
		return
	}
	if err == nil {
		p.bytes.Add(s.bytes)
	}
	p.book.judge("old prefix", subject, fmt.Sprintf("offsets %d to %d, %d bytes", s.from, s.to, s.bytes), err)
}
