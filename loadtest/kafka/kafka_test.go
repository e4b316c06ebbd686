package kafka_test

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"umbra/loadtest/kafka"
	"umbra/loadtest/wire"
)

func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

func client(t *testing.T, c *kafka.Cluster, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(c.Seeds()...), kgo.RecordPartitioner(kgo.ManualPartitioner())}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

// Every release serves, keeps its data over kill -9, and its files can be read by
// the newest tools.
func TestReleasesServeAndSurviveKill(t *testing.T) {
	kafka.NeedHarness(t)
	for _, l := range []kafka.Layout{kafka.Single(), kafka.Old(kafka.ZK28), kafka.Old(kafka.ZK21)} {
		t.Run(cmp.Or(l.Version, kafka.Newest), func(t *testing.T) {
			begin := time.Now()
			l.Proxied = true
			c := kafka.Run(t, l)
			t.Logf("started in %v", time.Since(begin).Round(10*time.Millisecond))
			ctx := within(t, 3*time.Minute)
			cl := client(t, c)
			if _, err := kadm.NewClient(cl).CreateTopic(ctx, 1, 1, nil, "t"); err != nil {
				t.Fatal(err)
			}
			for i := range 100 {
				if err := cl.ProduceSync(ctx, &kgo.Record{Topic: "t", Value: fmt.Append(nil, i)}).FirstErr(); err != nil {
					t.Fatal(err)
				}
			}
			if err := c.Broker(1).Kill(); err != nil {
				t.Fatal(err)
			}
			if c.Broker(1).Running() {
				t.Fatal("broker runs after Kill")
			}
			if err := c.Broker(1).Start(ctx); err != nil {
				t.Fatal(err)
			}
			if err := cl.ProduceSync(ctx, &kgo.Record{Topic: "t", Value: []byte("after")}).FirstErr(); err != nil {
				t.Fatal(err)
			}
			// Clients that come through the proxy are told to stay behind it.
			proxy, err := wire.Listen(c.Broker(1).Front, c.Broker(1).Behind)
			if err != nil {
				t.Fatal(err)
			}
			defer proxy.Close()
			proxy.ResetAfter(200)
			through, err := kgo.NewClient(kgo.SeedBrokers(proxy.Addr()))
			if err != nil {
				t.Fatal(err)
			}
			defer through.Close()
			ends, err := kadm.NewClient(through).ListEndOffsets(ctx, "t")
			if err != nil {
				t.Fatal(err)
			}
			if o, _ := ends.Lookup("t", 0); o.Offset != 101 {
				t.Fatalf("end offset after kill and restart is %d, want 101", o.Offset)
			}
			if proxy.Resets() != 1 {
				t.Errorf("%d connections reset, want 1", proxy.Resets())
			}
			newest, err := kafka.Fetch(ctx, kafka.Newest)
			if err != nil {
				t.Fatal(err)
			}
			out, err := newest.Tool(ctx, "org.apache.kafka.tools.DumpLogSegments", "--files",
				filepath.Join(c.Broker(1).DataDir(), "t-0", "00000000000000000000.log"))
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(out, "baseOffset: 100 lastOffset: 100") {
				t.Fatalf("dump of the segment lacks offset 100:\n%s", out)
			}
		})
	}
}

// A three-node cluster keeps serving a replicated topic when the leader dies.
func TestThreeSurviveLeaderKill(t *testing.T) {
	kafka.NeedHarness(t)
	c := kafka.Run(t, kafka.Three())
	ctx := within(t, 3*time.Minute)
	cl := client(t, c)
	adm := kadm.NewClient(cl)
	if _, err := adm.CreateTopic(ctx, 1, 3, nil, "t"); err != nil {
		t.Fatal(err)
	}
	if err := cl.ProduceSync(ctx, &kgo.Record{Topic: "t", Value: []byte("a")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	meta, err := adm.Metadata(ctx, "t")
	if err != nil {
		t.Fatal(err)
	}
	leader := int(meta.Topics["t"].Partitions[0].Leader)
	if err := c.Broker(leader).Kill(); err != nil {
		t.Fatal(err)
	}
	if err := cl.ProduceSync(ctx, &kgo.Record{Topic: "t", Value: []byte("b")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if err := c.Broker(leader).Start(ctx); err != nil {
		t.Fatal(err)
	}
	if err := c.AwaitBrokers(ctx, 3); err != nil {
		t.Fatal(err)
	}
}

func TestFetchNamesKnownReleases(t *testing.T) {
	_, err := kafka.Fetch(context.Background(), "0.8")
	if err == nil || !strings.Contains(err.Error(), kafka.Newest) {
		t.Fatalf("Fetch of an unknown release: %v, want an error that lists the known ones", err)
	}
}

// The layout for unclean elections does what it is for: a broker that has not
// everything becomes leader, with a higher epoch, and the rest is lost.
func TestUncleanLosesATail(t *testing.T) {
	kafka.NeedHarness(t)
	c := kafka.Run(t, kafka.Unclean())
	ctx := within(t, 3*time.Minute)
	if _, err := c.Dist.Tool(ctx, "org.apache.kafka.tools.TopicCommand", "--bootstrap-server", c.Bootstrap(), "--create", "--topic", "t",
		"--replica-assignment", "1:2", "--config", "unclean.leader.election.enable=true", "--config", "min.insync.replicas=1"); err != nil {
		t.Fatal(err)
	}
	write := func(n int, seeds ...string) {
		t.Helper()
		cl, err := kgo.NewClient(kgo.SeedBrokers(seeds...), kgo.MetadataMinAge(100*time.Millisecond))
		if err != nil {
			t.Fatal(err)
		}
		defer cl.Close()
		for range n {
			if err := cl.ProduceSync(ctx, &kgo.Record{Topic: "t", Value: []byte("x")}).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
	}
	partition := func(addr string) kadm.PartitionDetail {
		cl, err := kgo.NewClient(kgo.SeedBrokers(addr))
		if err != nil {
			t.Fatal(err)
		}
		defer cl.Close()
		meta, err := kadm.NewClient(cl).Metadata(ctx, "t")
		if err != nil {
			return kadm.PartitionDetail{}
		}
		return meta.Topics["t"].Partitions[0]
	}
	await := func(what string, cond func() bool) {
		t.Helper()
		for !cond() {
			select {
			case <-ctx.Done():
				t.Fatalf("%s: still not so", what)
			case <-time.After(50 * time.Millisecond):
			}
		}
	}
	one, two := c.Broker(1), c.Broker(2)
	write(20, c.Seeds()...)
	if err := two.Kill(); err != nil {
		t.Fatal(err)
	}
	await("broker 1 is alone in sync", func() bool { p := partition(one.Addr); return len(p.ISR) == 1 && p.ISR[0] == 1 })
	write(10, one.Addr)
	before := partition(one.Addr).LeaderEpoch
	if err := one.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := two.Start(ctx); err != nil {
		t.Fatal(err)
	}
	await("broker 2 leads", func() bool { return partition(two.Addr).Leader == 2 })
	if after := partition(two.Addr).LeaderEpoch; after <= before {
		t.Errorf("leader epoch %d after the election, %d before", after, before)
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(two.Addr))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	ends, err := kadm.NewClient(cl).ListEndOffsets(ctx, "t")
	if err != nil {
		t.Fatal(err)
	}
	if o, _ := ends.Lookup("t", 0); o.Offset != 20 {
		t.Errorf("the new leader has %d records, want the first 20", o.Offset)
	}
	write(5, two.Addr)
}
