package replicate

import (
	"fmt"
	"log/slog"

	"umbra/shard"
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
}

// NewWorker makes a Worker for a shard. report is called on the loop and must
// not block it.
func NewWorker(s *shard.Shard, cfg Config, log *slog.Logger, report func(Event)) *Worker {
	return &Worker{cfg: cfg, shard: s, report: report, log: log,
		fetchers: map[string]*Fetcher{}, all: map[shard.PartitionID]*Replicator{}}
}

// Assign starts copying a partition, moves it to another broker, or sets a
// stopped one going again. The partition must be open on this shard.
func (w *Worker) Assign(a Assignment) error {
	p := w.shard.Partition(a.Partition)
	if p == nil {
		return fmt.Errorf("assign topic %q partition %d: it is not open on shard %d", a.Topic, a.Partition.Index, w.shard.ID())
	}
	r := w.all[a.Partition]
	switch {
	case r == nil || r.part != p:
		r = newReplicator(w, a, p)
		w.all[a.Partition] = r
	case r.phase == fenced && a.Term == r.Term:
		return nil // failover took it under this very term
	case r.owner != nil && r.Assignment == a:
		return nil
	}
	w.detach(r)
	r.Assignment = a
	w.fetcher(a.Broker).add(r)
	return nil
}

// Drop stops copying a partition and forgets it.
func (w *Worker) Drop(id shard.PartitionID) {
	if r := w.all[id]; r != nil {
		w.detach(r)
		r.phase = stopped
		delete(w.all, id)
	}
}

// Hold stops copying a partition but keeps what is known of its lag.
func (w *Worker) Hold(id shard.PartitionID) {
	if r := w.all[id]; r != nil {
		w.detach(r)
		r.phase = stopped
	}
}

// HoldAll is Hold for every partition: the link is paused.
func (w *Worker) HoldAll() {
	for id := range w.all {
		w.Hold(id)
	}
}

// Fence ends copying of a partition for failover: what is arriving is dropped,
// the log takes the new term so that nothing of the link can follow, and done
// gets the final log end once every byte below it is fsynced.
func (w *Worker) Fence(id shard.PartitionID, term int64, done func(end int64, err error)) {
	p := w.shard.Partition(id)
	if p == nil {
		done(0, fmt.Errorf("fence partition %d of topic id %s: it is not open on shard %d", id.Index, id.Topic, w.shard.ID()))
		return
	}
	if r := w.all[id]; r != nil {
		w.detach(r)
		r.phase = fenced
	}
	p.SetTerm(term)
	end := p.Log.EndOffset()
	p.Log.Flush(func(err error) { done(end, err) })
}

// Stop ends every connection of the link on this shard.
func (w *Worker) Stop() {
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

// detach takes a replicator from its fetcher, and closes a fetcher nothing is
// left for: brokers come and go at a source.
func (w *Worker) detach(r *Replicator) {
	f := r.owner
	r.phase = stopped
	if f == nil {
		return
	}
	f.remove(r)
	if f.empty() {
		f.close()
		delete(w.fetchers, f.broker.Addr)
	}
}
