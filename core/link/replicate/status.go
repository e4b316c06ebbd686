package replicate

import (
	"maps"
	"slices"
	"time"

	"umbra/shard"
)

// PartitionStatus is a moment's view of one partition's copy.
type PartitionStatus struct {
	Partition shard.PartitionID
	Topic     string
	Broker    Broker
	Following bool // fetched from a connected broker right now
	// LeaderEpoch is the source leader's, -1 when it does not say.
	LeaderEpoch int32
	LogStart    int64
	LogEnd      int64
	Progress
}

// Partitions are those of the Worker, in no order. Loop only; whoever goes through them
// all does it by Shard.CallEach, and some may have left by then.
func (w *Worker) Partitions() []shard.PartitionID {
	return slices.AppendSeq(make([]shard.PartitionID, 0, len(w.all)), maps.Keys(w.all))
}

// Status is the view of one partition; false when the Worker does not copy it.
// Loop only.
func (w *Worker) Status(id shard.PartitionID) (PartitionStatus, bool) {
	r := w.all[id]
	if r == nil {
		return PartitionStatus{}, false
	}
	return r.status(), true
}

// Following is the assignment of a partition that is in a fetcher's hands, connected or
// not, and what it waits for, as the last Refused event about it said; false when the
// Worker does not copy it now. Loop only.
func (w *Worker) Following(id shard.PartitionID) (Assignment, Waits, bool) {
	r := w.all[id]
	if r == nil || r.phase == stopped {
		return Assignment{}, Waits{}, false
	}
	return r.Assignment, Waits{Refused: r.trouble == refused, Full: r.trouble == full, Memory: r.trouble == starving}, true
}

// Waits is what a partition waits for that clears up by itself.
type Waits struct {
	Refused bool // by the source
	Full    bool // the local disk
	Memory  bool // the shard's arena
}

// VisitBrokers calls do for every source broker this shard is assigned to.
func (w *Worker) VisitBrokers(do func(b Broker, connected bool, answered time.Time, s FetcherStats)) {
	for _, f := range w.fetchers {
		do(f.broker, f.connected(), f.answeredAt, f.stats)
	}
}

func (r *Replicator) status() PartitionStatus {
	st := PartitionStatus{Partition: r.Partition, Topic: r.Topic, Broker: r.Broker, LeaderEpoch: r.LeaderEpoch,
		LogStart: r.part.Log.StartOffset(), LogEnd: r.part.Log.EndOffset(), Progress: r.progress}
	if f := r.owner; f != nil {
		st.Following = f.connected()
		st.SeenAt, st.CaughtUpAt = r.asOf()
	}
	return st
}

// keepSeen keeps what the last answer said of a partition that it left out: whoever
// stops fetching it still knows how far the source was then.
func (r *Replicator) keepSeen() {
	r.progress.SeenAt, r.progress.CaughtUpAt = r.asOf()
}

// asOf adds what the owner's last answer says about partitions it leaves out: in an
// incremental session their high watermark has not moved (KIP-227). It says nothing of
// those that only a later request has asked for.
func (r *Replicator) asOf() (seen, caughtUp time.Time) {
	seen, caughtUp = r.progress.SeenAt, r.progress.CaughtUpAt
	spoke := r.owner.spokeAt
	if r.sent == neverSent || r.since > r.owner.spokeFor || seen.IsZero() || !spoke.After(seen) {
		return seen, caughtUp
	}
	if r.part.Log.EndOffset() >= r.progress.SourceHighWatermark {
		caughtUp = spoke
	}
	return spoke, caughtUp
}
