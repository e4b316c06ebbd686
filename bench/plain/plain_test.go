package plain

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"umbra/bench/synthetic"
	"umbra/kafkaproto/batch"
)

// A walker finds the same end wherever the records are cut into pieces.
func TestWalkerAtEveryCut(t *testing.T) {
	var field []byte
	var whole int64
	b := batch.Builder{BaseOffset: 40}
	for i := range 3 {
		b.Reset()
		b.BaseOffset = 40 + int64(i)*10
		b.LastOffset = b.BaseOffset + 9 // as compaction leaves it
		b.Add(batch.Record{Value: make([]byte, 5+i*40)})
		out, err := b.Build(nil)
		if err != nil {
			t.Fatal(err)
		}
		field = append(field, out...)
		whole = int64(len(field))
	}
	field = append(field, field[:50]...) // a batch that was cut short
	for cut := range field {
		var w walker
		w.reset()
		w.feed(field[:cut])
		w.feed(field[cut:])
		if w.next != 70 || w.bytes != whole {
			t.Fatalf("cut at %d: next %d after %d bytes, want 70 after %d", cut, w.next, w.bytes, whole)
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var w walker
		w.reset()
		for rest := field; len(rest) > 0; {
			n := min(len(rest), 1+r.IntN(40))
			w.feed(rest[:n])
			rest = rest[n:]
		}
		if w.next != 70 || w.bytes != whole {
			t.Fatalf("next %d after %d bytes, want 70 after %d", w.next, w.bytes, whole)
		}
	}
	var w walker
	w.reset()
	w.feed(field[:60])
	if w.next != -1 || w.bytes != 0 {
		t.Errorf("a batch that is not whole was counted: next %d, %d bytes", w.next, w.bytes)
	}
}

func source(t *testing.T, cfg synthetic.Config) *synthetic.Source {
	t.Helper()
	cfg.Topic = "load"
	s, err := synthetic.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// Everything the source has is fetched, once, whatever the limits.
func TestGroupReadsAllOfASource(t *testing.T) {
	s := source(t, synthetic.Config{Partitions: 7, RecordSize: 300, BatchSize: 4000, ChunkBytes: 30_000, Records: 3000})
	ctx := within(t)
	leaders, err := FindLeaders(ctx, s.Addr(), "load")
	if err != nil || leaders.Partitions() != 7 {
		t.Fatalf("leaders %v, %v", leaders, err)
	}
	ends, err := Ends(ctx, leaders, "load")
	if err != nil || len(ends) != 7 {
		t.Fatalf("ends %v, %v", ends, err)
	}
	for _, limit := range []Limits{
		{PartitionBytes: 1 << 20, AnswerBytes: 16 << 20, Wait: time.Second},
		{PartitionBytes: 9000, AnswerBytes: 20_000, Wait: time.Second},
		{PartitionBytes: 1, AnswerBytes: 1, Wait: time.Second},
	} {
		g, err := Open(ctx, leaders, "load", nil, limit)
		if err != nil {
			t.Fatal(err)
		}
		reached := map[int32]int64{}
		if err := g.Run(ends, func(p int32, next int64) { reached[p] = next }); err != nil {
			t.Fatal(err)
		}
		total := g.Total()
		if !maps.Equal(reached, ends) || total.Bytes != s.TotalBytes() || total.Received <= total.Bytes || total.Chunks < 7 {
			t.Errorf("%+v: reached %v, %+v; want %v and %d bytes", limit, reached, total, ends, s.TotalBytes())
		}
		g.Close()
	}
}

// A reader that waits is woken by growth, and ended by Close.
func TestGroupWaitsForGrowth(t *testing.T) {
	s := source(t, synthetic.Config{Partitions: 2, RecordSize: 100, BatchSize: 500, ChunkBytes: 1 << 20})
	ctx := within(t)
	leaders, err := FindLeaders(ctx, s.Addr(), "load")
	if err != nil {
		t.Fatal(err)
	}
	g, err := Open(ctx, leaders, "load", nil, Limits{PartitionBytes: 1 << 20, AnswerBytes: 1 << 20, Wait: 20 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	type sight struct {
		p    int32
		next int64
	}
	saw := make(chan sight, 10)
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := g.Run(nil, func(p int32, next int64) { saw <- sight{p, next} }); err == nil {
			t.Error("a Run without an end ended without an error")
		}
	})
	for _, p := range []int{1, 0, 1} {
		high := s.Grow(p)
		select {
		case got := <-saw:
			if got != (sight{int32(p), high}) {
				t.Errorf("saw %+v, want partition %d up to %d", got, p, high)
			}
		case <-ctx.Done():
			t.Fatal("growth was not seen")
		}
	}
	g.Close()
	wg.Wait()
}

func TestErrorsNameTheBroker(t *testing.T) {
	s := source(t, synthetic.Config{Partitions: 1, RecordSize: 100, BatchSize: 500, ChunkBytes: 1 << 20})
	ctx := within(t)
	if _, err := FindLeaders(ctx, s.Addr(), "elsewhere"); !errors.Is(err, ErrNotThere) {
		t.Errorf("a topic that is not there: %v", err)
	}
	addr := s.Addr()
	s.Close()
	if _, err := FindLeaders(ctx, addr, "load"); err == nil || !strings.Contains(err.Error(), addr) {
		t.Errorf("a broker that is gone: %v", err)
	}
}

// A source that ends in the middle is an error, not an end.
func TestSourceThatGoesAway(t *testing.T) {
	s := source(t, synthetic.Config{Partitions: 1, RecordSize: 100, BatchSize: 500, ChunkBytes: 1000, Records: 100})
	ctx := within(t)
	leaders, err := FindLeaders(ctx, s.Addr(), "load")
	if err != nil {
		t.Fatal(err)
	}
	g, err := Open(ctx, leaders, "load", nil, Limits{PartitionBytes: 1 << 20, AnswerBytes: 1 << 20, Wait: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	err = g.Run(map[int32]int64{0: 1 << 40}, func(int32, int64) { once.Do(s.Close) })
	if err == nil || !strings.Contains(err.Error(), "load") {
		t.Errorf("got %v", err)
	}
}
