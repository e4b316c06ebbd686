package link

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"umbra/core/link/replicate"
	"umbra/core/link/source"
	"umbra/core/link/spec"
	"umbra/core/metadata"
	"umbra/shard"
)

// Link is the control plane of one link: one goroutine that keeps the metadata
// equal to what the source has, and tells the shards what to copy from where.
// It never waits for the source itself: a look (look.go) and, per source broker,
// a flight (flight.go) do, on goroutines that it starts, and hand it what they
// found. So a source that hangs delays what is asked of it and nothing else:
// not pausing, not stopping, not failing over.
type Link struct {
	cfg   Config
	name  string
	id    string
	log   *slog.Logger
	marks *marks

	events chan replicate.Event
	looked chan sight
	landed chan *flight
	wake   chan struct{} // the metadata changed
	quit   chan struct{} // the link is deleted
	ended  chan struct{} // closed when run has returned
	once   sync.Once
	helper sync.WaitGroup // looks, flights, the failover resumed by run

	// generation rises when everything is held. What was planned before is not
	// assigned after: compared on the loops that hold.
	generation atomic.Uint64

	// The link's goroutine only.
	sched    schedule
	client   *source.Client
	from     []string // the client's bootstrap addresses
	looking  context.CancelFunc
	flights  map[string]*flight // by source broker address
	tries    map[shard.PartitionID]*attempt
	waits    map[shard.PartitionID]spec.Reason // what partitions wait for that clears up by itself
	opening  <-chan struct{}                   // not nil while topics wait for their logs to open
	placing  time.Time                         // when to place again what the last look found; zero: not
	backoff  time.Duration
	contact  contact
	conflict map[string]bool // source topics whose name is taken here, as told
	resumed  time.Time       // last attempt to finish failovers

	failovers sync.Mutex          // one failover of a link at a time
	repairs   sync.RWMutex        // held for reading by what changes a log's extent and tells of it, for writing by a failover's decision and its fence
	crashed   atomic.Bool         // a test's Checkpoint ended a failover: it goes on with the next process
	workers   []*replicate.Worker // by shard; set once, before the goroutine does anything else

	// Read by status from other goroutines.
	mu    sync.Mutex
	state linkState
}

// linkState is what the control plane last learned, for status.
type linkState struct {
	cluster   *source.Cluster
	refreshed time.Time        // last metadata answer
	failure   error            // of the last refresh; nil after a good one
	lost      map[string]error // why each source broker was lost last, by address
	excluded  []string         // source topics the filter leaves out, capped
	excludedN int
	rate      rateSample
	totals    Totals
}

func newLink(cfg Config, name, id string) *Link {
	l := &Link{
		cfg: cfg, name: name, id: id, log: cfg.Log.With("link", name),
		events: make(chan replicate.Event, eventsMax), looked: make(chan sight), landed: make(chan *flight),
		wake: make(chan struct{}, 1), quit: make(chan struct{}), ended: make(chan struct{}),
		flights: map[string]*flight{}, tries: map[shard.PartitionID]*attempt{}, waits: map[shard.PartitionID]spec.Reason{}, conflict: map[string]bool{},
		state: linkState{lost: map[string]error{}},
	}
	var err error
	if l.marks, err = openMarks(cfg.DataDir, id); err != nil {
		l.log.Error("link notes are damaged; partitions that were empty may be taken for new", "err", err)
	}
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
	defer close(l.ended)
	defer l.close()
	defer l.helper.Wait()
	defer cancel()
	l.helper.Go(func() { // ends with the context that run cancels
		select {
		case <-l.quit:
			cancel()
		case <-ctx.Done():
		}
	})
	l.helper.Go(func() { l.keepSeen(ctx) })
	l.finishFailovers(ctx)
	timer := time.NewTimer(0)
	defer timer.Stop()
	l.sched.at(l.cfg.Now())
	var seen *metadata.Snapshot
	for {
		if due := soonest(l.sched.due, l.placing); !due.IsZero() {
			timer.Reset(max(0, due.Sub(l.cfg.Now())))
		} else {
			timer.Stop() // a look is under way; its end makes the next one due
		}
		select {
		case <-ctx.Done():
			return
		case e := <-l.events:
			if l.take(ctx, l.drain(e)) {
				l.sched.ask(l.cfg.Now())
			}
		case <-l.wake:
			snap := l.cfg.Store.Snapshot()
			l.follow(ctx, seen, snap)
			seen = snap
		case <-l.opening:
			l.opening = nil
			l.placeSoon()
		case <-timer.C:
			l.tick(ctx)
		case s := <-l.looked:
			l.reconcile(ctx, s)
		case f := <-l.landed:
			l.land(f)
		}
	}
}

// tick does what is due.
func (l *Link) tick(ctx context.Context) {
	now := l.cfg.Now()
	if !l.placing.IsZero() && !now.Before(l.placing) {
		l.placeAgain(ctx)
	}
	if due := l.sched.due; !due.IsZero() && !now.Before(due) {
		l.refresh(ctx)
	}
}

// soonest of the moments that are set; zero: none is.
func soonest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// follow does what a metadata change asks of this link.
func (l *Link) follow(ctx context.Context, old, now *metadata.Snapshot) {
	def := now.Links[l.name]
	switch {
	case def == nil || def.ID != l.id:
		return // the Manager stops us
	case def.Paused != l.pausedIn(old):
		l.hold(ctx)
		l.sched.at(l.cfg.Now())
	case l.concerns(old, now):
		l.sched.ask(l.cfg.Now())
	}
	l.finishFailovers(ctx)
}

// pausedIn: as the link knows it from what it saw last. One that has seen nothing yet
// goes on as if it was not paused.
func (l *Link) pausedIn(seen *metadata.Snapshot) bool {
	return seen != nil && seen.Links[l.name] != nil && seen.Links[l.name].Paused
}

// concerns reports whether a metadata change is about this link.
func (l *Link) concerns(old, now *metadata.Snapshot) bool {
	if old == nil || !sameWork(old.Links[l.name], now.Links[l.name]) {
		return true
	}
	for _, t := range now.Topics {
		if t.Shadow != nil && t.Shadow.LinkID == l.id && old.Topics[t.Name] != t {
			return true
		}
	}
	for _, t := range old.Topics {
		if t.Shadow != nil && t.Shadow.LinkID == l.id && now.ByID(t.ID) == nil {
			return true // its partitions are to be dropped
		}
	}
	return false
}

// sameWork reports whether two versions of a link differ in nothing that the
// link does: its own notes about itself are written by itself.
func sameWork(a, b *spec.Link) bool {
	if a == nil || b == nil {
		return a == b
	}
	x, y := *a, *b
	x.Reason, y.Reason = spec.Reason{}, spec.Reason{}
	x.SourceClusterID, y.SourceClusterID = "", ""
	return equalJSON(x, y)
}

// hold stops everything that is under way: looks, flights, copying.
func (l *Link) hold(ctx context.Context) {
	l.generation.Add(1)
	if l.looking != nil {
		l.looking()
	}
	for _, f := range l.flights {
		f.cancel()
	}
	for i, w := range l.workers {
		if err := l.cfg.Group.Shard(i).Call(ctx, w.HoldAll); err != nil && ctx.Err() == nil {
			l.log.Error("shard was not told to stop copying", "shard", i, "err", err)
		}
	}
}

// open makes one worker per shard. Options hold from here on.
func (l *Link) open() {
	o := l.options()
	l.sched.limit = o.BackoffMax
	rc := dataPlane(l.cfg, o)
	for i := range l.cfg.Group.Len() {
		l.workers = append(l.workers, replicate.NewWorker(l.cfg.Group.Shard(i), rc, l.log.With("shard", i), l.report))
	}
}

// connect makes the client of the control plane, anew when an operator has
// changed where the source is.
func (l *Link) connect(def *spec.Link) *source.Client {
	if l.client != nil && equalJSON(l.from, def.Bootstrap) {
		return l.client
	}
	if l.client != nil {
		l.client.Close()
	}
	l.from = def.Bootstrap
	l.client = newClient(l.cfg, def.Definition)
	return l.client
}

// stopTimeout bounds how long a link waits for a loop to end its connections.
const stopTimeout = 5 * time.Second

// close runs when nothing else of the link does.
func (l *Link) close() {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	for i, w := range l.workers {
		if err := l.cfg.Group.Shard(i).Call(ctx, w.Stop); err != nil {
			l.log.Error("connections of the link were not ended", "shard", i, "err", err)
		}
	}
	if l.client != nil {
		l.client.Close()
	}
}
