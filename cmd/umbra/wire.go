package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"time"

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

// daemon is the object graph, built top to bottom by startDaemon and stopped
// in the opposite order.
type daemon struct {
	cfg       *config.Config
	log       *observe.Logs
	began     time.Time
	budget    budget
	ballast   []byte     // see budget.ballast; nothing reads it
	telemetry *telemetry // what operators see; up before anything that takes long

	store   *metadata.Store
	broker  *broker.Broker
	group   *shard.Group
	keeper  *placement.Keeper
	manager *link.Manager
	admin   *admin.Server

	stops []func(context.Context) error // in the order things were started
}

// startDaemon builds everything. What was started is stopped again when a
// later part fails.
func startDaemon(ctx context.Context, c *config.Config, logs io.Writer, tty bool) (*daemon, error) {
	d, err := newDaemon(c, logs, tty)
	if err != nil {
		return nil, err
	}
	for _, start := range []func(context.Context) error{
		d.reserve, d.startOps, d.startStore, d.startShards, d.startPartitions, d.startLinks, d.startAdmin, d.serve} {
		if err := start(ctx); err != nil {
			return nil, errors.Join(err, d.stop())
		}
	}
	return d, nil
}

// newDaemon is a daemon that has started nothing yet.
func newDaemon(c *config.Config, logs io.Writer, tty bool) (*daemon, error) {
	d := &daemon{cfg: c, began: time.Now()}
	d.telemetry = newTelemetry(d.began)
	var err error
	d.log, err = observe.NewLogger(logs, observe.LogOptions{Level: c.Log.Level, Format: c.Log.Format, TTY: tty, Events: d.telemetry.event})
	return d, err
}

func (d *daemon) onStop(f func(context.Context) error) { d.stops = append(d.stops, f) }

// stop ends everything within stopTimeout, last started first.
func (d *daemon) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	began := time.Now()
	var errs []error
	for i := len(d.stops) - 1; i >= 0; i-- {
		errs = append(errs, d.stops[i](ctx))
	}
	d.stops = nil
	err := errors.Join(errs...)
	if err == nil {
		d.log.Info("stopped", "ms", time.Since(began).Milliseconds())
	}
	return err
}

// reserve refuses to start with more memory in prospect than there is.
func (d *daemon) reserve(context.Context) error {
	b := thisBuild()
	d.log.Info("umbra starts", "version", b.Version, "commit", b.Commit, "go", runtime.Version(), "pid", os.Getpid(), "data", d.cfg.Storage.Dir)
	d.sayWhatIsIdle()
	limit, from := memoryLimit()
	d.budget = newBudget(d.cfg, limit, from)
	d.log.Info("memory budget", d.budget.attrs()...)
	if err := d.budget.check(); err != nil {
		return err
	}
	if os.Getenv("GOMEMLIMIT") == "" { // an operator's own limit has no room for a ballast
		d.ballast = make([]byte, d.budget.ballast())
		was := debug.SetMemoryLimit(d.budget.heapLimit())
		d.onStop(func(context.Context) error { debug.SetMemoryLimit(was); return nil })
	}
	return nil
}

// sayWhatIsIdle names the broker properties that somebody set and that change
// nothing here: they are known so that a Kafka configuration can be carried over.
func (d *daemon) sayWhatIsIdle() {
	for _, e := range d.cfg.Kafka.Configs.Broker() {
		if e.Source == metadata.SourceStaticBroker && e.Key.Use == metadata.Stored {
			d.log.Warn("a broker property is set and changes nothing", "property", e.Key.Name, "value", e.Value, "meaning", e.Key.Doc)
		}
	}
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
	if err := store.Reshard(ctx); err != nil {
		return err
	}
	d.showStore()
	return nil
}

// processors is how many the Go scheduler has: one for each shard's loop, and others to
// spare. The loops hold theirs for as long as they have work, and in their short sleeps,
// too. With none to spare the other goroutines wait for a loop to yield, and the scheduler
// takes a loop's processor in every system call that lasts, only to give it back.
func processors(loops int) int { return loops + max(2, loops/2) }

// startShards listens, but lets no client in before everything else is up.
func (d *daemon) startShards(context.Context) error {
	logs, err := filepath.Abs(d.cfg.LogDir())
	if err != nil {
		return fmt.Errorf("find the log directory: %w", err)
	}
	d.broker = broker.New(broker.Config{Store: d.store, Log: d.log.Logger, LogDir: logs, AckWritten: d.cfg.Storage.Fsync == "interval",
		FrameBytesMax: d.budget.frames, UnpackMax: int(d.budget.unpack)})
	s := d.cfg.Kafka.Configs.BrokerSettings()
	group, err := shard.Start(shard.Config{
		Shards: d.cfg.ShardCount(), Listen: d.cfg.Kafka.Listen, Pin: d.cfg.Shards.Pin, Doze: true, Engine: d.cfg.Storage.Engine, Log: d.log.Logger, HoldAccept: true,
		ArenaBytes: d.budget.arena, MailboxDepth: d.cfg.Shards.Mailbox, RingDepth: d.cfg.Storage.Depth, RingWorkers: d.cfg.Storage.Workers,
		OffloadWorkers: offloadWorkers, PartitionFailed: d.partitionFailed,
		MaxConnections: d.budget.connections, MaxConnectionsPerIP: min(s.ConnectionsPerIPMax, d.budget.connections), IdleTimeout: s.ConnectionIdle,
		RetentionCheck: s.RetentionCheck,
	}, d.broker.Accept)
	if err != nil {
		return err
	}
	d.group = group
	runtime.GOMAXPROCS(processors(group.Len()))
	d.onStop(group.Stop)
	d.onStop(d.broker.Stop)
	d.showShards()
	return nil
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
	began := time.Now()
	d.keeper = placement.Start(d.store, d.group, placement.Config{Dir: d.cfg.LogDir(),
		FlushInterval: d.cfg.Storage.FlushInterval, FlushBytes: d.cfg.Storage.FlushBytes, Log: d.log.Logger})
	d.onStop(func(context.Context) error { d.keeper.Stop(); return nil })
	d.broker.Bind(d.group, d.keeper)
	d.showPartitions(time.Since(began))
	return nil
}

func (d *daemon) startLinks(context.Context) error {
	d.manager = link.Start(link.Config{Store: d.store, Group: d.group, Keeper: d.keeper, DataDir: d.cfg.Storage.Dir, Version: version,
		Log: d.log.Logger, Now: time.Now, Dial: source.PlainDialer, RecordsMax: int(min(d.budget.arena/2, 1<<30))})
	d.onStop(func(context.Context) error { d.manager.Stop(); return nil })
	d.showLinks()
	return nil
}

func (d *daemon) startAdmin(context.Context) error {
	b := &backend.Backend{Store: d.store, Group: d.group, Keeper: d.keeper, Manager: d.manager, Settings: d.cfg, Info: d.info(), Now: time.Now}
	server, err := admin.Start(admin.Config{Socket: d.cfg.AdminSocket(), AdminGroup: admin.DefaultAdminGroup, ReadGroup: admin.DefaultReadGroup,
		Log: d.log.Logger, Audit: d.log.Audit}, b, d.telemetry.events)
	if err != nil {
		return err
	}
	d.admin = server
	d.onStop(server.Close)
	d.log.Info("admin API is up", "socket", server.Socket())
	return nil
}

// serve lets clients in.
func (d *daemon) serve(context.Context) error {
	d.group.Serve()
	d.onStop(func(context.Context) error {
		d.telemetry.ready.Set(partListener, false, "stopping")
		return nil
	})
	d.telemetry.ready.Set(partListener, true, d.listen())
	d.log.Info("serving", "listen", d.listen(), "advertise", d.advertise(), "start_ms", time.Since(d.began).Milliseconds())
	return nil
}

// info is what the daemon says of itself.
func (d *daemon) info() api.BrokerInfo {
	b := thisBuild()
	ring := d.group.Shard(0).Ring()
	snap := d.store.Snapshot()
	pinned, _ := d.group.Pinned()
	info := api.BrokerInfo{Version: b.Version, Commit: b.Commit, GoVersion: runtime.Version(), PID: os.Getpid(), StartedAt: d.began,
		ClusterID: snap.ClusterID, NodeID: snap.Broker.ID, Listen: d.listen(), Advertise: d.advertise(), Admin: d.cfg.AdminSocket(),
		DataDir: d.cfg.Storage.Dir, Shards: d.group.Len(), Pinned: pinned, Engine: ring.Engine(), EngineReason: ring.Reason()}
	if d.telemetry.server != nil {
		info.Metrics = d.metrics()
	}
	return info
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
	if d.telemetry.server == nil {
		return "off"
	}
	return d.telemetry.server.Addr().String()
}
