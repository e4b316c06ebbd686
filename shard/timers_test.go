package shard

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestTimersRunInOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	now := int64(0)
	ts := newTimers(func() int64 { return now }, func() {})
	defer ts.stop()
	type due struct {
		when int64
		seq  int
	}
	var want, got []due
	live := map[int]*Timer{}
	seq := 0
	for range 5000 {
		switch rng.IntN(4) {
		case 0, 1:
			d := due{now + int64(rng.IntN(1000)), seq}
			live[seq] = ts.after(time.Duration(d.when-now), func() {
				got = append(got, d)
				delete(live, d.seq)
			})
			want = append(want, d)
			seq++
		case 2:
			for n, tm := range live {
				if !tm.Stop() || tm.Stop() {
					t.Fatal("Stop of a waiting timer is true once")
				}
				delete(live, n)
				want = slices.DeleteFunc(want, func(d due) bool { return d.seq == n })
				break
			}
		case 3:
			now += int64(rng.IntN(100))
			ts.run(now)
			for i, tm := range ts.heap {
				if tm.index != i || tm.when <= now {
					t.Fatalf("timer for %d at %d of the heap at %d", tm.when, i, now)
				}
			}
		}
	}
	now += 1000
	ts.run(now)
	slices.SortFunc(want, func(a, b due) int {
		if a.when != b.when {
			return int(a.when - b.when)
		}
		return a.seq - b.seq
	})
	// A run takes all that is due at once, so the order over all runs is the
	// order of time as the clock only goes on between runs.
	if !slices.Equal(got, want) {
		t.Fatalf("%d timers ran, want %d, in order of time and creation", len(got), len(want))
	}
}

func TestTimerAddedByATimerWaitsForTheNextRun(t *testing.T) {
	ts := newTimers(func() int64 { return 5 }, func() {})
	defer ts.stop()
	ran := 0
	var again func()
	again = func() { ran++; ts.after(0, again) }
	ts.after(0, again)
	for i := 1; i < 4; i++ {
		if ts.run(5); ran != i {
			t.Fatalf("ran %d times in %d runs", ran, i)
		}
	}
	var none *Timer
	if none.Stop() {
		t.Error("Stop of no timer")
	}
}

func TestAfterRunsOnTheLoopAndNotEarly(t *testing.T) {
	g := startGroup(t, Config{}, nil)
	s := g.Shard(0)
	type fired struct{ want, took time.Duration }
	out := make(chan fired, 100)
	onLoop(t, s, func() {
		start := time.Now()
		for i := range 50 {
			d := time.Duration(i%7) * 3 * time.Millisecond
			s.After(d, func() {
				if s.turnDepth != 1 {
					t.Errorf("timer at turn depth %d", s.turnDepth)
				}
				out <- fired{d, time.Since(start)}
			})
		}
	})
	for range 50 {
		if f := receive(t, "a timer", out); f.took < f.want {
			t.Errorf("a timer for %v fired after %v", f.want, f.took)
		}
	}
}

// TestTimersWithin: what was asked for with the same d runs at once, after half of it at
// the earliest and all of it at the latest.
func TestTimersWithin(t *testing.T) {
	const d = 50 * time.Millisecond
	rng := rand.New(rand.NewPCG(3, 4))
	now := rng.Int64N(int64(time.Hour))
	ts := newTimers(func() int64 { return now }, func() {})
	defer ts.stop()
	moments := map[int64]int{}
	for range 1000 {
		now += rng.Int64N(int64(time.Millisecond))
		asked := now
		ts.within(d, func() {
			moments[now]++
			if waited := now - asked; waited < int64(d/2) || waited > int64(d) {
				t.Errorf("ran after %v of %v", time.Duration(waited), d)
			}
		})
		for len(ts.heap) > 0 && ts.heap[0].when <= now+int64(time.Millisecond) {
			now = max(now, ts.heap[0].when)
			ts.run(now)
		}
	}
	if len(moments) > 25 { // half a second of them, every 25 ms
		t.Errorf("%d moments: %v", len(moments), moments)
	}
	if ts.within(0, func() {}).when > now {
		t.Error("within nothing is later")
	}
	if ts.within(math.MaxInt64, func() {}).when < now || ts.after(math.MaxInt64, func() {}).when != math.MaxInt64 {
		t.Error("the end of all time has passed")
	}
}
