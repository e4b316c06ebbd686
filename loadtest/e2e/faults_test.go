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

// tearEvery: after every so many kills an append is broken off in its middle. A kill
// alone hardly ever does that: the kernel ends the writes it was given.
const tearEvery = 5

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
	compared := make([]int64, partitions)
	disk := newKilledLogs(d, topic, partitions)
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
		runFor(t, ctx, time.Duration(rng.IntN(250))*time.Millisecond)
		acked := lastAcked(load.Ledger, topic, partitions)
		if err := d.Kill(); err != nil {
			t.Fatal(err)
		}
		disk.inspect(t, acked)
		torn, from := "", int64(0)
		if round%tearEvery == tearEvery-1 {
			torn, from = disk.tear(t, compared)
		}
		if _, err := d.Start(ctx); err != nil {
			t.Fatal(err)
		}
		if torn != "" {
			saysCut(t, d, torn, from)
		}
		for p := range compared {
			compared[p] = checkPrefix(t, ctx, src, dst, topic, int32(p), compared[p])
		}
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
	t.Logf("%d kills came while acknowledged records were not on umbra's disk yet, %d left bytes of an unfinished batch; %d appends were broken off in their middle", disk.behind, disk.torn, disk.cut)
	if disk.behind == 0 {
		t.Error("no kill came while umbra had work to do")
	}
	if disk.cut == 0 {
		t.Error("no append was broken off in its middle")
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
	runFor(t, ctx, after)
	if err := d.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Start(ctx); err != nil {
		t.Fatal(err)
	}
}

// runFor lets things run: the moment that is drawn is what matters, nothing waits for it.
func runFor(t *testing.T, ctx context.Context, d time.Duration) {
	t.Helper()
	select {
	case <-ctx.Done():
		t.Fatal(ctx.Err())
	case <-time.After(d):
	}
}

// checkPrefix proves that what the shadow holds of a partition from an offset on is the
// source's, so far, and that nothing below has gone. It returns where that ends.
func checkPrefix(t *testing.T, ctx context.Context, src, dst *rawfetch.Reader, topic string, partition int32, from int64) (end int64) {
	t.Helper()
	eventually(t, ctx, fmt.Sprintf("shadow serves %s/%d", topic, partition), func() string {
		b, err := dst.Bounds(ctx, topic, partition)
		if err != nil {
			return err.Error()
		}
		end = b.HighWatermark
		return ""
	})
	b, err := src.Bounds(ctx, topic, partition) // second: a copy never holds more than its source does later
	if err != nil {
		t.Fatal(err)
	}
	if end < from || end > b.HighWatermark {
		t.Fatalf("%s/%d: the shadow ends at %d, it had served %d, the source ends at %d", topic, partition, end, from, b.HighWatermark)
	}
	if _, err := rawfetch.CompareRange(ctx, src, dst, topic, partition, from, end); err != nil {
		t.Fatal(err)
	}
	return end
}

// lastAcked is the highest offset of each partition that the source has acknowledged, -1
// for none.
func lastAcked(l *workload.Ledger, topic string, partitions int) []int64 {
	out := make([]int64, partitions)
	for p := range out {
		out[p] = -1
		if acks := l.Of(workload.TopicPartition{Topic: topic, Partition: int32(p)}); len(acks) > 0 {
			out[p] = acks[len(acks)-1].Offset
		}
	}
	return out
}
