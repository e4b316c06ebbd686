package broker

import (
	"errors"
	"time"

	"umbra/ioring/buf"
	"umbra/kafkaproto/batch"
	"umbra/shard"
	"umbra/shard/segment"
)

// appendGroup is the batches of one Produce request whose partitions one loop
// owns. It is made on the connection's loop (home), works on the owner's, and
// reports back twice: placed, when every batch is appended or refused, and
// through, when what acks asks for is true. Where home is the owner these are
// plain calls, otherwise messages; after begin only the owner touches the group
// until it reports, and home only reads what was written before.
type appendGroup struct {
	// Set once.
	produce  *produce // home's
	home     *loop
	owner    *loop
	acks     int16
	deadline time.Time

	jobs    []appendJob
	next    int     // the first job that is not decided
	waiting int     // jobs that are not written or durable yet
	errs    []error // of waiting, by job; home reads it after through

	reported bool // home: placed came
}

// appendJob is one batch. The owner fills in the results before placed.
type appendJob struct {
	part    int // of the produce
	id      shard.PartitionID
	term    int64
	stamped bool // the log sets the time
	batch   batch.View

	err        error
	base, end  int64 // end: behind the batch, or behind the original of a duplicate
	appendTime int64
	logStart   int64
}

// begin starts the group on its owner's loop.
func (g *appendGroup) begin() {
	if g.owner == g.home {
		g.run()
		return
	}
	if err := g.owner.shard.Post(g.run); err != nil {
		for i := range g.jobs {
			g.jobs[i].refuse(err)
		}
		g.produce.placed(g)
		g.produce.through(g, nil)
	}
}

// budgetRetry is how long a group waits that found no memory for its batch, or
// its log with too much unwritten. Its connection sends nothing meanwhile: a
// disk that is too slow slows its producers down.
const budgetRetry = 5 * time.Millisecond

// run appends the jobs in order (owner).
func (g *appendGroup) run() {
	for ; g.next < len(g.jobs); g.next++ {
		j := &g.jobs[g.next]
		j.append(g.owner)
		if errors.Is(j.err, buf.ErrBudget) && time.Now().Before(g.deadline) {
			j.err = nil
			g.stall()
			return
		}
		j.batch = nil
	}
	if g.acks == 0 {
		g.report(true)
		return
	}
	g.errs = make([]error, len(g.jobs))
	g.waiting = 1
	for i := range g.jobs {
		g.await(i)
	}
	if g.waiting--; g.waiting == 0 {
		g.report(true)
		return
	}
	g.report(false)
}

// await has the group told when job i is as safe as acks asks for, or never will be.
func (g *appendGroup) await(i int) {
	j := &g.jobs[i]
	if j.err != nil {
		return
	}
	p := g.owner.shard.Partition(j.id)
	if p == nil {
		g.errs[i] = g.owner.broker.notOpen(j.id)
		return
	}
	g.waiting++
	done := func(err error) {
		g.errs[i] = err
		if g.waiting--; g.waiting == 0 {
			g.report(true)
		}
	}
	if g.acks == 1 || g.owner.broker.cfg.AckWritten {
		whenWritten(p, j.end, done)
		return
	}
	p.Log.WhenDurable(j.end, done)
}

// whenWritten calls done once everything below end is written, or with the
// reason why it never will be (owner).
func whenWritten(p *shard.Partition, end int64, done func(error)) {
	var w shard.Waiter
	look := func() (over bool, err error) {
		switch {
		case p.HighWatermark() >= end:
			return true, nil
		case p.Removed():
			return true, segment.ErrClosed
		case p.Err() != nil:
			return true, p.Err()
		}
		return p.Log.EndOffset() < end, segment.ErrReset
	}
	if over, err := look(); over {
		done(err)
		return
	}
	w.Wake = func() {
		if over, err := look(); over {
			p.Cancel(&w)
			done(err)
		}
	}
	p.Await(&w)
}

// report tells home that the batches are placed and, if so, that all is through.
func (g *appendGroup) report(through bool) {
	tell := func() {
		if !g.reported { // a message that met a full mailbox may be overtaken
			g.reported = true
			g.produce.placed(g)
		}
		if through {
			g.produce.through(g, g.errs)
		}
	}
	if g.owner == g.home {
		tell()
		return
	}
	g.owner.post(g.home.shard, tell, nil)
}

// stall tries again later (owner). At home the request did not expect to
// outlive its handler.
func (g *appendGroup) stall() {
	g.owner.stats.Stalled++
	if p := g.produce; g.owner == g.home {
		p.r.hold()
		p.own()
		for i := g.next; i < len(g.jobs); i++ {
			g.jobs[i].batch = p.parts[g.jobs[i].part].batch
		}
	}
	g.owner.shard.After(budgetRetry, g.run)
}

func (j *appendJob) refuse(err error) { j.err, j.base, j.appendTime, j.logStart = err, -1, -1, -1 }

// append appends the job's batch on the loop that owns its partition.
func (j *appendJob) append(l *loop) {
	p := l.shard.Partition(j.id)
	if p == nil {
		j.refuse(l.broker.notOpen(j.id))
		return
	}
	now := l.broker.now()
	base, err := p.Log.Append(j.batch, segment.AppendOptions{Term: j.term, LeaderEpoch: p.LeaderEpoch(), Now: now})
	j.base, j.appendTime, j.logStart = base, -1, p.Log.StartOffset()
	if j.stamped {
		j.appendTime = now.UnixMilli()
	}
	var dup *segment.DuplicateError
	switch {
	case errors.As(err, &dup):
		if j.stamped {
			j.appendTime = dup.Timestamp
		}
		j.end = dup.LastOffset + 1
	case err != nil:
		j.refuse(err)
	default:
		j.end = base + int64(j.batch.LastOffsetDelta()) + 1
	}
}
