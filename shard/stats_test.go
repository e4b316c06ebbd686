package shard

import (
	"math/bits"
	"testing"
	"time"
)

func TestTurnsAreCountedByLength(t *testing.T) {
	var s Stats
	for nanos, bucket := range map[int64]int{0: 0, 999: 0, 1000: 1, 1999: 1, 2000: 2, 3_999_999: 12, 4_100_000: 13, 1 << 62: turnBuckets - 1} {
		before := s.TurnBuckets[bucket]
		s.tookTurn(nanos)
		if s.TurnBuckets[bucket] != before+1 {
			t.Errorf("a turn of %d ns is not in bucket %d: %v", nanos, bucket, s.TurnBuckets)
		}
	}
	if s.Turns != 8 || s.TurnMaxNanos != 1<<62 {
		t.Errorf("%d turns, the longest %d", s.Turns, s.TurnMaxNanos)
	}
}

// A task that blocks makes its turn long; what the loop sleeps, or has gnet sleep for it,
// is no turn.
func TestATurnIsWhatTheLoopIsBusyFor(t *testing.T) {
	const (
		block = 30 * time.Millisecond
		nap   = 20 * time.Millisecond // the loop takes it itself where it dozes
		naps  = 20
	)
	for _, doze := range []bool{false, true} {
		s := startGroup(t, Config{Doze: doze}, nil).Shard(0)
		// turns are those in all, and those of the bucket of d or above.
		turns := func(d time.Duration) (all, long uint64) {
			onLoop(t, s, func() {
				for i, n := range s.Stats().TurnBuckets {
					if all += n; i >= bits.Len64(uint64(d.Microseconds())) {
						long += n
					}
				}
				if all != s.Stats().Turns {
					t.Errorf("doze %v: %d turns in buckets, %d counted", doze, all, s.Stats().Turns)
				}
			})
			return all, long
		}
		allBefore, longBefore := turns(nap)
		for range naps {
			time.Sleep(nap)
			onLoop(t, s, func() {})
		}
		eventually(t, "a turn for each task", func() bool { all, _ := turns(nap); return all-allBefore >= naps })
		if _, long := turns(nap); long-longBefore >= naps { // a busy machine may hold up a few
			t.Errorf("doze %v: %d long turns while the loop slept %d times", doze, long-longBefore, naps)
		}

		var busyBefore int64
		onLoop(t, s, func() { busyBefore = s.Stats().BusyNanos })
		_, longBefore = turns(block)
		onLoop(t, s, func() { time.Sleep(block) })
		eventually(t, "a long turn", func() bool { _, long := turns(block); return long > longBefore })
		onLoop(t, s, func() {
			if st := s.Stats(); st.BusyNanos-busyBefore < int64(block) || st.TurnMaxNanos < int64(block) {
				t.Errorf("doze %v: busy for %d ns, at most %d in a turn", doze, st.BusyNanos-busyBefore, st.TurnMaxNanos)
			}
		})
	}
}
