package link_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"umbra/bench/synthetic"
	"umbra/core/link"
	"umbra/core/link/source"
	"umbra/core/link/spec"
	"umbra/core/metadata"
	"umbra/core/placement"
	"umbra/shard"
)

// node is everything of a daemon but its listeners for people.
type node struct {
	store   *metadata.Store
	group   *shard.Group
	keeper  *placement.Keeper
	manager *link.Manager
}

func startNode(t testing.TB, dir, engine string, checkpoint func(spec.FailoverStep, bool) error) *node {
	t.Helper()
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	ctx := context.Background()
	store, err := metadata.Open(ctx, metadata.Options{Dir: dir + "/meta", BrokerID: 1, Shards: 2, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	group, err := shard.Start(shard.Config{Shards: 2, Listen: "127.0.0.1:0", Engine: engine, Log: log, ArenaBytes: 256 << 20}, func(*shard.Conn) shard.Protocol { return nil })
	if err != nil {
		t.Fatal(err)
	}
	keeper := placement.Start(store, group, placement.Config{Dir: dir + "/data", Log: log})
	n := &node{store: store, group: group, keeper: keeper}
	n.manager = link.Start(link.Config{Store: store, Group: group, Keeper: keeper, DataDir: dir, Version: "test", Log: log, Now: time.Now,
		Dial: source.PlainDialer, RecordsMax: 64 << 20, Checkpoint: checkpoint})
	return n
}

func (n *node) stop(t testing.TB) {
	n.manager.Stop()
	n.keeper.Stop()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute) // for thousands of logs on a busy machine
	defer cancel()
	if err := n.group.Stop(ctx); err != nil {
		t.Error(err)
	}
	if err := n.store.Close(); err != nil {
		t.Error(err)
	}
}

func (n *node) link(t testing.TB, addr, topics string) *link.Link {
	t.Helper()
	include, err := spec.ParsePatterns(topics)
	if err != nil {
		t.Fatal(err)
	}
	d := spec.Definition{Name: "dr", Bootstrap: []string{addr}, Filter: spec.Filter{Include: include}}
	if _, err := n.store.CreateLink(context.Background(), d); err != nil {
		t.Fatal(err)
	}
	var l *link.Link
	eventually(t, "the link runs", func() bool {
		l, err = n.manager.Link("dr")
		return err == nil
	})
	return l
}

func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it never came true that %s", what)
		}
	}
}

func (n *node) ends(topic string) (sum int64) {
	top := n.store.Snapshot().Topics[topic]
	if top == nil {
		return 0
	}
	for i := range top.Partitions {
		if p, ok := n.group.Published(shard.PartitionID{Topic: top.ID, Index: int32(i)}); ok {
			sum += p.HighWatermark
		}
	}
	return sum
}

func TestLinkCopiesAndVerifies(t *testing.T) {
	for _, engine := range []string{"io_uring", "pwrite"} {
		t.Run(engine, func(t *testing.T) {
			src, err := synthetic.Start(synthetic.Config{Topic: "load", Partitions: 5, RecordSize: 1000, BatchSize: 16 << 10, ChunkBytes: 1 << 20, Records: 20_000})
			if err != nil {
				t.Fatal(err)
			}
			defer src.Close()
			n := startNode(t, t.TempDir(), engine, nil)
			defer n.stop(t)
			l := n.link(t, src.Addr(), "load")
			want := src.TotalBytes() / int64(src.BatchBytes()) * src.BatchRecords()
			eventually(t, "every record is here", func() bool { return n.ends("load") == want })
			st, err := l.Status(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if st.Lag.Records != 0 || st.Lag.Bound != link.Exact {
				t.Errorf("lag is %+v after everything was copied", st.Lag)
			}
		})
	}
}
