package load

import (
	"context"
	"fmt"
	"sync"
	"time"

	"umbra/bench/measure"
)

// flat keeps j.Inflight requests under way on every line until d is over, then waits
// for the answers, as long as drainLimit.
func flat(ctx context.Context, j Job, lines []*line, d time.Duration, into *ledger) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	var wg sync.WaitGroup
	for _, l := range lines {
		wg.Go(func() {
			if err := l.flat(ctx, j.Inflight, into); err != nil {
				into.fail(fmt.Errorf("connection to %s: %w", l.RemoteAddr(), err))
				cancel()
			}
		})
	}
	wg.Wait()
}

func (l *line) flat(ctx context.Context, inflight int, into *ledger) error {
	end, _ := ctx.Deadline()
	if err := l.SetDeadline(end.Add(drainLimit)); err != nil {
		return err
	}
	times := make([]int64, inflight) // of sending, by request number
	send := func() error {
		times[l.sent%inflight] = measure.Now()
		return l.send()
	}
	for range inflight {
		if err := send(); err != nil {
			return err
		}
	}
	for l.received < l.sent {
		answers := 0
		err := l.receive(func(n int, _ int64) {
			at := times[n%inflight]
			into.batch(at, time.Duration(measure.Now()-at), l.bytes)
			answers++
		})
		for ; err == nil && answers > 0 && ctx.Err() == nil; answers-- {
			err = send()
		}
		if err != nil {
			return err
		}
	}
	return nil
}
