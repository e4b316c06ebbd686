package replicate

import (
	"errors"
	"time"

	"umbra/ioring/buf"
	"umbra/kafkaproto"
	"umbra/kafkaproto/batch"
	"umbra/shard"
	"umbra/shard/segment"
)

// phase is where a Replicator stands.
type phase uint8

const (
	following  phase = iota // in a fetch session, or about to be
	backingOff              // left out of fetches until its timer
	stopped                 // waits for the control plane to assign it again
)

// trouble is what keeps a partition from going on that clears up by itself.
type trouble uint8

const (
	calm     trouble = iota
	refused          // by the source, with an error code
	full             // the local disk is
	starving         // memory is, again and again
)

// corruptMax is how often in a row a partition's bytes may be refused before
// the partition stops: once may be a bad wire or a bad replica, twice is the
// source.
const corruptMax = 2

// Replicator is one partition's copy. It belongs to its shard's loop.
//
//	           add                stop (an Event says why)
//	stopped --------> following --------------------------> stopped
//	                   |    ^
//	        retryLater |    | its timer
//	                   v    |
//	                 backingOff
//
// What may append is not decided here: an append carries the assignment's term,
// and the log refuses any other (S8).
type Replicator struct {
	Assignment
	work  *Worker
	part  *shard.Partition
	phase phase
	owner *Fetcher     // nil while in no broker's session
	set   *topicSet    // the owner's, nil with it
	home  *Fetcher     // that it returns to when its wait is over, nil unless backingOff
	retry *shard.Timer // its wait, nil unless backingOff

	fault   error   // what stopped it for good under this term; nil: it may go on
	corrupt int     // corrupt answers in a row
	trouble trouble // told to the control plane
	slow    int     // how often in a row it held up its connection
	starved int     // answers in a row that found no memory

	// What the session at the source knows of us; see session.go.
	sent     sentState
	since    uint64 // the first request of the owner's that asked for us, unless sent is neverSent
	dirty    bool   // in the owner's dirty list
	dirtyAt  int    // where, if dirty
	progress Progress
	trim     trim

	arrival  arrival      // of one answer
	waiter   shard.Waiter // hears of the log while it has an owner
	applying applying
}

// Progress is what is known of a partition's distance to its source. Offsets
// of -1 mean "never seen".
type Progress struct {
	SourceHighWatermark int64
	SourceStart         int64
	SeenAt              time.Time // when the source last spoke about this partition
	CaughtUpAt          time.Time // last moment at which every record the source had committed was here
	FetchedBytes        int64     // verified and appended
	FetchedRecords      int64
	Batches             int64
	Refused             int64 // answers dropped because their bytes were wrong
}

func newReplicator(w *Worker, a Assignment, p *shard.Partition) *Replicator {
	return &Replicator{Assignment: a, work: w, part: p, phase: stopped, sent: neverSent,
		progress: Progress{SourceHighWatermark: -1, SourceStart: -1}}
}

// head takes in the part of an answer that precedes its records; spoke is when the
// source said it.
func (r *Replicator) head(h *kafkaproto.FetchPartitionHead, spoke time.Time) {
	r.progress.SourceHighWatermark = h.HighWatermark
	if h.LogStartOffset >= 0 {
		r.progress.SourceStart = h.LogStartOffset
	}
	r.progress.SeenAt = spoke
	if h.RecordsLen == 0 {
		r.noteCaughtUp(spoke)
	}
}

func (r *Replicator) noteCaughtUp(at time.Time) {
	if r.part.Log.EndOffset() >= r.progress.SourceHighWatermark {
		r.progress.CaughtUpAt = at
	}
}

func (r *Replicator) count(heads []batch.Head) {
	var bytes, records int64
	for i := range heads {
		bytes += int64(heads[i].Size)
		records += int64(heads[i].Count)
	}
	r.progress.FetchedBytes += bytes
	r.progress.FetchedRecords += records
	r.progress.Batches += int64(len(heads))
	r.work.counters.WrittenBytes += bytes
	r.work.counters.WrittenRecords += records
}

// lastEpoch is what the source checks our history against (KIP-595). An empty
// log has no history, whatever epochs it once held.
func (r *Replicator) lastEpoch() int32 {
	if e, ok := r.part.Log.LatestEpoch(); ok && r.part.Log.EndOffset() > r.part.Log.StartOffset() {
		return e
	}
	return -1
}

// outcome is what an error of the local log means for a partition.
type outcome uint8

const (
	failed    outcome = iota // the partition stops
	fenced                   // failover or a fault was faster, or the partition is being removed
	noSpace                  // the disk is full: it clears up by itself
	noMemory                 // so is this, soon
	moved                    // ask again from the present end
	wrongByte                // the source's fault
)

// judge sorts an error of the log.
func judge(err error) outcome {
	switch {
	case errors.Is(err, errMoved):
		return moved
	case errors.Is(err, segment.ErrNoSpace):
		return noSpace
	case errors.Is(err, buf.ErrBudget), errors.Is(err, segment.ErrBusy):
		return noMemory
	case errors.Is(err, segment.ErrStaleTerm), errors.Is(err, segment.ErrClosed):
		return fenced
	case errors.Is(err, ErrOverlap), errors.Is(err, ErrNoWholeBatch), errors.Is(err, segment.ErrOutOfOrder), errors.As(err, new(batch.ErrCorrupt)):
		return wrongByte
	}
	return failed
}
