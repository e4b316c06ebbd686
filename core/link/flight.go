package link

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"umbra/core/link/replicate"
	"umbra/core/link/source"
	"umbra/core/link/spec"
	"umbra/core/metadata"
	"umbra/shard"
)

const (
	// alignRounds bounds how often one flight aligns the same partition: a cut
	// or a skip is followed by another look, and a source that changes faster is
	// left to the next flight.
	alignRounds = 8
	// alignPatience is how long a source may not fit the copy before that is
	// taken for the truth: metadata and high watermarks lag behind an election.
	alignPatience = 30 * time.Second
)

// flight aligns partitions with the source broker that leads them and sets them
// going. It runs on a goroutine of its own: a broker that hangs holds up its
// own partitions only.
type flight struct {
	l          *Link
	client     *source.Client
	def        *spec.Link
	generation uint64
	addr       string
	wants      map[shard.PartitionID]replicate.Assignment
	list       []*candidate
	cancel     context.CancelFunc
	more       bool // others wait for the broker; the link's goroutine only
}

// candidate is a partition that should be copied and is not, or not from where
// it should be.
type candidate struct {
	topic   *metadata.Topic
	index   int32
	want    replicate.Assignment
	settled bool      // its beginning is: the link's start option is not asked any more
	waits   time.Time // since when the source does not fit the copy

	local  replicate.LocalEnd
	source replicate.SourceEnd
	err    error // why it is not followed yet
	landed landing
}

// landing is how a candidate's flight ended.
type landing uint8

const (
	failedNow landing = iota // err says why; it is tried again
	followed
	unfit   // the source does not fit the copy (now)
	stopped // for good: there is a ruling
)

func (c *candidate) id() shard.PartitionID { return c.want.Partition }

func (c *candidate) key() source.PartitionKey {
	return source.PartitionKey{Topic: c.topic.Name, Index: c.index}
}

func (c *candidate) place() source.Place {
	return source.Place{PartitionKey: c.key(), Addr: c.want.Broker.Addr, LeaderEpoch: c.want.LeaderEpoch}
}

func (c *candidate) shard() int { return c.topic.Partitions[c.index].Shard }

// beginsNow: the log is empty and was never followed: the link's start option
// says where it begins, and what the source does not have any more was never
// promised.
func (c *candidate) beginsNow() bool {
	return !c.settled && c.local.Start == 0 && c.local.End == 0
}

// launch starts a flight, unless one to that broker is under way: then the
// candidates are placed when it has landed.
func (l *Link) launch(ctx context.Context, def *spec.Link, addr string, list []*candidate) {
	if f := l.flights[addr]; f != nil {
		f.more = true
		return
	}
	flying, cancel := context.WithCancel(ctx)
	f := &flight{l: l, client: l.client, def: def, generation: l.generation.Load(), addr: addr, list: list, cancel: cancel,
		wants: make(map[shard.PartitionID]replicate.Assignment, len(list))}
	for _, c := range list {
		f.wants[c.id()] = c.want
	}
	l.flights[addr] = f
	l.helper.Go(func() {
		defer cancel()
		f.fly(flying)
		select {
		case l.landed <- f:
		case <-ctx.Done():
		}
	})
}

// flying are the partitions that are with a flight.
func (l *Link) flying() map[shard.PartitionID]*flight {
	out := map[shard.PartitionID]*flight{}
	for _, f := range l.flights {
		for id := range f.wants {
			out[id] = f
		}
	}
	return out
}

// land notes how a flight ended and says when to look again.
func (l *Link) land(f *flight) {
	delete(l.flights, f.addr)
	if f.more {
		l.placeSoon()
	}
	now, o := l.cfg.Now(), f.def.WithDefaults().Options
	errs, shown := 0, error(nil)
	for _, c := range f.list {
		a := l.tries[c.id()]
		if a == nil || a.want != c.want {
			continue
		}
		a.landed, a.times = now, a.times+1
		a.not = now.Add(min(o.BackoffMin<<min(a.times-1, 20), o.BackoffMax))
		switch c.landed {
		case followed:
			a.waits = time.Time{}
			continue
		case unfit:
			if a.waits.IsZero() {
				a.waits = now
			}
		case failedNow:
			if c.err != nil && !errors.Is(c.err, replicate.ErrFenced) && !errors.Is(c.err, context.Canceled) {
				errs, shown = errs+1, c.err
			}
		case stopped:
			continue
		}
		l.sched.at(a.not)
	}
	if errs > 0 {
		l.log.Warn("partitions wait for their source", "broker", f.addr, "partitions", errs, "err", shown)
	}
}

// fly takes the candidates through as many rounds as they need.
func (f *flight) fly(ctx context.Context) {
	for list, round := f.list, 0; len(list) > 0 && round < alignRounds; round++ {
		if err := f.halt(ctx, list); err != nil {
			return
		}
		f.ask(ctx, list)
		if ctx.Err() != nil {
			return
		}
		list = f.settle(ctx, list)
	}
}

// byShard runs do once per shard that owns candidates, on its loop.
func (f *flight) byShard(ctx context.Context, list []*candidate, do func(w *replicate.Worker, s *shard.Shard, c *candidate)) error {
	groups := map[int][]*candidate{}
	for _, c := range list {
		groups[c.shard()] = append(groups[c.shard()], c)
	}
	for n, group := range groups {
		s, w := f.l.cfg.Group.Shard(n), f.l.workers[n]
		// A loop that is asked is waited for, also when the flight is called off:
		// it writes to the candidates.
		err := s.CallEach(context.WithoutCancel(ctx), len(group), func(i int) {
			if c := group[i]; f.l.generation.Load() == f.generation {
				do(w, s, c)
			} else {
				c.err = errHeld
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// halt stops the candidates and reads where their logs stand.
func (f *flight) halt(ctx context.Context, list []*candidate) error {
	return f.byShard(ctx, list, func(w *replicate.Worker, s *shard.Shard, c *candidate) {
		w.Hold(c.id())
		p := s.Partition(c.id())
		switch {
		case p == nil:
			c.err = replicate.ErrNotOpen
		case p.Log.Term() > c.want.Term:
			c.err = replicate.ErrFenced
		default:
			if c.err = w.Fault(c.id(), c.want.Term); c.err == nil {
				c.local = localEnd(p)
			}
		}
	})
}

// localEnd reads a stopped log. The epoch history is copied out, so that the
// decision needs no loop.
func localEnd(p *shard.Partition) replicate.LocalEnd {
	e := replicate.LocalEnd{Start: p.Log.StartOffset(), End: p.Log.EndOffset(), Epoch: -1}
	if epoch, ok := p.Log.LatestEpoch(); ok && e.End > e.Start {
		e.Epoch = epoch
	}
	e.EpochEnd = p.Log.EpochHistory()
	return e
}

// settle decides for every candidate and acts; what was skipped or cut is
// returned for another round.
func (f *flight) settle(ctx context.Context, list []*candidate) (again []*candidate) {
	var follow, skip, cut []repair
	var rulings []ruling
	for _, c := range list {
		var fault *replicate.FaultError
		switch {
		case errors.As(c.err, &fault): // the event that told of it was lost, or is on its way
			c.landed = stopped
			rulings = append(rulings, stopPartition(c.topic, c.index, faultReason(fault.Err)))
			continue
		case c.err != nil:
			continue
		}
		d := replicate.Align(c.local, c.source)
		if d.Step == replicate.Wait && !c.waits.IsZero() && f.l.cfg.Now().Sub(c.waits) > alignPatience {
			d.Step = replicate.Diverged
		}
		switch r := (repair{c, d}); d.Step {
		case replicate.Follow:
			follow = append(follow, r)
		case replicate.Wait:
			c.landed, c.err = unfit, fmt.Errorf("topic %q partition %d: %s", c.topic.Name, c.index, d.Why)
			f.l.log.Warn("the source does not fit the copy; asking again", "topic", c.topic.Name, "partition", c.index, "why", d.Why)
		case replicate.Diverged:
			c.landed = stopped
			rulings = append(rulings, stopPartition(c.topic, c.index, spec.Reason{Code: spec.SourceDiverged, Detail: d.Why}))
		case replicate.Skip:
			skip = append(skip, r)
		case replicate.Cut:
			cut = append(cut, r)
		}
	}
	if err := f.l.rule(ctx, rulings); err != nil && ctx.Err() == nil {
		f.l.log.Error("faults of partitions were not stored; they stay stopped and are looked at again", "err", err)
	}
	f.follow(ctx, follow)
	f.skip(ctx, skip)
	f.cut(ctx, cut)
	for _, r := range append(skip, cut...) {
		if r.c.err == nil {
			again = append(again, r.c)
		}
	}
	return again
}

// follow assigns the candidates that fit, after their beginning is settled.
func (f *flight) follow(ctx context.Context, list []repair) {
	if err := f.begin(list); err != nil {
		for _, r := range list {
			r.c.err = err
		}
		return
	}
	var cs []*candidate
	for _, r := range list {
		if r.c.err = f.outlived(r.c); r.c.err == nil {
			cs = append(cs, r.c)
		}
	}
	err := f.byShard(ctx, cs, func(w *replicate.Worker, _ *shard.Shard, c *candidate) {
		if c.err = w.Assign(c.want); c.err == nil {
			c.landed = followed
		}
	})
	if err != nil && ctx.Err() == nil {
		f.l.log.Error("partitions not assigned", "broker", f.addr, "err", err)
	}
}

// outlived says that the topic has moved on since the flight began, or that the
// partition is stopped. The log's term tells the first, too, but not of a topic
// that was dropped and made again under its id: its terms begin anew.
func (f *flight) outlived(c *candidate) error {
	if t := f.l.cfg.Store.Snapshot().ByID(c.topic.ID); t == nil || t.Shadow == nil || !t.Created.Equal(c.topic.Created) ||
		t.Shadow.Term != c.want.Term || !t.Shadow.Copies(c.index) {
		return replicate.ErrFenced
	}
	return nil
}

// begin settles beginnings, once each.
func (f *flight) begin(list []repair) error {
	parts := map[*metadata.Topic][]int32{}
	for _, r := range list {
		if !r.c.settled {
			parts[r.c.topic] = append(parts[r.c.topic], r.c.index)
			r.c.settled = true
		}
	}
	if len(parts) == 0 {
		return nil
	}
	return f.l.marks.settle(parts)
}

// repair is a candidate with what has to be done to its log.
type repair struct {
	c *candidate
	d replicate.Decision
}

// onLogsUnlock runs an asynchronous operation of every repair's log, side by side, and
// waits for all of them. None is begun once failover has taken the topic: the
// term tells, and what is under way when failover comes is waited for by its
// fence (F2), also when ctx ends first: the caller has Link.repairs for reading, and
// it is given back when the last operation is over.
func (f *flight) onLogsUnlock(ctx context.Context, list []repair, do func(r repair, p *shard.Partition, done func(error))) {
	errs := make([]error, len(list))
	var wg sync.WaitGroup
	for i, r := range list {
		if errs[i] = r.c.err; errs[i] == nil {
			errs[i] = f.outlived(r.c)
		}
		if errs[i] != nil {
			continue
		}
		wg.Add(1)
		done := func(err error) { errs[i] = err; wg.Done() }
		s := f.l.cfg.Group.Shard(r.c.shard())
		err := s.Call(ctx, func() { f.onLog(r, s.Partition(r.c.id()), do, done) })
		if errors.Is(err, shard.ErrStopped) || errors.Is(err, shard.ErrMailboxFull) {
			done(err) // it was never taken
		}
	}
	ended := make(chan struct{})
	f.l.helper.Go(func() { // ends with the operations: local disk only, and a log that closes ends them
		wg.Wait()
		f.l.repairs.RUnlock()
		close(ended)
	})
	select {
	case <-ended:
		for i, r := range list {
			r.c.err = errs[i]
		}
	case <-ctx.Done():
		for _, r := range list {
			r.c.err = ctx.Err()
		}
	}
}

// onLog runs on the loop.
func (f *flight) onLog(r repair, p *shard.Partition, do func(repair, *shard.Partition, func(error)), done func(error)) {
	switch {
	case p == nil:
		done(replicate.ErrNotOpen)
	case p.Log.Term() > r.c.want.Term:
		done(replicate.ErrFenced)
	case f.l.generation.Load() != f.generation:
		done(errHeld)
	default:
		do(r, p, done)
	}
}
