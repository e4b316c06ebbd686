package observe

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"umbra/shard"
)

func TestShardCollectorAndChecks(t *testing.T) {
	g, err := shard.Start(shard.Config{Shards: 2, Listen: "127.0.0.1:0", Engine: "pwrite", ArenaBytes: 64 << 20, Log: quiet()},
		func(*shard.Conn) shard.Protocol { return nil })
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := g.Stop(ctx); err != nil {
			t.Error(err)
		}
	}()
	r := NewRegistry(quiet())
	r.Register(CollectShards(g))
	text := scrape(t, r)
	for _, want := range []string{`umbra_shard_queue_depth{shard="0"}`, `umbra_shard_busy_ratio{shard="1"}`, `umbra_shard_arena_budget_bytes{shard="1"} 6.7108864e+07`,
		`umbra_shard_connections_refused_total{shard="0",bound="files"} 0`,
		`umbra_shard_turn_seconds_bucket{shard="0",le="+Inf"}`, `umbra_shard_turn_seconds_sum{shard="1"}`, `umbra_shard_turn_seconds_count{shard="1"}`, "umbra_metrics_errors_total 0"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	checkFormat(t, text)
	if ok, lines := report(ShardChecks(g, time.Minute)); !ok || !strings.Contains(lines, "[+] shard 1\n") {
		t.Errorf("%v %s", ok, lines)
	}
	if ok, lines := report(ShardChecks(g, -1)); ok || !strings.Contains(lines, "[-] shard 0: its loop has not answered") {
		t.Errorf("%v %s", ok, lines)
	}
}

// Whether many files can be flushed at once is told, with the reason, once there is a file.
func TestStorageCollector(t *testing.T) {
	g, err := shard.Start(shard.Config{Shards: 1, Listen: "127.0.0.1:0", Engine: "pwrite", ArenaBytes: 64 << 20, Log: quiet()},
		func(*shard.Conn) shard.Protocol { return nil })
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	defer func() {
		if err := g.Stop(ctx); err != nil {
			t.Error(err)
		}
	}()
	dir := t.TempDir()
	r := NewRegistry(quiet())
	r.Register(CollectStorage(g, dir))
	if text := scrape(t, r); strings.Contains(text, "umbra_storage_syncfs_usable{") || !strings.Contains(text, "umbra_fsyncs_total{") {
		t.Errorf("before the first file:\n%s", text)
	}
	err = g.Shard(0).Call(ctx, func() {
		f, err := g.Shard(0).Ring().OpenFile(filepath.Join(dir, "log"), os.O_RDWR|os.O_CREATE, 0o600, false)
		if err == nil {
			err = f.Close()
		}
		if err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	why, can, known := g.Shard(0).Ring().Syncfs()
	want := fmt.Sprintf("umbra_storage_syncfs_usable{dir=%q,reason=%q} %d", dir, why, map[bool]int{true: 1}[can])
	if text := scrape(t, r); !known || why == "" || !strings.Contains(text, want) {
		t.Errorf("known %v, no %s in\n%s", known, want, text)
	}
}

// Turns are told apart from 64 us to more than a minute; their sum is what the loop was busy.
func TestTurnsOfAShard(t *testing.T) {
	s := shard.Snapshot{Shard: 3, Stats: shard.Stats{BusyNanos: 60_090_000}}
	s.TurnBuckets[2], s.TurnBuckets[7], s.TurnBuckets[15] = 5, 1, 2 // below 4 us, 128 us and 33 ms
	text := exposition(t, func(e *Emit) { emitShard(e, s, 0) })
	has(t, text, "# TYPE umbra_shard_turn_seconds histogram", `umbra_shard_turn_seconds_bucket{shard="3",le="6.4e-05"} 5`, `umbra_shard_turn_seconds_bucket{shard="3",le="0.000128"} 6`,
		`umbra_shard_turn_seconds_bucket{shard="3",le="0.016384"} 6`, `umbra_shard_turn_seconds_bucket{shard="3",le="0.032768"} 8`, `umbra_shard_turn_seconds_bucket{shard="3",le="67.108864"} 8`,
		`umbra_shard_turn_seconds_bucket{shard="3",le="+Inf"} 8`, `umbra_shard_turn_seconds_sum{shard="3"} 0.06009`, `umbra_shard_turn_seconds_count{shard="3"} 8`)
}

func report(checks []Check) (ok bool, text string) {
	var h Health
	h.Add(checks...)
	return h.Report()
}
