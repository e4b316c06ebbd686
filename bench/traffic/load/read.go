package load

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"umbra/bench/plain"
)

const (
	answerBytes = 50 << 20               // of one answer, as a consumer asks for unless told otherwise
	pollWait    = 500 * time.Millisecond // a broker answers when there is a byte
)

// share is a run of offsets of one partition.
type share struct {
	partition  int32
	start, end int64
}

// sharesOf is what reader i of a topic reads: whole partitions, or its part of
// one where there are more readers than partitions.
func (j Job) sharesOf(i int, ends map[int32]int64) []share {
	var out []share
	for _, p := range j.partitionsOf(i) {
		s := share{p, 0, ends[p]}
		if j.Conns > j.Partitions {
			readers := (j.Conns - int(p) + j.Partitions - 1) / j.Partitions
			k := i / j.Partitions
			s.start, s.end = ends[p]*int64(k)/int64(readers), ends[p]*int64(k+1)/int64(readers)
		}
		out = append(out, s)
	}
	return out
}

// openReaders connects every reader; starts says where each begins.
func openReaders(ctx context.Context, j Job, limit plain.Limits, starts func(i int) map[int32]int64) ([]*plain.Reader, error) {
	var out []*plain.Reader
	for i := range j.Conns {
		c, err := plain.Dial(ctx, j.Addr)
		if err != nil {
			closeReaders(out)
			return nil, err
		}
		out = append(out, plain.NewReader(c, j.Topic, starts(i), limit))
	}
	return out, nil
}

func closeReaders(readers []*plain.Reader) {
	for _, r := range readers {
		r.Close()
	}
}

// readAll reads every share to its end and counts what came.
func readAll(readers []*plain.Reader, shares [][]share, into *ledger) {
	var wg sync.WaitGroup
	for i, r := range readers {
		wg.Go(func() {
			if err := readShares(r, shares[i]); err != nil {
				into.fail(err)
				closeReaders(readers)
			}
		})
	}
	wg.Wait()
	into.mu.Lock()
	defer into.mu.Unlock()
	for i, r := range readers {
		into.out.Bytes += r.Total.Bytes
		for _, s := range shares[i] {
			into.out.Records += s.end - s.start
		}
	}
}

func readShares(r *plain.Reader, shares []share) error {
	open := map[int32]int64{}
	for _, s := range shares {
		if s.end > s.start {
			open[s.partition] = s.end
		}
	}
	for len(open) > 0 {
		err := r.Fetch(func(p int32, next int64) {
			if end, ok := open[p]; ok && next >= end {
				delete(open, p)
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// endsOf is where the topic ends now.
func endsOf(ctx context.Context, j Job) (map[int32]int64, error) {
	leaders, err := plain.FindLeaders(ctx, j.Addr, j.Topic)
	if err != nil {
		return nil, err
	}
	if n := leaders.Partitions(); n != j.Partitions {
		return nil, fmt.Errorf("topic %q has %d partitions, not %d", j.Topic, n, j.Partitions)
	}
	return plain.Ends(ctx, leaders, j.Topic)
}

// startsOf is where a reader begins.
func startsOf(shares []share) map[int32]int64 {
	out := map[int32]int64{}
	for _, s := range shares {
		out[s.partition] = s.start
	}
	return out
}

// errGone is what a load returns when its input ended where it needs more.
var errGone = errors.New("the measuring process is gone")
