package shard

import (
	"math"
	"time"
)

// Timer is one call of a function on its shard's loop. Loop only.
type Timer struct {
	when  int64  // shard nanoseconds
	seq   uint64 // order among equals
	f     func()
	index int // in the heap, -1 when not there
	owner *timers
}

// Stop keeps the function from running and reports whether it did. Loop only.
func (t *Timer) Stop() bool {
	if t == nil || t.index < 0 {
		return false
	}
	t.owner.remove(t.index)
	t.f = nil
	return true
}

// timers is the loop's own heap. One runtime timer per shard rings the bell for
// the earliest; everything else happens here, without a goroutine or a lock per
// timer. They are also looked at in every turn, so a busy loop needs no bell.
type timers struct {
	heap  []*Timer
	seq   uint64
	rt    *time.Timer // rings the bell
	armed int64       // when rt fires, 0 not armed
	now   func() int64
}

func newTimers(now func() int64, wake func()) *timers {
	ts := &timers{now: now, rt: time.AfterFunc(time.Hour, wake)}
	ts.rt.Stop()
	return ts
}

func (ts *timers) after(d time.Duration, f func()) *Timer { return ts.at(ts.in(d), f) }

// within is after for what need not wait all of d: it runs at the last multiple of d/2
// before d has passed, together with everything else of the same d.
func (ts *timers) within(d time.Duration, f func()) *Timer {
	step := max(int64(d)/2, 1)
	return ts.at(ts.in(d)/step*step, f)
}

// in is the moment after d; what lies beyond all time never comes.
func (ts *timers) in(d time.Duration) int64 {
	now := ts.now()
	return now + min(max(int64(d), 0), math.MaxInt64-now)
}

func (ts *timers) at(when int64, f func()) *Timer {
	t := &Timer{when: when, seq: ts.seq, f: f, owner: ts}
	ts.seq++
	t.index = len(ts.heap)
	ts.heap = append(ts.heap, t)
	ts.up(t.index)
	return t
}

// run calls what is due at now, in order of time, then of creation. What the
// functions themselves add waits for the next call, however short it is.
func (ts *timers) run(now int64) (ran int) {
	if ts.armed != 0 && ts.armed <= now {
		ts.armed = 0
	}
	limit := ts.seq
	for len(ts.heap) > 0 && ts.heap[0].when <= now && ts.heap[0].seq < limit {
		t := ts.heap[0]
		ts.remove(0)
		ran++
		t.f()
	}
	return ran
}

// arm sees to it that the bell rings for the earliest timer.
func (ts *timers) arm() {
	if len(ts.heap) == 0 {
		return
	}
	if when := ts.heap[0].when; ts.armed == 0 || when < ts.armed {
		ts.armed = max(when, 1)
		ts.rt.Reset(time.Duration(max(when-ts.now(), 0)))
	}
}

func (ts *timers) stop() {
	ts.rt.Stop()
	for _, t := range ts.heap {
		t.index, t.f = -1, nil
	}
	ts.heap = nil
}

func (ts *timers) less(a, b *Timer) bool {
	return a.when < b.when || a.when == b.when && a.seq < b.seq
}

func (ts *timers) place(t *Timer, i int) {
	ts.heap[i], t.index = t, i
}

// up and down keep a four-way heap: half the depth of a binary one.
func (ts *timers) up(i int) {
	t := ts.heap[i]
	for i > 0 {
		parent := (i - 1) / 4
		if !ts.less(t, ts.heap[parent]) {
			break
		}
		ts.place(ts.heap[parent], i)
		i = parent
	}
	ts.place(t, i)
}

func (ts *timers) down(i int) {
	t := ts.heap[i]
	for {
		first := i*4 + 1
		if first >= len(ts.heap) {
			break
		}
		least := first
		for c := first + 1; c < min(first+4, len(ts.heap)); c++ {
			if ts.less(ts.heap[c], ts.heap[least]) {
				least = c
			}
		}
		if !ts.less(ts.heap[least], t) {
			break
		}
		ts.place(ts.heap[least], i)
		i = least
	}
	ts.place(t, i)
}

func (ts *timers) remove(i int) {
	t := ts.heap[i]
	last := len(ts.heap) - 1
	moved := ts.heap[last]
	ts.heap[last] = nil
	ts.heap = ts.heap[:last]
	t.index = -1
	if i != last {
		ts.place(moved, i)
		ts.up(i)
		ts.down(moved.index)
	}
}
