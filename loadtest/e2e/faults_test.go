package e2e_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"umbra/loadtest/kafka"
	"umbra/loadtest/rawfetch"
	"umbra/loadtest/umbra"
	"umbra/loadtest/wire"
	"umbra/loadtest/workload"
)

// kills is how often umbra dies in TestExactPrefixUnderFaults.
const kills = 50

// While three producers write to a cluster of three, the source's leader dies and
// returns, connections are reset in mid-frame, and umbra is killed over and over: what
// umbra holds is always an exact prefix, and in the end it is everything.
func TestExactPrefixUnderFaults(t *testing.T) {
	ctx := within(t, 6*time.Minute)
	layout := kafka.Three()
	layout.Proxied = true
	source := kafka.Run(t, layout)
	const topic, partitions = "load", 6
	if err := workload.CreateTopic(ctx, source.Seeds(), topic, partitions, 3, map[string]string{"min.insync.replicas": "2"}); err != nil {
		t.Fatal(err)
	}
	proxies := proxiesOf(t, source)
	var fronts []string
	for _, p := range proxies {
		fronts = append(fronts, p.Addr())
	}
	load, err := workload.StartLoad(workload.LoadConfig{Seeds: source.Seeds(), Topic: topic, Partitions: partitions, Producers: 3, PerSecond: 600, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	defer load.Stop(0)
	d := startUmbra(t, ctx)
	do(t, ctx, d, "link", "create", "dr", "--from", strings.Join(fronts, ","), "--topics", topic)
	src, dst := reader(t, "source", source.Seeds()...), shadowReader(t, d)
	rng := rand.New(rand.NewPCG(3, 3))
	leader := 0
	for round := range kills {
		proxies[rng.IntN(len(proxies))].ResetAfter(int64(rng.IntN(40_000)))
		switch round {
		case kills / 4:
			leader = leaderOf(t, ctx, src, topic, 0)
			if err := source.Broker(leader).Kill(); err != nil {
				t.Fatal(err)
			}
		case kills / 2:
			if err := source.Broker(leader).Launch(); err != nil {
				t.Fatal(err)
			}
		}
		crash(t, ctx, d, time.Duration(rng.IntN(250))*time.Millisecond)
		checkPrefix(t, ctx, src, dst, topic, int32(round%partitions))
	}
	if err := source.AwaitBrokers(ctx, 3); err != nil {
		t.Fatal(err)
	}
	if err := load.AwaitAcked(ctx, 500); err != nil {
		t.Fatal(err)
	}
	acked, failed := load.Stop(30 * time.Second)
	for _, eq := range awaitEqual(t, ctx, src, dst, topic) {
		t.Log(eq)
	}
	verdict, err := load.Ledger.Check(ctx, workload.Verify{Seeds: []string{d.Listen}})
	if err != nil {
		t.Fatal(err)
	}
	resets := 0
	for _, p := range proxies {
		resets += p.Resets()
	}
	t.Logf("%d kills, %d resets, %d records acknowledged (%d failed), on the shadow: %+v", kills, resets, acked, failed, verdict)
	if resets == 0 {
		t.Error("no connection was reset")
	}
}

func proxiesOf(t *testing.T, c *kafka.Cluster) []*wire.Proxy {
	t.Helper()
	var out []*wire.Proxy
	for _, b := range c.Brokers {
		p, err := wire.Listen(b.Front, b.Behind)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(p.Close)
		out = append(out, p)
	}
	return out
}

func leaderOf(t *testing.T, ctx context.Context, r *rawfetch.Reader, topic string, partition int) int {
	t.Helper()
	meta, err := r.Topic(ctx, topic)
	if err != nil {
		t.Fatal(err)
	}
	return int(meta.Partitions[partition].Leader)
}

// crash lets umbra run a while, kills it and starts it again.
func crash(t *testing.T, ctx context.Context, d *umbra.Daemon, after time.Duration) {
	t.Helper()
	select {
	case <-ctx.Done():
		t.Fatal(ctx.Err())
	case <-time.After(after): // the moment of the kill is what is drawn, nothing waits for it
	}
	if err := d.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Start(ctx); err != nil {
		t.Fatal(err)
	}
}

// checkPrefix proves that what the shadow holds of a partition is the source's, so far.
func checkPrefix(t *testing.T, ctx context.Context, src, dst *rawfetch.Reader, topic string, partition int32) {
	t.Helper()
	eventually(t, ctx, fmt.Sprintf("shadow serves %s/%d", topic, partition), func() string {
		if _, err := dst.Bounds(ctx, topic, partition); err != nil {
			return err.Error()
		}
		return ""
	})
	if _, err := rawfetch.Compare(ctx, src, dst, topic, partition, rawfetch.Prefix); err != nil {
		t.Fatal(err)
	}
}
