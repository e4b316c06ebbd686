package replicate

import (
	"errors"
	"fmt"
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
	dirty    bool // in the owner's dirty list
	dirtyAt  int  // where, if dirty
	progress Progress
	trim     trim

	// One answer in flight.
	reservation []byte // nil: the bytes are read and thrown away
	filled      int
	verifier    batch.Verifier

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

// begin makes room for n record bytes.
//
// The answer must be to a fetch at the log's present end. A log whose disk is
// full takes back what it could not write, and its end moves down; batches
// that were asked for before that would be appended behind a silent hole (S2).
func (r *Replicator) begin(n int) error {
	r.filled, r.reservation = 0, nil
	if r.part.Log.EndOffset() != r.sent.offset {
		return errMoved
	}
	b, err := r.part.Log.Reserve(n)
	if err != nil {
		return fmt.Errorf("reserve %d bytes for topic %q partition %d: %w", n, r.Topic, r.Partition.Index, err)
	}
	r.reservation = b[:n]
	r.verifier.Reset(r.sent.offset)
	return nil
}

// errMoved: the log's end is not where the answer was asked for; it is asked
// for again from where the end is now.
var errMoved = errors.New("the log's end moved while an answer was on its way")

// arrived checks n more bytes while they are still in the core's cache.
func (r *Replicator) arrived(n int) error {
	r.filled += n
	return r.verifier.Feed(r.reservation[:r.filled])
}

// abandon gives an unfinished reservation back; nothing of it was appended.
func (r *Replicator) abandon() {
	if r.reservation != nil {
		r.part.Log.Release()
		r.reservation = nil
	}
}

// ErrOverlap says that a source sent a batch that lies across the shadow's end.
var ErrOverlap = errors.New("a batch overlaps what is held already")

// ErrNoWholeBatch says that a source sent records of which no batch is whole.
// From Fetch v3 on a source sends at least one whole batch or nothing (KIP-74).
var ErrNoWholeBatch = errors.New("records without one whole batch")

// finish appends what arrived: every complete, verified batch that the log
// does not hold yet. A batch cut short behind a whole one is normal and is
// dropped.
func (r *Replicator) finish(now time.Time) error {
	r.reservation = nil
	arrived := r.verifier.Batches()
	for i := range arrived {
		r.work.counters.FetchedRecords += int64(arrived[i].Count)
	}
	if r.part.Log.EndOffset() != r.sent.offset {
		r.part.Log.Release()
		return errMoved
	}
	heads, skip, err := r.unheld(arrived)
	if err != nil {
		r.part.Log.Release()
		return err
	}
	if err := r.part.Log.Commit(r.Term, skip, heads); err != nil {
		return err
	}
	r.count(heads)
	r.noteCaughtUp(r.progress.SeenAt) // of the high watermark, not of the records' arrival
	r.measure(now)
	r.corrupt, r.starved, r.slow = 0, 0, 0
	return nil
}

// unheld drops the leading batches that the log already holds: a fetch may
// return a batch that begins below the offset asked for. A batch that holds
// our end in its middle is only possible in an empty log, whose start the
// source has moved into a batch.
func (r *Replicator) unheld(heads []batch.Head) (rest []batch.Head, skip int, err error) {
	end := r.part.Log.EndOffset()
	for len(heads) > 0 && heads[0].LastOffset < end {
		skip += heads[0].Size
		heads = heads[1:]
	}
	if len(heads) == 0 {
		return nil, 0, fmt.Errorf("%w: %d bytes, the batch in them claims %d", ErrNoWholeBatch, r.filled, r.verifier.Pending())
	}
	if first := heads[0]; first.BaseOffset < end && r.part.Log.StartOffset() != end {
		return nil, 0, fmt.Errorf("%w: batch %d..%d, the shadow ends at %d", ErrOverlap, first.BaseOffset, first.LastOffset, end)
	}
	return heads, skip, nil
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
	case errors.Is(err, ErrOverlap), errors.Is(err, ErrNoWholeBatch), errors.Is(err, segment.ErrOutOfOrder):
		return wrongByte
	}
	return failed
}
