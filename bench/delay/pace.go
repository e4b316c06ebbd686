package delay

import (
	"context"
	"time"

	"umbra/bench/measure"
)

// Pace calls send at every step of a timetable: the first time at once, then every
// step, for as long as d. It never skips one: after a hold-up it sends what
// is overdue at once, and tells how late. It returns how many it sent.
func Pace(ctx context.Context, step, d time.Duration, send func(i int, late time.Duration)) int {
	begin := measure.Now()
	for i := 0; ; i++ {
		due := time.Duration(i) * step
		if due >= d || ctx.Err() != nil {
			return i
		}
		if early := due - time.Duration(measure.Now()-begin); early > 0 {
			if !sleep(ctx, early) {
				return i
			}
		}
		send(i, max(0, time.Duration(measure.Now()-begin)-due))
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
