package observe

import (
	"context"
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
		`umbra_shard_connections_refused_total{shard="0",bound="files"} 0`, "umbra_metrics_errors_total 0"} {
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

func report(checks []Check) (ok bool, text string) {
	var h Health
	h.Add(checks...)
	return h.Report()
}
