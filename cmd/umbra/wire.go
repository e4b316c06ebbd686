package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"umbra/admin"
	"umbra/admin/api"
	"umbra/admin/backend"
	"umbra/core/broker"
	"umbra/core/config"
	"umbra/core/link"
	"umbra/core/link/source"
	"umbra/core/metadata"
	"umbra/core/observe"
	"umbra/core/placement"
	"umbra/shard"
)

// stopTimeout is how long a clean stop may take, whatever hangs.
const stopTimeout = 9 * time.Second

// stallMax is how long a shard's loop may not answer before /health fails.
const stallMax = 10 * time.Second

// daemon is the object graph, built top to bottom by startDaemon and stopped
// in the opposite order.
type daemon struct {
	cfg   *config.Config
	log   *observe.Logs
	began time.Time

	store   *metadata.Store
	broker  *broker.Broker
	group   *shard.Group
	keeper  *placement.Keeper
	manager *link.Manager
	admin   *admin.Server
	ops     *observe.Server

	stops []func(context.Context) error // in the order things were started
}

// startDaemon builds everything. What was started is stopped again when a
// later part fails.
func startDaemon(ctx context.Context, c *config.Config, logs io.Writer, tty bool) (*daemon, error) {
	d := &daemon{cfg: c, began: time.Now()}
	var err error
	if d.log, err = observe.NewLogger(logs, observe.LogOptions{Level: c.Log.Level, Format: c.Log.Format, TTY: tty}); err != nil {
		return nil, err
	}
	for _, start := range []func(context.Context) error{d.startStore, d.startShards, d.startPartitions, d.startLinks, d.startAdmin, d.startOps} {
		if err := start(ctx); err != nil {
			return nil, errors.Join(err, d.stop())
		}
	}
	d.group.Serve()
	d.log.Info("serving", "listen", d.listen(), "advertise", d.advertise(), "shards", d.group.Len(), "engine", d.group.Shard(0).Ring().Engine(),
		"engine_reason", d.group.Shard(0).Ring().Reason(), "start_ms", time.Since(d.began).Milliseconds())
	return d, nil
}

func (d *daemon) onStop(f func(context.Context) error) { d.stops = append(d.stops, f) }

// stop ends everything within stopTimeout, last started first.
func (d *daemon) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	var errs []error
	for i := len(d.stops) - 1; i >= 0; i-- {
		errs = append(errs, d.stops[i](ctx))
	}
	d.stops = nil
	return errors.Join(errs...)
}

func (d *daemon) startStore(ctx context.Context) error {
	if err := os.MkdirAll(d.cfg.LogDir(), 0o750); err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	store, err := metadata.Open(ctx, metadata.Options{Dir: d.cfg.MetadataDir(), Endpoints: d.cfg.Metadata.Endpoints, Prefix: d.cfg.Metadata.Prefix,
		User: d.cfg.Metadata.User, Password: d.cfg.Metadata.Password.Reveal(),
		BrokerID: d.cfg.Kafka.Configs.BrokerID(), Shards: d.cfg.ShardCount(), Configs: d.cfg.Kafka.Configs, QuotaBytes: d.cfg.Metadata.Quota, Log: d.log.Logger})
	if err != nil {
		return err
	}
	d.store = store
	d.onStop(func(context.Context) error { return store.Close() })
	return store.Reshard(ctx)
}

// startShards listens, but lets no client in before everything else is up.
func (d *daemon) startShards(context.Context) error {
	d.broker = broker.New(broker.Config{Store: d.store, Log: d.log.Logger, AckWritten: d.cfg.Storage.Fsync == "interval"})
	s := d.cfg.Kafka.Configs.BrokerSettings()
	group, err := shard.Start(shard.Config{
		Shards: d.cfg.ShardCount(), Listen: d.cfg.Kafka.Listen, Pin: d.cfg.Shards.Pin, Engine: d.cfg.Storage.Engine, Log: d.log.Logger, HoldAccept: true,
		ArenaBytes: d.cfg.ArenaBytes(machineBytes()), MailboxDepth: d.cfg.Shards.Mailbox, RingDepth: d.cfg.Storage.Depth, RingWorkers: d.cfg.Storage.Workers,
		MaxConnections: min(s.ConnectionsMax, connectionsMax), MaxConnectionsPerIP: min(s.ConnectionsPerIPMax, connectionsMax), IdleTimeout: s.ConnectionIdle,
	}, d.broker.Accept)
	if err != nil {
		return err
	}
	d.group = group
	d.onStop(group.Stop)
	d.onStop(d.broker.Stop)
	return nil
}

// connectionsMax bounds client connections where Kafka's own default is "no
// limit".
const connectionsMax = 100_000

func machineBytes() int64 {
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) != nil {
		return 1 << 30
	}
	return int64(info.Totalram) * int64(info.Unit)
}

// startPartitions recovers every log.
func (d *daemon) startPartitions(ctx context.Context) error {
	host, port, err := net.SplitHostPort(d.advertise())
	if err != nil {
		return fmt.Errorf("kafka.advertise %q: %w", d.advertise(), err)
	}
	n, err := strconv.ParseInt(port, 10, 32)
	if err != nil {
		return fmt.Errorf("kafka.advertise %q: %w", d.advertise(), err)
	}
	if err := d.store.RegisterBroker(ctx, host, int32(n)); err != nil {
		return err
	}
	d.keeper = placement.Start(d.store, d.group, placement.Config{Dir: d.cfg.LogDir(),
		FlushInterval: d.cfg.Storage.FlushInterval, FlushBytes: d.cfg.Storage.FlushBytes, Log: d.log.Logger})
	d.onStop(func(context.Context) error { d.keeper.Stop(); return nil })
	d.broker.Bind(d.group, d.keeper)
	return nil
}

func (d *daemon) startLinks(context.Context) error {
	d.manager = link.Start(link.Config{Store: d.store, Group: d.group, Keeper: d.keeper, DataDir: d.cfg.Storage.Dir, Version: version,
		Log: d.log.Logger, Now: time.Now, Dial: source.PlainDialer, RecordsMax: int(min(d.cfg.ArenaBytes(machineBytes())/2, 1<<30))})
	d.onStop(func(context.Context) error { d.manager.Stop(); return nil })
	return nil
}

func (d *daemon) startAdmin(context.Context) error {
	b := &backend.Backend{Store: d.store, Group: d.group, Keeper: d.keeper, Manager: d.manager, Settings: d.cfg, Info: d.info(), Now: time.Now}
	server, err := admin.Start(admin.Config{Socket: d.cfg.AdminSocket(), AdminGroup: admin.DefaultAdminGroup, ReadGroup: admin.DefaultReadGroup,
		Log: d.log.Logger, Audit: d.log.With("audit", true)}, b, admin.NewEvents())
	if err != nil {
		return err
	}
	d.admin = server
	d.onStop(server.Close)
	return nil
}

// info is what the daemon says of itself.
func (d *daemon) info() api.BrokerInfo {
	b := thisBuild()
	ring := d.group.Shard(0).Ring()
	snap := d.store.Snapshot()
	pinned, _ := d.group.Pinned()
	return api.BrokerInfo{Version: b.Version, Commit: b.Commit, GoVersion: runtime.Version(), PID: os.Getpid(), StartedAt: d.began,
		ClusterID: snap.ClusterID, NodeID: snap.Broker.ID, Listen: d.listen(), Advertise: d.advertise(), Metrics: d.cfg.Ops.HTTP, Admin: d.cfg.AdminSocket(),
		DataDir: d.cfg.Storage.Dir, Shards: d.group.Len(), Pinned: pinned, Engine: ring.Engine(), EngineReason: ring.Reason()}
}

func (d *daemon) startOps(context.Context) error {
	if d.cfg.Ops.HTTP == "" {
		return nil
	}
	ready := observe.NewReadiness(d.began, "metadata", "partitions", "listener")
	for _, part := range []string{"metadata", "partitions", "listener"} {
		ready.Set(part, true, "")
	}
	registry := observe.NewRegistry(d.log.Logger)
	b := thisBuild()
	for _, collect := range []func(*observe.Emit){observe.Build{Version: b.Version, Commit: b.Commit}.Collect, ready.Collect, d.log.Collect,
		observe.CollectMetadata(d.store.Snapshot), observe.CollectDisk(d.cfg.Storage.Dir), observe.CollectShards(d.group)} {
		registry.Register(collect)
	}
	server, err := observe.Serve(observe.ServerConfig{Addr: d.cfg.Ops.HTTP, Registry: registry, Readiness: ready,
		Health: observe.ShardChecks(d.group, stallMax), Log: d.log.Logger})
	if err != nil {
		return err
	}
	d.ops = server
	d.onStop(server.Close)
	return nil
}

func (d *daemon) listen() string { return d.group.Addr().String() }

// advertise is what clients are told; port 0 in --listen is known by now.
func (d *daemon) advertise() string {
	if a := d.cfg.Kafka.Advertise; a != "" {
		return a
	}
	return reachable(d.listen())
}

func (d *daemon) metrics() string {
	if d.ops == nil {
		return "off"
	}
	return d.ops.Addr().String()
}
