package traffic

import (
	"context"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"umbra/bench/progress"
	"umbra/bench/traffic/load"
	"umbra/loadtest/kafka"
	"umbra/loadtest/umbra"
)

// The load generator is this test binary, run again.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == load.Command {
		if err := load.Serve(context.Background(), os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// Both benches, tiny, against the real things: every cell has a round that moved data.
func TestBothBenches(t *testing.T) {
	kafka.NeedE2E(t)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	binary, err := umbra.Build(ctx, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range []Bench{Produce, Consume} {
		o := Options{Bench: b, Systems: []string{Umbra, Kafka, KafkaFlush}, Conns: []int{5}, Batches: []int{4}, Record: 200, Partitions: 3, Rate: 200, Inflight: 2,
			Bytes: 1 << 20, Rounds: 1, For: 100 * time.Millisecond, Umbra: binary, Dir: t.TempDir()}
		r, err := Run(ctx, o, progress.Line{})
		if err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		if err := r.Check(); err != nil || len(r.Cells) != len(o.Systems) {
			t.Errorf("%s: %d cells, %v", b, len(r.Cells), err)
		}
		for _, c := range r.Cells {
			if len(c.Rounds) != 1 || c.Rounds[0].Paced.Latency.Count < 10 || c.Rounds[0].Full.Bytes == 0 || c.Rounds[0].Full.Cost <= 0 {
				t.Errorf("%s: %s at %s: %+v", b, c.System, c.point(), c.Rounds)
			}
		}
		left, err := os.ReadDir(o.Dir)
		if err != nil || slices.ContainsFunc(left, func(os.DirEntry) bool { return true }) {
			t.Errorf("%s left %v behind, %v", b, left, err)
		}
	}
}
