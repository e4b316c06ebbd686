package link

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"umbra/core/link/replicate"
	"umbra/core/link/source"
	"umbra/core/link/spec"
	"umbra/core/metadata"
	"umbra/shard"
)

const (
	// eventsMax bounds the events of a link's shards that wait for its
	// goroutine. One that finds no room is dropped: every partition it speaks
	// about is stopped and is found again by the next refresh.
	eventsMax = 4096
	// refreshSoon is how long a link gathers events before it asks the source
	// again: a broker that dies makes one event per partition.
	refreshSoon = 50 * time.Millisecond
)

// Link is the control plane of one link: one goroutine that asks the source
// what there is, keeps the metadata equal to it, and tells the shards what to
// copy from where.
type Link struct {
	cfg  Config
	name string
	id   string
	log  *slog.Logger

	events  chan replicate.Event
	wake    chan struct{} // the metadata changed, or somebody wants a refresh now
	quit    chan struct{} // the link is deleted
	once    sync.Once
	stopped chan struct{}

	// The link's goroutine only.
	client   *source.Client
	followed map[shard.PartitionID]struct{} // partitions this process has ever assigned
	backoff  time.Duration
	contact  contact

	failovers sync.Mutex          // one failover of a link at a time
	workers   []*replicate.Worker // by shard; set once, before the goroutine does anything else

	// Read by status from other goroutines.
	mu    sync.Mutex
	state linkState
}

// linkState is what the control plane last learned, for status.
type linkState struct {
	cluster   *source.Cluster
	refreshed time.Time            // last metadata answer
	failure   error                // of the last refresh; nil after a good one
	brokers   map[string]brokerNow // by address, as the data plane sees them
	excluded  []string             // source topics the filter leaves out, capped
	excludedN int
	rate      rateSample
	totals    Totals
}

type brokerNow struct {
	broker replicate.Broker
	up     map[int]bool // by shard
	err    error
	at     time.Time
}

func newLink(cfg Config, def *spec.Link) *Link {
	l := &Link{
		cfg: cfg, name: def.Name, id: def.ID,
		log:    cfg.Log.With("link", def.Name),
		events: make(chan replicate.Event, eventsMax),
		wake:   make(chan struct{}, 1), quit: make(chan struct{}), stopped: make(chan struct{}),
		followed: map[shard.PartitionID]struct{}{},
		state:    linkState{brokers: map[string]brokerNow{}},
	}
	l.open(def)
	return l
}

// changed tells the link's goroutine that the metadata moved.
func (l *Link) changed() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// stop ends the goroutine; it does not wait.
func (l *Link) stop() { l.once.Do(func() { close(l.quit) }) }

// definition is the link as the metadata has it now, nil when it is gone.
func (l *Link) definition() *spec.Link {
	if d := l.cfg.Store.Snapshot().Links[l.name]; d != nil && d.ID == l.id {
		return d
	}
	return nil
}

// run is the link's goroutine.
func (l *Link) run(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer close(l.stopped)
	go func() { // ends with the context that run cancels
		select {
		case <-l.quit:
			cancel()
		case <-ctx.Done():
		}
	}()
	def := l.definition()
	if def == nil {
		return
	}
	defer l.close()
	l.resumeFailovers(ctx)
	timer := time.NewTimer(0)
	defer timer.Stop()
	var seen *metadata.Snapshot
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-l.events:
			if l.take(e) {
				l.soon(timer)
			}
		case <-l.wake:
			if snap := l.cfg.Store.Snapshot(); l.concerns(seen, snap) {
				seen = snap
				l.soon(timer)
			}
		case <-timer.C:
			seen = l.cfg.Store.Snapshot()
			timer.Reset(l.refresh(ctx))
		}
	}
}

// soon moves the next refresh close, but not closer than events are gathered.
func (l *Link) soon(t *time.Timer) { t.Reset(max(refreshSoon, l.backoff)) }

// concerns reports whether a metadata change is about this link.
func (l *Link) concerns(old, now *metadata.Snapshot) bool {
	if old == nil {
		return true
	}
	if old.Links[l.name] != now.Links[l.name] {
		return true
	}
	for _, t := range now.Topics {
		if t.Shadow != nil && t.Shadow.LinkID == l.id && old.Topics[t.Name] != t {
			return true
		}
	}
	return false
}

// maxWait is how long the source may hold an empty fetch answer.
func (l *Link) maxWait() time.Duration {
	if d := l.definition(); d != nil {
		return d.WithDefaults().Options.FetchMaxWait
	}
	return spec.Definition{}.WithDefaults().Options.FetchMaxWait
}

// open makes the client and one worker per shard.
func (l *Link) open(def *spec.Link) {
	o := def.Options
	l.client = source.New(source.Config{Bootstrap: def.Bootstrap, ClientID: o.ClientID, Timeout: o.RequestTimeout, Dial: l.cfg.Dial(o.ConnectTimeout)})
	rc := replicate.DefaultConfig()
	rc.ClientID, rc.FetchMaxBytes, rc.PartitionMaxBytes = o.ClientID, int(o.FetchMaxBytes), int(o.PartitionMaxBytes)
	rc.MaxWait, rc.ConnectTimeout, rc.RequestTimeout = o.FetchMaxWait, o.ConnectTimeout, o.RequestTimeout
	rc.BackoffMin, rc.BackoffMax = o.BackoffMin, o.BackoffMax
	rc.RecordsMax = l.cfg.RecordsMax
	for i := range l.cfg.Group.Len() {
		report := func(e replicate.Event) { l.report(i, e) }
		l.workers = append(l.workers, replicate.NewWorker(l.cfg.Group.Shard(i), rc, l.log.With("shard", i), report))
	}
}

func (l *Link) close() {
	for i, w := range l.workers {
		l.cfg.Group.Shard(i).Post(w.Stop) // ErrStopped: the loop and its connections are gone already
	}
	l.client.Close()
}

// report runs on a shard's loop.
func (l *Link) report(shard int, e replicate.Event) {
	if e.Kind == replicate.BrokerUp || e.Kind == replicate.BrokerDown {
		l.noteBroker(shard, e)
	}
	select {
	case l.events <- e:
	default: // see eventsMax
	}
}

// noteBroker keeps what status shows of a source broker.
func (l *Link) noteBroker(shard int, e replicate.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b, ok := l.state.brokers[e.Broker.Addr]
	if !ok {
		b = brokerNow{up: map[int]bool{}}
	}
	b.broker, b.at = e.Broker, l.cfg.Now()
	b.up[shard] = e.Kind == replicate.BrokerUp
	if e.Kind == replicate.BrokerDown {
		b.err = e.Err
	}
	l.state.brokers[e.Broker.Addr] = b
}
