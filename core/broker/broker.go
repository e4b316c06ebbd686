package broker

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"umbra/core/metadata"
	"umbra/core/placement"
	"umbra/shard"
)

// Config is what a Broker needs. Store is required.
type Config struct {
	Store *metadata.Store
	Log   *slog.Logger     // default slog.Default()
	Now   func() time.Time // default time.Now
	// LogDir is the directory that holds the partitions' directories, absolute;
	// DescribeLogDirs reports it.
	LogDir string

	// RequestsMax is how many requests of one connection are answered at a
	// time; the next ones wait in the connection. Default 32.
	RequestsMax int
	// FrameBytesMax is how many bytes of requests one shard holds that have
	// arrived in part or wait for their turn; at the bound connections are not
	// read. Default 64 MiB; never more than a quarter of the shard's arena, where
	// most of them lie, so that there is memory to append them to.
	FrameBytesMax int64
	// ControlWorkers is how many requests that need etcd or a file are worked
	// on at a time. Default 8.
	ControlWorkers int
	// UnpackMax bounds the unpacked records of one batch that is validated.
	// Default 128 MiB.
	UnpackMax int
	// SessionPartitionsMax is how many partitions all fetch sessions of one
	// shard hold together; above it clients are served without a session.
	// Default 100,000. The number of sessions is bounded by the broker property
	// max.incremental.fetch.session.cache.slots.
	SessionPartitionsMax int
	// Linger is how long a connection that has broken the protocol may take over
	// the responses to what came before that. Default 10 s.
	Linger time.Duration
	// AutoCreateWait is how long a metadata request waits for topics it created
	// to open; after it the answer says LEADER_NOT_AVAILABLE, and clients ask
	// again. Default 5 s.
	AutoCreateWait time.Duration
	// AckWritten answers acks=all when the records are written, not when they
	// are fsynced: a power loss can then take what one flush window held.
	AckWritten bool
}

func (c Config) withDefaults() Config {
	def := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	def(&c.RequestsMax, 32)
	def(&c.ControlWorkers, 8)
	def(&c.UnpackMax, 128<<20)
	def(&c.SessionPartitionsMax, 100_000)
	if c.Linger == 0 {
		c.Linger = 10 * time.Second
	}
	if c.AutoCreateWait == 0 {
		c.AutoCreateWait = 5 * time.Second
	}
	if c.FrameBytesMax == 0 {
		c.FrameBytesMax = 64 << 20
	}
	return c
}

// Broker answers the Kafka requests of all shards' connections. Its exported
// methods are for any goroutine, except Accept.
type Broker struct {
	// Set once.
	cfg      Config
	store    *metadata.Store
	configs  *metadata.Configs
	settings metadata.BrokerSettings
	log      *slog.Logger
	control  *control

	// Crosses goroutines: nil until Bind.
	bound atomic.Pointer[bound]
}

// bound is what exists only after the shards do. Set once.
type bound struct {
	group  *shard.Group
	keeper *placement.Keeper
	loops  []*loop // one per shard, each touched by its loop only
}

// New makes a Broker; it serves when Bind has been called.
func New(cfg Config) *Broker {
	cfg = cfg.withDefaults()
	if cfg.Store == nil {
		panic("BUG: broker without a metadata store")
	}
	b := &Broker{cfg: cfg, store: cfg.Store, configs: cfg.Store.Configs(), log: cfg.Log.With("component", "broker")}
	b.settings = b.configs.BrokerSettings()
	b.control = newControl(cfg.ControlWorkers)
	return b
}

// Bind gives the Broker the shards it works on and the keeper of their
// partitions. Call it once, before clients are let in.
func (b *Broker) Bind(group *shard.Group, keeper *placement.Keeper) {
	loops := make([]*loop, group.Len())
	for i := range loops {
		loops[i] = newLoop(b, group.Shard(i), group.Len())
	}
	if !b.bound.CompareAndSwap(nil, &bound{group: group, keeper: keeper, loops: loops}) {
		panic("BUG: broker bound twice")
	}
}

// Accept makes the Protocol of a client's connection, on its loop: give it to
// shard.Start. Before Bind it refuses.
func (b *Broker) Accept(sc *shard.Conn) shard.Protocol {
	at := b.bound.Load()
	if at == nil {
		return nil
	}
	return newConn(b, at.loops[sc.Shard().ID()], sc)
}

// Stop ends the work that is not on a loop and waits for it. Call it when no
// request can come any more, or together with the group's Stop; connections
// and loops are the group's to stop.
func (b *Broker) Stop(ctx context.Context) error {
	if err := b.control.stop(ctx); err != nil {
		return fmt.Errorf("stop broker: %w", err)
	}
	return nil
}

// group and keeper are there whenever a request is.
func (b *Broker) group() *shard.Group       { return b.bound.Load().group }
func (b *Broker) keeper() *placement.Keeper { return b.bound.Load().keeper }

// now is the broker's clock, for record timestamps and ages.
func (b *Broker) now() time.Time { return b.cfg.Now() }
