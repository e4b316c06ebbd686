package replicate

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"umbra/shard"
	"umbra/shard/segment"
)

// Worker is a link's data plane on one shard. Its methods run on that shard's
// loop; the link's control plane reaches it through Shard.Post.
type Worker struct {
	cfg      Config
	shard    *shard.Shard
	report   func(Event)
	log      *slog.Logger
	fetchers map[string]*Fetcher // by broker address
	all      map[shard.PartitionID]*Replicator
	counters Counters
	stopped  bool
}

// NewWorker makes a Worker for a shard. report is called on the loop and must
// not block it.
func NewWorker(s *shard.Shard, cfg Config, log *slog.Logger, report func(Event)) *Worker {
	return &Worker{cfg: cfg, shard: s, report: report, log: log,
		fetchers: map[string]*Fetcher{}, all: map[shard.PartitionID]*Replicator{}}
}

var (
	// ErrFenced says that an assignment was made from what the metadata said
	// before the topic stopped or failed over.
	ErrFenced = errors.New("the assignment's term is older than the log's")
	// ErrStopped says that the Worker was stopped.
	ErrStopped = errors.New("the link's worker is stopped")
	// ErrNotOpen says that the partition is not open on the shard.
	ErrNotOpen = errors.New("the partition is not open on its shard")
)

// FaultError says that an assignment is for a partition that has stopped under
// its term, and why it has.
type FaultError struct{ Err error }

func (e *FaultError) Error() string { return "the partition is stopped: " + e.Err.Error() }

func (e *FaultError) Unwrap() error { return e.Err }

// Fault is the *FaultError with which an assignment of a term would be refused,
// nil when the partition may be assigned. It outlives the Event that told of it,
// which may have been lost.
func (w *Worker) Fault(id shard.PartitionID, term int64) error {
	if r := w.all[id]; r != nil && r.fault != nil && r.part == w.shard.Partition(id) && term <= r.Term {
		return &FaultError{r.fault}
	}
	return nil
}

// Assign starts copying a partition, moves it to another broker, or sets a
// stopped one going again. The partition must be open on this shard, and the
// assignment not older than what the log knows: a plan that was made before a
// failover comes too late (F2), and so does one for a partition that a fault has
// stopped since. The log takes a newer term at once, for the metadata has it
// already.
func (w *Worker) Assign(a Assignment) error {
	p := w.shard.Partition(a.Partition)
	switch {
	case w.stopped:
		return fmt.Errorf("assign topic %q partition %d: %w", a.Topic, a.Partition.Index, ErrStopped)
	case p == nil:
		return fmt.Errorf("assign topic %q partition %d on shard %d: %w", a.Topic, a.Partition.Index, w.shard.ID(), ErrNotOpen)
	case a.Term < p.Log.Term():
		return fmt.Errorf("assign topic %q partition %d: %w: %d, the log has %d", a.Topic, a.Partition.Index, ErrFenced, a.Term, p.Log.Term())
	case a.Term > p.Log.Term():
		p.SetTerm(a.Term)
	}
	if err := w.Fault(a.Partition, a.Term); err != nil {
		return fmt.Errorf("assign topic %q partition %d: %w", a.Topic, a.Partition.Index, err)
	}
	r := w.all[a.Partition]
	if r != nil && r.part != p {
		w.Drop(a.Partition)
		r = nil
	}
	if r == nil {
		r = newReplicator(w, a, p)
		w.all[a.Partition] = r
	}
	if r.phase != stopped && r.Assignment == a {
		return nil
	}
	r.detach()
	r.Assignment, r.fault = a, nil
	w.fetcher(a.Broker).add(r)
	return nil
}

// Drop stops copying a partition and forgets it.
func (w *Worker) Drop(id shard.PartitionID) {
	if r := w.all[id]; r != nil {
		r.detach()
		delete(w.all, id)
	}
}

// Hold stops copying a partition but keeps what is known of its lag.
func (w *Worker) Hold(id shard.PartitionID) {
	if r := w.all[id]; r != nil {
		r.detach()
	}
}

// HoldAll is Hold for every partition: the link is paused.
func (w *Worker) HoldAll() {
	for _, r := range w.all {
		r.detach()
	}
	for addr, f := range w.fetchers {
		f.close()
		delete(w.fetchers, addr)
	}
}

// Sweep drops the partitions that are not open on this shard any more, and
// closes the connections that had nothing to do since the last sweep: topics and
// brokers come and go. A connection outlives its last partition for a while,
// because one that is aligned anew comes back to it a moment later.
func (w *Worker) Sweep() {
	for id, r := range w.all {
		if r.part.Removed() || w.shard.Partition(id) != r.part {
			w.Drop(id)
		}
	}
	for addr, f := range w.fetchers {
		switch {
		case !f.empty():
			f.unused = false
		case f.unused:
			f.close()
			delete(w.fetchers, addr)
		default:
			f.unused = true
		}
	}
}

const (
	fenceRetry = 50 * time.Millisecond // between attempts to flush a log that takes back its tail
	fenceTries = 600
)

// Fence ends copying of a partition for failover: what is arriving is dropped,
// the log takes the new term so that nothing of the link can follow, and done
// gets the final log end once every byte below it is fsynced and the log's
// start does not move any more.
func (w *Worker) Fence(id shard.PartitionID, term int64, done func(end int64, err error)) {
	p := w.shard.Partition(id)
	if p == nil {
		done(0, fmt.Errorf("fence partition %d of topic id %s on shard %d: %w", id.Index, id.Topic, w.shard.ID(), ErrNotOpen))
		return
	}
	p.SetTerm(term)
	flush := func() { w.flush(p, fenceTries, done) }
	if r := w.all[id]; r != nil {
		r.detach()
		r.whenTrimmed(flush)
		return
	}
	flush()
}

// flush is patient with a log whose disk is full: it takes back what it could
// not write, and what is left then is its end.
func (w *Worker) flush(p *shard.Partition, tries int, done func(int64, error)) {
	p.Log.Flush(func(err error) {
		switch {
		case err == nil:
			done(p.Log.EndOffset(), nil)
		case tries > 0 && (errors.Is(err, segment.ErrNoSpace) || errors.Is(err, segment.ErrReset)):
			w.shard.After(fenceRetry, func() { w.flush(p, tries-1, done) })
		default:
			done(0, fmt.Errorf("flush topic %q partition %d: %w", p.Topic, p.ID.Index, err))
		}
	})
}

// Stop ends every connection of the link on this shard, for good.
func (w *Worker) Stop() {
	w.stopped = true
	for _, r := range w.all {
		r.detach()
	}
	for _, f := range w.fetchers {
		f.close()
	}
	clear(w.fetchers)
	clear(w.all)
}

// fetcher returns the connection to a broker, making it at the first use.
func (w *Worker) fetcher(b Broker) *Fetcher {
	f := w.fetchers[b.Addr]
	if f == nil {
		f = newFetcher(w.shard, b, w.cfg, &w.counters, w.report, newRateLog(w.log, w.cfg.Now))
		w.fetchers[b.Addr] = f
	}
	return f
}

// detach takes a replicator from its fetcher, whatever it was doing there.
func (r *Replicator) detach() {
	if r.home != nil {
		r.home.endWait(r)
	}
	if r.owner != nil {
		r.owner.remove(r)
	}
	r.phase = stopped
}
