package broker_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"umbra/core/broker"
	"umbra/core/metadata"
	"umbra/core/placement"
	"umbra/shard"
)

// node is a broker with real shards, store and files.
type node struct {
	store  *metadata.Store
	group  *shard.Group
	keeper *placement.Keeper
	broker *broker.Broker
	addr   string
}

// rig says how a node differs from the usual.
type rig struct {
	engine     string // default pwrite
	shards     int    // default 2
	properties map[string]string
	broker     broker.Config
	shard      shard.Config
	dir        string
}

// start starts a node that ends with the test.
func start(t testing.TB, r rig) *node {
	t.Helper()
	n := boot(t, r)
	t.Cleanup(func() { n.stop(t) })
	return n
}

func boot(t testing.TB, r rig) *node {
	t.Helper()
	if r.engine == "" {
		r.engine = "pwrite"
	}
	if r.shards == 0 {
		r.shards = 2
	}
	if r.dir == "" {
		r.dir = t.TempDir()
	}
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	configs, err := metadata.NewConfigs(r.properties)
	if err != nil {
		t.Fatal(err)
	}
	store, err := metadata.Open(context.Background(), metadata.Options{Dir: r.dir + "/meta", BrokerID: 1, Shards: r.shards, Configs: configs, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	cfg := r.broker
	cfg.Store, cfg.Log, cfg.LogDir = store, log, r.dir+"/data"
	n := &node{store: store, broker: broker.New(cfg)}
	sc := r.shard
	sc.Shards, sc.Listen, sc.Engine, sc.Log, sc.PoisonSlabs = r.shards, "127.0.0.1:0", r.engine, log, true
	if sc.ArenaBytes == 0 {
		sc.ArenaBytes = 128 << 20
	}
	if n.group, err = shard.Start(sc, n.broker.Accept); err != nil {
		t.Fatal(err)
	}
	n.keeper = placement.Start(store, n.group, placement.Config{Dir: r.dir + "/data", Log: log})
	n.broker.Bind(n.group, n.keeper)
	n.addr = n.group.Addr().String()
	host, port := split(t, n.addr)
	if err := store.RegisterBroker(context.Background(), host, port); err != nil {
		t.Fatal(err)
	}
	return n
}

func (n *node) stop(t testing.TB) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	n.keeper.Stop()
	if err := n.group.Stop(ctx); err != nil {
		t.Error(err)
	}
	if err := n.broker.Stop(ctx); err != nil {
		t.Error(err)
	}
	if err := n.store.Close(); err != nil {
		t.Error(err)
	}
}

// topic creates a topic and waits until it is open.
func (n *node) topic(t testing.TB, name string, partitions int, configs map[string]string) *metadata.Topic {
	t.Helper()
	top, err := n.store.CreateTopic(context.Background(), metadata.NewTopic{Name: name, Partitions: partitions, Configs: configs})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.keeper.Wait(context.Background(), top.ID, partitions); err != nil {
		t.Fatal(err)
	}
	return top
}
