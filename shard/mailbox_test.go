package shard

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
)

func TestMailboxRefusesAtItsBound(t *testing.T) {
	m := newMailbox(5) // rounded up to 8
	ran := 0
	for i := range 8 {
		bell, err := m.push(func() { ran++ })
		if err != nil || bell != (i == 0) {
			t.Fatalf("push %d: bell %v, %v", i, bell, err)
		}
	}
	if _, err := m.push(func() {}); !errors.Is(err, ErrMailboxFull) {
		t.Fatalf("push at the bound: %v", err)
	}
	if m.depth() != 8 || m.refused.Load() != 1 || m.fullSince.Load() == 0 {
		t.Errorf("depth %d, refused %d, full since %d", m.depth(), m.refused.Load(), m.fullSince.Load())
	}
	if n, more := m.drain(3); n != 3 || !more {
		t.Errorf("drained %d, more %v", n, more)
	}
	if n, more := m.drain(100); n != 5 || more || ran != 8 {
		t.Errorf("drained %d, more %v, ran %d", n, more, ran)
	}
	if m.fullSince.Load() != 0 || m.limitNanos.Load() <= 0 {
		t.Errorf("full since %d, time at limit %d", m.fullSince.Load(), m.limitNanos.Load())
	}
	if bell, err := m.push(func() {}); err != nil || !bell {
		t.Errorf("push after the drain: bell %v, %v", bell, err)
	}
}

// Every message whose push succeeded runs once, in its producer's order,
// however the close falls in between.
func TestMailboxRunsWhatItTook(t *testing.T) {
	for round := range 8 {
		m := newMailbox(64)
		const producers = 4
		var taken [producers]int
		var ran [producers]int
		var wg sync.WaitGroup
		var bells atomic.Int64
		for p := range producers {
			wg.Go(func() {
				for i := 0; i < 5_000; {
					number := i
					bell, err := m.push(func() {
						if ran[p] != number {
							t.Errorf("message %d of producer %d came as number %d", number, p, ran[p])
						}
						ran[p]++
					})
					if bell {
						bells.Add(1)
					}
					if errors.Is(err, ErrStopped) {
						return
					}
					if err == nil {
						i++
						taken[p] = i
					}
				}
			})
		}
		for total := 0; total < 2000*(round+1); {
			n, _ := m.drain(32)
			total += n
		}
		m.close()
		wg.Wait()
		if taken != ran {
			t.Fatalf("taken %v, ran %v", taken, ran)
		}
		if bells.Load() == 0 {
			t.Error("the bell never rang")
		}
		if m.depth() != 0 {
			t.Errorf("depth %d after the close", m.depth())
		}
	}
}

// What does a message cost when nobody has to be woken?
func BenchmarkMailboxPushPop(b *testing.B) {
	m := newMailbox(8192)
	f := func() {}
	b.ReportAllocs()
	for b.Loop() {
		m.push(f)
		m.pop()
	}
}
