package shard

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"umbra/ioring"
	"umbra/ioring/buf"
)

const (
	startTimeout = 10 * time.Second
	stopTimeout  = 10 * time.Second // when Stop's context has no deadline
)

// Group is all shards of the process: their loops, the listening address they
// share, and the directory of partitions. Its methods may be called from any
// goroutine but a loop.
type Group struct {
	// Set once.
	cfg      Config
	log      *slog.Logger
	accept   func(*Conn) Protocol
	claim    *claim
	pins     pinPlan
	pauseErr error // why pausing falls back, nil when the kernel can be told
	fdLimit  int
	shards   []*Shard
	engines  []*engine
	watcher  *watcher
	dialers  *tracked

	// Crosses goroutines.
	workers  sync.WaitGroup // offload goroutines; they end when their shard's queue closes
	limits   limits
	connID   atomic.Uint64
	serving  atomic.Bool
	stopping atomic.Bool
	failure  chan error
	dir      directory
	life     context.Context // ends when Stop has ended
	endLife  context.CancelFunc

	stopOnce sync.Once
	stopErr  error
}

// Start brings up the shards and listens. accept runs on the loop of each client
// connection and gives it its Protocol; nil refuses it. With Config.HoldAccept
// clients are turned away until Serve.
func Start(cfg Config, accept func(*Conn) Protocol) (*Group, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("start shards: %w", err)
	}
	cfg = cfg.withDefaults()
	g := &Group{
		cfg: cfg, log: cfg.Log, accept: accept, fdLimit: fdLimit(),
		dialers: newTracked(), failure: make(chan error, 1),
		limits: limits{total: cfg.MaxConnections, perIP: cfg.MaxConnectionsPerIP, ips: map[netip.Addr]int{}},
	}
	g.dir.byID = map[PartitionID]*entry{}
	g.life, g.endLife = context.WithCancel(context.Background())
	g.serving.Store(!cfg.HoldAccept)
	cpus, _ := allowedCPUs()
	g.pins = planPins(cfg.Pin, usableCores(), cpus)
	if g.pauseErr = cfg.noPause; g.pauseErr == nil {
		g.pauseErr = SelfTest()
	}
	if g.pauseErr != nil {
		g.log.Warn("reading cannot be paused in the kernel; paused clients that keep sending are disconnected", "error", g.pauseErr)
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	if err := g.start(ctx); err != nil {
		stop, done := context.WithTimeout(context.Background(), stopTimeout)
		defer done()
		return nil, errors.Join(fmt.Errorf("start shards: %w", err), g.Stop(stop))
	}
	g.log.Info("shards are up", "shards", len(g.shards), "listen", g.Addr().String(),
		"engine", g.shards[0].ring.Engine(), "engine_reason", g.shards[0].ring.Reason(),
		"pinned", g.pins.lock, "pin_reason", g.pins.reason)
	return g, nil
}

func (g *Group) start(ctx context.Context) (err error) {
	if g.watcher, err = newWatcher(); err != nil {
		return err
	}
	if g.claim, err = newClaim(g.cfg.Listen); err != nil {
		return err
	}
	for i := range g.cfg.Shards {
		s, err := g.newShard(i)
		if err != nil {
			return fmt.Errorf("make shard %d: %w", i, err)
		}
		e := newEngine(s)
		g.shards, g.engines = append(g.shards, s), append(g.engines, e)
		if err := e.start(ctx, g.claim.gnet); err != nil {
			return fmt.Errorf("start shard %d on %s: %w", i, g.claim.addr, err)
		}
		go g.supervise(e)
	}
	return nil
}

func (g *Group) newShard(id int) (*Shard, error) {
	s := &Shard{
		id: id, group: g, cfg: &g.cfg, log: g.log, base: time.Now(),
		mailbox: newMailbox(g.cfg.MailboxDepth), stopped: make(chan struct{}),
		dials: map[*dialling]struct{}{}, conns: map[uint64]*Conn{},
		offloads: offloads{run: make(chan offloadJob, g.cfg.OffloadWorkers)},
	}
	var err error
	s.extents = map[int]*byte{}
	if s.bell, err = newBell(); err != nil {
		return nil, err
	}
	s.ring, err = ioring.New(ioring.Config{
		Engine: g.cfg.Engine, Depth: g.cfg.RingDepth, Workers: g.cfg.RingWorkers, Bell: s.bell.fd, CloseTimeout: stopTimeout / 2,
	})
	if err != nil {
		s.bell.close()
		return nil, fmt.Errorf("open the storage ring: %w", err)
	}
	s.arena, err = buf.NewArena(buf.Config{Budget: g.cfg.ArenaBytes, Poison: g.cfg.PoisonSlabs, OnExtent: s.registerExtent, OnTrim: s.unregisterExtent})
	if err != nil {
		err = errors.Join(err, s.ring.Close())
		s.bell.close()
		return nil, err
	}
	s.timers = newTimers(s.nanos, s.bell.ring)
	s.partitions = newPartitions(s, g.cfg.ArenaBytes)
	return s, nil
}

// supervise reports a loop that ends although nobody stopped it. What it owned
// cannot be served any more: the process should end and be started again.
func (g *Group) supervise(e *engine) {
	<-e.ended
	if !g.stopping.Load() {
		g.fail(fmt.Errorf("shard %d: %w", e.shard.id, e.why()))
	}
}

func (g *Group) fail(err error) {
	select {
	case g.failure <- err:
		g.log.Error("a shard has failed; the process must be restarted", "error", err)
	default:
	}
}

// Failed gives the first failure that a shard cannot go on after.
func (g *Group) Failed() <-chan error { return g.failure }

// Serve lets clients in (see Config.HoldAccept).
func (g *Group) Serve() { g.serving.Store(true) }

// Addr is the address clients connect to, its port resolved.
func (g *Group) Addr() net.Addr { return g.claim.addr }

// Len is the number of shards.
func (g *Group) Len() int { return len(g.shards) }

// Shard gives shard i of Len.
func (g *Group) Shard(i int) *Shard { return g.shards[i] }

// Connections is the number of client connections open now.
func (g *Group) Connections() int { return g.limits.count() }

// CanPause reports whether pausing works in the kernel; the error says why not.
func (g *Group) CanPause() error { return g.pauseErr }

// Pinned reports whether loops are pinned to cores, and why or why not.
func (g *Group) Pinned() (bool, string) { return g.pins.lock, g.pins.reason }
