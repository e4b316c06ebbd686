package load

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"umbra/bench/delay"
	"umbra/bench/measure"
	"umbra/bench/plain"
)

// tail is a Steady load with readers at the end of the log.
type tail struct {
	j       Job
	lines   []*line
	readers []*plain.Reader

	mu     sync.Mutex
	acks   []ack
	sights [][]delay.Sight
	want   map[int32]int64 // ends that were acknowledged
	seen   []map[int32]int64
}

// ack is an acknowledged batch. Its At is when it was due.
type ack struct {
	delay.Ack
	took time.Duration
}

// openTail connects; the producers are no more than there are partitions.
func openTail(ctx context.Context, j Job) (*tail, error) {
	ends, err := endsOf(ctx, j)
	if err != nil {
		return nil, err
	}
	t := &tail{j: j, want: map[int32]int64{}, sights: make([][]delay.Sight, j.Conns)}
	producers := j
	producers.Conns = min(j.Conns, j.Partitions)
	if t.lines, err = openLines(ctx, producers); err != nil {
		return nil, err
	}
	limit := plain.Limits{PartitionBytes: 1 << 20, AnswerBytes: answerBytes, Wait: pollWait}
	t.readers, err = openReaders(ctx, j, limit, func(i int) map[int32]int64 {
		from := map[int32]int64{}
		for _, p := range j.partitionsOf(i) {
			from[p] = ends[p]
		}
		t.seen = append(t.seen, from)
		return from
	})
	return t, err
}

func (t *tail) close() {
	closeAll(t.lines)
	closeReaders(t.readers)
}

// run produces for warm and for d, reads everything, and records what was sent in d.
func (t *tail) run(ctx context.Context, warm, d time.Duration, into *ledger, begun func() error) {
	var reading sync.WaitGroup
	for i, r := range t.readers {
		reading.Go(func() {
			if err := t.follow(i, r); err != nil {
				into.fail(err)
			}
		})
	}
	before := &ledger{}
	steady(ctx, t.j, t.lines, warm, before, t.acked)
	_, err := before.result()
	if err == nil {
		err = begun()
	}
	if err != nil {
		into.fail(err)
	} else {
		t.mu.Lock()
		t.acks = nil
		t.mu.Unlock()
		steady(ctx, t.j, t.lines, d, into, t.acked)
	}
	if err := t.drain(drainLimit); err != nil {
		into.fail(err)
	}
	closeReaders(t.readers)
	reading.Wait()
	t.join(into)
}

func (t *tail) acked(c, n int, base, due int64) {
	p, end, took := t.lines[c].partition(n), base+int64(t.j.Batch), time.Duration(measure.Now()-due)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.acks = append(t.acks, ack{delay.Ack{Partition: p, End: end, At: due}, took})
	t.want[p] = max(t.want[p], end)
}

// follow reads until the connection is closed.
func (t *tail) follow(i int, r *plain.Reader) error {
	for {
		err := r.Fetch(func(p int32, next int64) {
			now := measure.Now()
			t.mu.Lock()
			defer t.mu.Unlock()
			t.sights[i] = append(t.sights[i], delay.Sight{Partition: p, Next: next, At: now})
			t.seen[i][p] = next
		})
		if errors.Is(err, net.ErrClosed) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// drain waits until every reader has read what was acknowledged.
func (t *tail) drain(limit time.Duration) error {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for over := time.After(limit); ; {
		behind := t.behind()
		if behind == "" {
			return nil
		}
		select {
		case <-tick.C:
		case <-over:
			return fmt.Errorf("%s after %v: %w", behind, limit, errUnanswered)
		}
	}
}

func (t *tail) behind() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, seen := range t.seen {
		for p, at := range seen {
			if at < t.want[p] {
				return fmt.Sprintf("reader %d is at %d of %d in partition %d", i, at, t.want[p], p)
			}
		}
	}
	return ""
}

// join works out every reader's latencies.
func (t *tail) join(into *ledger) {
	into.mu.Lock()
	defer into.mu.Unlock()
	for i, sights := range t.sights {
		var mine []delay.Ack
		var took []time.Duration
		for _, a := range t.acks {
			if _, ok := t.seen[i][a.Partition]; ok {
				mine, took = append(mine, a.Ack), append(took, a.took)
			}
		}
		latencies, err := delay.Join(mine, sights, 0)
		if err != nil && into.failure == nil {
			into.failure = err
		}
		for n, d := range latencies {
			into.latencyLocked(Sample{mine[n].At, d, took[n]})
		}
	}
	for _, a := range t.acks {
		into.out.Acked.Add(a.took)
	}
	into.out.Batches = int64(len(t.acks))
	into.out.Bytes = into.out.Batches * int64(t.lines[0].bytes)
}
