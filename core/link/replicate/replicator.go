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
	backingOff              // left out of fetches for a while
	stopped                 // waits for the control plane: Resume or a new assignment
	fenced                  // failover has taken the partition: nothing is appended any more
)

// corruptMax is how often in a row a partition's bytes may be refused before
// the partition stops: once may be a bad wire or a bad replica, twice is the
// source.
const corruptMax = 2

// Replicator is one partition's copy. It belongs to its shard's loop.
type Replicator struct {
	Assignment
	work  *Worker
	part  *shard.Partition
	phase phase
	owner *Fetcher  // nil while in no broker's session
	set   *topicSet // the owner's, nil with it

	refused int // corrupt answers in a row

	// What the session at the source knows of us; see session.go.
	sent     sentState
	dirty    bool // in the owner's dirty list
	progress Progress

	// One answer in flight.
	reservation []byte // nil: the bytes are read and thrown away
	filled      int
	verifier    batch.Verifier

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
	return &Replicator{Assignment: a, work: w, part: p, sent: neverSent,
		progress: Progress{SourceHighWatermark: -1, SourceStart: -1}}
}

// head takes in the part of an answer that precedes its records.
func (r *Replicator) head(h *kafkaproto.FetchPartitionHead, now time.Time) {
	r.progress.SourceHighWatermark = h.HighWatermark
	if h.LogStartOffset >= 0 {
		r.progress.SourceStart = h.LogStartOffset
	}
	r.progress.SeenAt = now
	if h.RecordsLen == 0 {
		r.noteCaughtUp(now)
	}
}

func (r *Replicator) noteCaughtUp(now time.Time) {
	if r.part.Log.EndOffset() >= r.progress.SourceHighWatermark {
		r.progress.CaughtUpAt = now
	}
}

// begin makes room for n record bytes. Without room, or while the log is busy,
// the bytes are discarded and asked for again: memory is bounded, lag is not.
//
// The answer must be to a fetch at the log's present end. A log whose disk is
// full takes back what it could not write, and its end moves down; batches
// that were asked for before that would be appended behind a silent hole (S2).
func (r *Replicator) begin(n int) error {
	r.filled, r.reservation = 0, nil
	if r.part.Log.EndOffset() != r.sent.offset {
		return nil
	}
	b, err := r.part.Log.Reserve(n)
	if errors.Is(err, buf.ErrBudget) || errors.Is(err, segment.ErrBusy) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reserve %d bytes for topic %q partition %d: %w", n, r.Topic, r.Partition.Index, err)
	}
	r.reservation = b[:n]
	r.verifier.Reset(r.sent.offset)
	return nil
}

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

// finish appends what arrived: every complete, verified batch that the log
// does not hold yet. A batch cut short at the end is normal and is dropped.
func (r *Replicator) finish(now time.Time) error {
	if r.reservation == nil {
		return nil
	}
	r.reservation = nil
	arrived := r.verifier.Batches()
	for i := range arrived {
		r.work.counters.FetchedRecords += int64(arrived[i].Count)
	}
	heads, skip, err := r.unheld(arrived)
	if err != nil || len(heads) == 0 || r.part.Log.EndOffset() != r.sent.offset {
		r.part.Log.Release()
		return err
	}
	if err := r.part.Log.Commit(r.Term, skip, heads); err != nil {
		return err
	}
	r.count(heads)
	r.noteCaughtUp(now)
	r.measure(now)
	r.refused = 0
	return nil
}

// ErrOverlap says that a source sent a batch that lies across the shadow's end.
var ErrOverlap = errors.New("a batch overlaps what is held already")

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
		return nil, skip, nil
	}
	if first := heads[0]; first.BaseOffset < end && r.part.Log.StartOffset() != end {
		return nil, skip, fmt.Errorf("%w: batch %d..%d, the shadow ends at %d", ErrOverlap, first.BaseOffset, first.LastOffset, end)
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

// followStart moves the log's start to the source's (S5). It is called for
// every answer, with or without records, and never lets the start overtake
// either the source's or what is held here; an overtaken end is a gap, which
// the control plane records first.
func (r *Replicator) followStart() {
	to := r.progress.SourceStart
	if to > r.part.Log.StartOffset() && to <= r.part.Log.EndOffset() {
		r.part.Log.SetStart(to, func(error) {}) // a failure has failed the Log, which reports itself
	}
}

// lastEpoch is what the source checks our history against (KIP-595).
func (r *Replicator) lastEpoch() int32 {
	if e, ok := r.part.Log.LatestEpoch(); ok {
		return e
	}
	return -1
}

// appendError sorts an error of the log: a storage that is full clears up by
// itself, a stale term means failover was faster, the rest stops the partition.
func appendError(err error) (retry, fencedOff bool) {
	return errors.Is(err, segment.ErrNoSpace), errors.Is(err, segment.ErrStaleTerm)
}
