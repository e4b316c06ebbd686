package segment

import (
	"errors"
	"fmt"
	"time"

	"umbra/ioring"
	"umbra/ioring/buf"
	"umbra/kafkaproto/batch"
)

// Log is one partition's log. It belongs to one shard; its methods run on that
// shard's loop, except Open, which runs before the loop knows the log.
//
// Offsets, from low to high:
//
//	start       first offset a reader may ask for; may lie inside a batch
//	durable     everything below is fsynced
//	written     everything below is on disk: the partition's high watermark
//	end         everything below is appended, perhaps only in memory
//
// All of them lie on batch boundaries but start.
type Log struct {
	// Set once.
	dir string
	env Env

	cfg  Config
	term int64

	start, end, written, durable int64
	startWanted                  int64 // a higher start that is being written to the meta file
	state                        *State
	segs                         []*segment // oldest first; only the last may be active

	// The way of a byte to the disk: appender.go, writer.go, durable.go.
	pieces    []*piece // slabs with the newest bytes, oldest first; the last one is appended to
	pushed    int      // pieces[:pushed] have been handed to the ring whole
	tail      []byte   // bytes of the active segment's last block when no piece has them
	resv      reservation
	lastCap   int // capacity of the last slab taken, and when: to choose the next
	lastAt    time.Time
	marks     queue[mark]
	flight    queue[*write]
	writing   int   // writes in the ring
	cached    bool  // they go through the page cache
	tailBlock int64 // position of the block that is in flight as a padded tail; -1 none
	vwritten  int64
	vmark     int64 // position of written, the last batch boundary at or below vwritten
	vdurable  int64
	vbulk     int64 // what is below came with much else, see cachedMax
	owes      int64 // bytes not on disk, as Hot knows it
	local     bool  // it is Append that adds to the log
	behind    bool  // more is to come than what Commit has just taken
	sync      syncing
	waiters   []waiter
	woken     []waiter // scratch
	dirty     bool
	retrying  bool

	// Files: jobs.go, grow.go, checkpoint.go.
	jobs     []job
	jobBusy  bool
	excl     []exclusive
	exclBusy bool
	space    space
	ckpts    []checkpoint // taken and not durable yet, lowest first
	ckptV    int64        // position of the last one taken
	ckptAt   time.Time    // when that was
	floor    floor        // as in the meta file
	found    int64        // position that Open found a whole checkpoint of, -1: none
	warm     []*segment

	// Reads.
	cold     int // cold reads and look-ups under way
	parked   []*coldRead
	freeRead *coldRead
	spans    []buf.Span // scratch of readHot

	failed error
	closed bool
	stats  Stats

	freePiece *piece
	freeWrite *write
	one       [1]batch.Head
}

// Stats counts what a log did since Open. Plain fields of the loop.
type Stats struct {
	Appends, AppendedBytes int64 // batches and their bytes
	Writes, WrittenBytes   int64 // operations and bytes pushed to the ring, padding included
	Syncs                  int64 // fsyncs, chained ones included
	HotReads, ColdReads    int64
	NoSpace                int64 // times the disk was full
	PendingRefusals        int64 // reservations refused because too much was unwritten
}

// StartOffset is the first offset a reader may ask for.
func (l *Log) StartOffset() int64 { return l.start }

// EndOffset is the offset the next batch gets, or the lowest it may have.
func (l *Log) EndOffset() int64 { return l.end }

// WrittenOffset bounds what is on disk, though not necessarily fsynced.
func (l *Log) WrittenOffset() int64 { return l.written }

// DurableOffset bounds what survives a loss of power.
func (l *Log) DurableOffset() int64 { return l.durable }

// LastStableOffset is the first offset of the earliest transaction that the
// written part of the log leaves open, or WrittenOffset.
func (l *Log) LastStableOffset() int64 {
	return l.state.Txns.LSO(l.written)
}

// Term is the fence: an append that carries another one is refused.
func (l *Log) Term() int64 { return l.term }

// SetTerm sets the fence. It never goes down.
func (l *Log) SetTerm(term int64) { l.term = max(l.term, term) }

// Stats returns the counters.
func (l *Log) Stats() Stats { return l.stats }

// Dir is the log's directory.
func (l *Log) Dir() string { return l.dir }

// Err is nil while the log can be appended to, else why not.
func (l *Log) Err() error {
	switch {
	case l.closed:
		return ErrClosed
	case l.failed != nil:
		return l.failed
	case l.space.full:
		return ErrNoSpace
	case l.frozen():
		return ErrBusy
	}
	return nil
}

// Configure changes the settings. A smaller segment size holds from the next
// append on.
func (l *Log) Configure(cfg Config) { l.cfg = cfg.withDefaults() }

func (l *Log) frozen() bool { return len(l.excl) > 0 }

func (l *Log) vend() int64 {
	if n := len(l.segs); n > 0 {
		return l.segs[n-1].vend()
	}
	return l.vwritten
}

// markDirty asks the owner for a Kick at the end of this turn.
func (l *Log) markDirty() {
	if !l.dirty {
		l.dirty = true
		l.env.Dirty()
	}
}

// Kick hands what the log has for the disk to the ring. The owner calls it at
// the end of a turn for every log that asked by Env.Dirty, and then submits the
// ring once for all of them. A completion may ask again, also inside Ring.Reap:
// the owner goes on until no log is dirty.
func (l *Log) Kick() {
	l.dirty = false
	if l.closed {
		return
	}
	l.unparkReads()
	if l.failed == nil {
		l.pushWrites()
		l.pushSync()
	}
	l.settle()
}

// fail ends the log's life: no more appends, no more acknowledgements.
func (l *Log) fail(cause error) {
	if l.failed != nil || l.closed {
		return
	}
	l.failed = fmt.Errorf("log %s: %w: %w", l.dir, ErrFailed, cause)
	l.env.Log.Error("the log failed; reopen the partition to verify it", "dir", l.dir, "error", cause)
	l.account()
	l.sync.stopTimer()
	l.space.stopTimer()
	l.failWaiters(l.failed)
	l.env.Failed(l.failed)
	l.markDirty()
}

// pushOp hands op to the ring. A full ring is no error: the caller tries again
// at the next Kick.
func (l *Log) pushOp(op *ioring.Op) (pushed bool) {
	switch err := l.env.push(op); {
	case err == nil:
		return true
	case errors.Is(err, ioring.ErrFull):
		l.retryLater()
	default:
		l.fail(err)
	}
	return false
}

// ringRetry is how long a log waits that met a full ring and has nothing in it
// whose completion would bring the next Kick.
const ringRetry = time.Millisecond

// retryLater does not ask for a Kick at once: the ring would still be full.
func (l *Log) retryLater() {
	if l.retrying {
		return
	}
	l.retrying = true
	l.env.After(ringRetry, func() {
		l.retrying = false
		l.markDirty()
	})
}
