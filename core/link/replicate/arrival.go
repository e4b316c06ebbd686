package replicate

import (
	"errors"
	"fmt"
	"time"

	"umbra/kafkaproto/batch"
)

// stretchMax is how much of an answer is taken in before it is appended: a slab.
const stretchMax = 1 << 20

// arrival is one partition's records of one answer on their way into the log.
//
// They are appended as they come. Memory for a stretch of them is reserved,
// filled and checked; the batches that are whole by then are appended, and what is
// there of the next one begins the next stretch. So an answer may be far larger
// than the memory it passes through, and its first records are readable while its
// last ones are on the wire.
type arrival struct {
	left        int    // record bytes of the answer that have not come
	at          int64  // where the log must end for what comes next
	appended    bool   // a batch of this answer was
	reservation []byte // the stretch; nil: the bytes are read and thrown away
	filled      int
	verifier    batch.Verifier
}

// begin makes room for the first of n record bytes.
//
// The answer must be to a fetch at the log's present end. A log whose disk is
// full takes back what it could not write, and its end moves down; batches
// that were asked for before that would be appended behind a silent hole (S2).
func (r *Replicator) begin(n int) error {
	a := &r.arrival
	a.left, a.at, a.appended, a.filled, a.reservation = n, r.sent.offset, false, 0, nil
	if r.part.Log.EndOffset() != a.at {
		return errMoved
	}
	b, err := r.part.Log.Reserve(min(n, stretchMax))
	if err != nil {
		return err
	}
	a.reservation = b
	a.verifier.Reset(a.at)
	return nil
}

// errMoved: the log's end is not where the answer was asked for; it is asked
// for again from where the end is now.
var errMoved = errors.New("the log's end moved while an answer was on its way")

// room is where the next bytes go; as much as fits the stretch.
func (r *Replicator) room() []byte { return r.arrival.reservation[r.arrival.filled:] }

// arrived checks n more bytes while they are still in the core's cache. An error
// of the verifier is about the source's bytes.
func (r *Replicator) arrived(n int) error {
	a := &r.arrival
	a.filled += n
	a.left -= n
	return a.verifier.Feed(a.reservation[:a.filled])
}

// stretchFull reports whether the rest of the answer wants another stretch.
func (r *Replicator) stretchFull() bool {
	return r.arrival.left > 0 && r.arrival.filled == len(r.arrival.reservation)
}

// abandon gives an unfinished stretch back; nothing of it was appended.
func (r *Replicator) abandon() {
	if r.arrival.reservation != nil {
		r.part.Log.Release()
		r.arrival.reservation = nil
	}
}

// ErrOverlap says that a source sent a batch that lies across the shadow's end.
var ErrOverlap = errors.New("a batch overlaps what is held already")

// ErrNoWholeBatch says that a source sent records of which no batch is whole.
// From Fetch v3 on a source sends at least one whole batch or nothing (KIP-74).
var ErrNoWholeBatch = errors.New("records without one whole batch")

// spill appends the whole batches of a full stretch and begins the next one with
// what there is of the batch behind them.
func (r *Replicator) spill(now time.Time) error {
	a := &r.arrival
	heads, skip, err := r.fresh()
	if err != nil {
		r.abandon()
		return err
	}
	cut := a.filled - a.verifier.Valid()
	n := min(cut+a.left, max(stretchMax, a.verifier.Pending()))
	a.reservation = nil
	r.part.Log.SetBehind(true)
	b, err := r.part.Log.CommitMore(r.Term, skip, heads, cut, n)
	r.landed(heads, now)
	if err != nil {
		return err
	}
	a.reservation, a.filled = b, cut
	a.verifier.Reset(a.at)
	if err := a.verifier.Feed(b[:cut]); err != nil {
		r.abandon()
		return err
	}
	return nil
}

// finish appends the whole batches of the last stretch. A batch cut short at the
// end of an answer is normal and is dropped.
func (r *Replicator) finish(now time.Time) error {
	a := &r.arrival
	heads, skip, err := r.fresh()
	if err == nil && len(heads) == 0 && !a.appended {
		err = fmt.Errorf("%w: %d bytes, the batch in them claims %d", ErrNoWholeBatch, a.filled, a.verifier.Pending())
	}
	if err != nil || len(heads) == 0 {
		r.abandon()
	} else {
		a.reservation = nil
		err = r.part.Log.Commit(r.Term, skip, heads)
		r.landed(heads, now)
		r.part.Log.SetBehind(r.part.Log.EndOffset() < r.progress.SourceHighWatermark)
	}
	if err != nil {
		return err
	}
	r.noteCaughtUp(r.progress.SeenAt) // of the high watermark, not of the records' arrival
	r.slow = 0
	return nil
}

// fresh gives the stretch's whole batches that the log does not hold yet, and how
// many bytes lie before them.
func (r *Replicator) fresh() (heads []batch.Head, skip int, err error) {
	a := &r.arrival
	arrived := a.verifier.Batches()
	for i := range arrived {
		r.work.counters.FetchedRecords += int64(arrived[i].Count)
	}
	if r.part.Log.EndOffset() != a.at {
		return nil, 0, errMoved
	}
	return r.unheld(arrived)
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
		return nil, skip, nil
	}
	if first := heads[0]; first.BaseOffset < end && r.part.Log.StartOffset() != end {
		return nil, 0, fmt.Errorf("%w: batch %d..%d, the shadow ends at %d", ErrOverlap, first.BaseOffset, first.LastOffset, end)
	}
	return heads, skip, nil
}

// landed notes what the log took; heads are what it was offered.
func (r *Replicator) landed(heads []batch.Head, now time.Time) {
	a := &r.arrival
	end := r.part.Log.EndOffset()
	for len(heads) > 0 && heads[len(heads)-1].LastOffset >= end {
		heads = heads[:len(heads)-1]
	}
	a.at = end
	if len(heads) == 0 {
		return
	}
	a.appended = true
	r.corrupt, r.starved = 0, 0
	r.count(heads)
	r.measure(now)
}
