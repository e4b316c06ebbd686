package shard

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestStopFlushesAndOpenFindsItAll(t *testing.T) {
	engines(t, func(t *testing.T, engine string) {
		dir := t.TempDir()
		const partitions, batches, records = 20, 50, 7
		for round := range 3 {
			g := startGroup(t, Config{Shards: 2, Engine: engine}, nil)
			for i := range int32(partitions) {
				def := testDef(dir, i)
				mustOpen(t, g, def, int(i)%2)
				got, _ := g.Published(def.ID)
				if want := int64(round * batches * records); got.HighWatermark != want || got.LogEnd != want {
					t.Fatalf("round %d partition %d: %+v, want %d", round, i, got, want)
				}
			}
			for i := range int32(partitions) {
				err := g.Do(context.Background(), testDef(dir, i).ID, func(p *Partition) {
					for range batches {
						appendTo(t, p, records)
					}
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			stopGroup(t, g) // with writes in flight
		}
	})
}

func TestLogsThatCloseLateAreFoundWhole(t *testing.T) {
	dir := t.TempDir()
	const partitions = 5
	var out bytes.Buffer
	g := startGroup(t, Config{Log: slog.New(slog.NewTextHandler(&out, nil))}, nil)
	for i := range int32(partitions) {
		mustOpen(t, g, testDef(dir, i), 0)
		if err := g.Do(context.Background(), testDef(dir, i).ID, func(p *Partition) { appendTo(t, p, 7) }); err != nil {
			t.Fatal(err)
		}
	}
	closed := make(chan struct{})
	onLoop(t, g.Shard(0), func() {
		g.Shard(0).partitions.closeAll(func() bool { return true }, func() { close(closed) })
	})
	receive(t, "logs to close", closed)
	stopGroup(t, g)
	if !strings.Contains(out.String(), "logs=5 of=5") {
		t.Errorf("the log does not say how many: %s", out.String())
	}
	g = startGroup(t, Config{}, nil)
	for i := range int32(partitions) {
		mustOpen(t, g, testDef(dir, i), 0)
		if got, _ := g.Published(testDef(dir, i).ID); got.LogEnd != 7 {
			t.Errorf("partition %d ends at %d", i, got.LogEnd)
		}
	}
}

func TestLateIn(t *testing.T) {
	now := time.Now()
	ctx, cancel := context.WithDeadline(context.Background(), now.Add(time.Hour))
	defer cancel()
	for _, c := range []struct {
		ctx   context.Context
		began time.Time
		want  bool
	}{
		{ctx, now, false},
		{ctx, now.Add(-2 * time.Hour), false}, // late in a quarter of an hour
		{ctx, now.Add(-10 * time.Hour), true}, // since an hour and more
		{context.Background(), now, false},
	} {
		if got := lateIn(c.ctx, c.began)(); got != c.want {
			t.Errorf("begun %v ago: late %v, want %v", now.Sub(c.began), got, c.want)
		}
	}
}
