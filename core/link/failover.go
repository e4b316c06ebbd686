package link

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"umbra/core/link/spec"
	"umbra/core/metadata"
	"umbra/kafkaproto"
	"umbra/shard"
)

// Failover makes shadow topics writable at their current end. No step needs
// the source. Every step is persisted before the next begins and may be
// repeated, so a crash anywhere resumes to the same end (F1):
//
//	decided        FAILING_OVER and a higher term are stored: from here on the
//	               logs refuse what the link still sends
//	fenced         every loop stopped fetching, dropped what was not verified
//	flushed        every byte below the final offsets is fsynced
//	recorded       the final offsets are stored
//	producer-ids   no id that occurs in the copy can be handed out any more (F4)
//	epochs         the leader epochs are above every mirrored one (S7)
//	aborted        open transactions are ended by markers (F7)
//	groups         group offsets are clamped (none are mirrored yet)
//	writable       FAILED_OVER is stored: clients may write
//	receipted      the receipt is stored
//
// Topics go through a step together: thousands of them cost few transactions.
type failover struct {
	l        *Link
	op       string
	by       spec.Caller
	progress func(step spec.FailoverStep, done, total int)
	topics   []kafkaproto.TopicID
	errs     map[kafkaproto.TopicID]error // a topic that fails a step leaves the others alone
	mu       sync.Mutex                   // shards answer side by side
	finals   map[kafkaproto.TopicID]*final
	maxWait  time.Duration // how long the source may hold an empty answer
	phases   []Phase
	started  time.Time
}

// Phase is how long one step took for all topics.
type Phase struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"`
}

// final is what fencing a topic's partitions found. Lags are from memory: they
// are not known any more after a crash.
type final struct {
	partitions []spec.FinalPartition
	pidMax     int64
	lags       []Lag
	aborted    map[int32][]AbortedTxn
}

// AbortedTxn is one transaction that failover ended.
type AbortedTxn struct {
	ProducerID    int64 `json:"producer_id"`
	ProducerEpoch int16 `json:"producer_epoch"`
	FirstOffset   int64 `json:"first_offset"`
	MarkerOffset  int64 `json:"marker_offset"`
}

// ErrNothingToDo says that no topic of the link can be failed over (any more).
var ErrNothingToDo = errors.New("no topic to fail over")

// FailoverRequest names what to fail over: all topics of the link, or some.
type FailoverRequest struct {
	Topics    []string
	Operation string
	By        spec.Caller
	// Progress is called as steps complete; it must not block.
	Progress func(step spec.FailoverStep, done, total int)
}

// Failover runs to its end. It blocks; cancelling ctx stops waiting, and the
// link's goroutine takes what is decided to its end.
func (l *Link) Failover(ctx context.Context, req FailoverRequest) (*Receipt, error) {
	l.failovers.Lock()
	defer l.failovers.Unlock()
	topics, err := l.failoverTopics(req.Topics)
	if err != nil {
		return nil, err
	}
	f := l.newFailover(req.Operation, req.By, topics)
	if req.Progress != nil {
		f.progress = req.Progress
	}
	l.log.Warn("failover begins", "event", "failover_started", "topics", len(topics), "operation", req.Operation)
	return f.tallied(ctx)
}

func (l *Link) newFailover(op string, by spec.Caller, topics []*metadata.Topic) *failover {
	f := &failover{l: l, op: op, by: by, maxWait: l.options().FetchMaxWait, errs: map[kafkaproto.TopicID]error{}, finals: map[kafkaproto.TopicID]*final{},
		started: l.cfg.Now(), progress: func(spec.FailoverStep, int, int) {}}
	for _, t := range topics {
		f.topics = append(f.topics, t.ID)
		f.finals[t.ID] = &final{pidMax: -1, aborted: map[int32][]AbortedTxn{}}
	}
	return f
}

// failoverTopics are the link's topics of these names, or all of them, that
// are not failed over yet.
func (l *Link) failoverTopics(names []string) ([]*metadata.Topic, error) {
	all := l.topics(l.cfg.Store.Snapshot())
	if len(all) == 0 && l.definition() == nil {
		return nil, fmt.Errorf("failover of link %q: %w", l.name, ErrNotFound)
	}
	if len(names) == 0 {
		return notYet(l.name, all)
	}
	snap := l.cfg.Store.Snapshot()
	var out []*metadata.Topic
	for _, n := range slices.Compact(slices.Sorted(slices.Values(names))) {
		// By the link's name: also what an earlier link of it has left.
		t := snap.Topics[n]
		if t == nil || t.Shadow == nil || t.Shadow.Link != l.name {
			return nil, fmt.Errorf("failover of link %q: topic %q is not one of its shadow topics: %w", l.name, n, metadata.ErrNotFound)
		}
		out = append(out, t)
	}
	return notYet(l.name, out)
}

func notYet(link string, topics []*metadata.Topic) ([]*metadata.Topic, error) {
	var out []*metadata.Topic
	for _, t := range topics {
		if t.Shadow.State != spec.FailedOver {
			out = append(out, t)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("failover of link %q: %w: %d topics, all of them failed over already", link, ErrNothingToDo, len(topics))
	}
	return out, nil
}

// tallied is run, with its outcome counted and told.
func (f *failover) tallied(ctx context.Context) (*Receipt, error) {
	r, err := f.run(ctx)
	f.l.tallyFailover(ctx, r, err)
	if err != nil && ctx.Err() == nil {
		f.l.log.Error("failover ended early", "event", "failover_failed", "operation", f.op, "err", err)
	}
	return r, err
}

// run takes every topic through the steps that it has not done.
func (f *failover) run(ctx context.Context) (*Receipt, error) {
	if err := f.step(ctx, spec.FailoverDecided, f.decide); err != nil {
		return nil, err
	}
	for _, s := range []struct {
		to spec.FailoverStep
		do func(context.Context, []*metadata.Topic) error
	}{
		{spec.FailoverRecorded, f.fence},
		{spec.FailoverProducerIDs, f.raiseProducerIDs},
		{spec.FailoverEpochs, f.raiseEpochs},
		{spec.FailoverAborted, f.abort},
		{spec.FailoverWritable, f.open},
	} {
		if err := f.step(ctx, s.to, s.do); err != nil {
			return nil, err
		}
	}
	return f.finish(ctx)
}

// step runs one step for the topics that have not done it.
func (f *failover) step(ctx context.Context, to spec.FailoverStep, do func(context.Context, []*metadata.Topic) error) error {
	began := f.l.cfg.Now()
	var todo []*metadata.Topic
	for _, t := range f.current() {
		if p := t.Shadow.Failover; p == nil || t.Shadow.State != spec.FailingOver && t.Shadow.State != spec.FailedOver || p.Step < to {
			todo = append(todo, t)
		}
	}
	f.progress(to, len(f.topics)-len(todo), len(f.topics))
	if len(todo) > 0 {
		if err := f.checkpoint(to, false); err != nil {
			return err
		}
		if err := do(ctx, todo); err != nil {
			return fmt.Errorf("failover of link %q, step %s: %w", f.l.name, to, err)
		}
		if err := f.checkpoint(to, true); err != nil {
			return err
		}
	}
	took := f.l.cfg.Now().Sub(began)
	f.phases = append(f.phases, Phase{Name: to.String(), Seconds: took.Seconds()})
	f.l.log.Info("failover step done", "event", "failover_step", "step", to.String(), "topics", len(todo), "ms", took.Milliseconds())
	f.progress(to, len(f.topics), len(f.topics))
	if len(f.errs) == len(f.topics) {
		return fmt.Errorf("failover of link %q, step %s: no topic got through: %w", f.l.name, to, f.firstError())
	}
	return nil
}

// checkpoint lets a test stop the process, so to speak, before or after a
// step is persisted.
func (f *failover) checkpoint(step spec.FailoverStep, persisted bool) error {
	if c := f.l.cfg.Checkpoint; c != nil {
		if err := c(step, persisted); err != nil {
			f.l.crashed.Store(true)
			return err
		}
	}
	return nil
}

// current is the topics as the metadata has them, without those that failed.
func (f *failover) current() []*metadata.Topic {
	snap := f.l.cfg.Store.Snapshot()
	var out []*metadata.Topic
	for _, id := range f.topics {
		t := snap.ByID(id)
		if t == nil || t.Shadow == nil {
			f.errs[id] = fmt.Errorf("topic id %s: %w", id, metadata.ErrNotFound)
		}
		if f.errs[id] == nil {
			out = append(out, t)
		}
	}
	return out
}

func (f *failover) firstError() error {
	for _, id := range f.topics {
		if err := f.errs[id]; err != nil {
			return err
		}
	}
	return nil
}

const (
	// updateTopics is how many topics one goroutine persists at a time, and
	// updatesMax how many goroutines do: encoding, storing and hearing of it
	// overlap.
	updateTopics = 512
	updatesMax   = 4
)

// updateShadows is Store.UpdateShadows for thousands of topics.
func (f *failover) updateShadows(ctx context.Context, updates []metadata.ShadowUpdate) []error {
	errs := make([]error, len(updates))
	slots := make(chan struct{}, updatesMax)
	var wg sync.WaitGroup
	for at := 0; at < len(updates); at += updateTopics {
		to := min(at+updateTopics, len(updates))
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			copy(errs[at:to], f.l.cfg.Store.UpdateShadows(ctx, updates[at:to]))
		})
	}
	wg.Wait()
	return errs
}

// updateTries bounds how often a topic whose term moves under a failover is
// tried again: the link may be stopping it at the same moment.
const updateTries = 10

// update persists a change of every topic and notes the topics it failed for.
// An error that is not a topic's own is returned.
func (f *failover) update(ctx context.Context, topics []*metadata.Topic, apply func(*metadata.Topic) error) error {
	for try := 1; len(topics) > 0; try++ {
		updates := make([]metadata.ShadowUpdate, len(topics))
		for i, t := range topics {
			updates[i] = metadata.ShadowUpdate{ID: t.ID, Term: t.Shadow.Term, Apply: apply}
		}
		var stale []*metadata.Topic
		for i, err := range f.updateShadows(ctx, updates) {
			now := f.l.cfg.Store.Snapshot().ByID(topics[i].ID)
			switch {
			case errors.Is(err, metadata.ErrUnavailable), errors.Is(err, metadata.ErrClosed), err != nil && ctx.Err() != nil:
				return err
			case errors.Is(err, metadata.ErrStale) && try < updateTries && now != nil && now.Shadow != nil:
				stale = append(stale, now)
			case err != nil:
				f.fail(topics[i], err)
			}
		}
		topics = stale
	}
	return nil
}

func (f *failover) fail(t *metadata.Topic, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.errs[t.ID] == nil {
		f.errs[t.ID] = err
		f.l.log.Error("topic left out of the failover", "event", "topic_failover_failed", "topic", t.Name, "err", err)
	}
}

// advance moves the persisted progress up to a step.
func advance(t *metadata.Topic, to spec.FailoverStep) error {
	p := *t.Shadow.Failover
	for p.Step < to {
		var err error
		if p, err = p.Advance(p.Step + 1); err != nil {
			return err
		}
	}
	t.Shadow.Failover = &p
	return nil
}

// repairsWait bounds how long a failover waits for logs that are being moved before it
// is decided.
const repairsWait = 2 * time.Second

// holdRepairs waits until no log is being moved whose gap the ledger has, and keeps
// others from beginning. A disk that hangs must not keep a failover from being decided:
// a gap too many in the ledger is better than that.
func (f *failover) holdRepairs(ctx context.Context) (release func()) {
	for end := time.Now().Add(repairsWait); !f.l.repairs.TryLock(); time.Sleep(time.Millisecond) {
		if ctx.Err() != nil || time.Now().After(end) {
			f.l.log.Warn("failover does not wait for logs that are being moved to their source's start", "waited", repairsWait)
			return func() {}
		}
	}
	return f.l.repairs.Unlock
}

// decide stores the decision. The term rises in the same transaction.
func (f *failover) decide(ctx context.Context, topics []*metadata.Topic) error {
	defer f.holdRepairs(ctx)()
	return f.update(ctx, topics, func(t *metadata.Topic) error {
		next, err := spec.Next(t.Shadow.State, spec.EventFailover)
		if err != nil || t.Shadow.State == spec.FailingOver {
			return err
		}
		t.Shadow.Failover = &spec.FailoverProgress{Step: spec.FailoverDecided, Operation: f.op, By: f.by, Started: f.started,
			Before: t.Shadow.State, Reason: t.Shadow.Reason, ProducerIDMax: -1}
		t.Shadow.State = next
		t.Shadow.Term++
		return nil
	})
}

// onPartitions runs do on the owning loop of every partition, shard by shard
// side by side, and waits until each has called done.
func (f *failover) onPartitions(ctx context.Context, topics []*metadata.Topic, do func(s *shard.Shard, t *metadata.Topic, index int32, done func(error))) error {
	type of struct {
		t     *metadata.Topic
		index int32
	}
	owned := make([][]of, f.l.cfg.Group.Len())
	total := 0
	for _, t := range topics {
		for i, p := range t.Partitions {
			owned[p.Shard] = append(owned[p.Shard], of{t, int32(i)})
		}
		total += len(t.Partitions)
	}
	type answer struct {
		t   *metadata.Topic
		err error
	}
	answers := make(chan answer, total)
	calls := make(chan error, len(owned))
	for n, list := range owned {
		s := f.l.cfg.Group.Shard(n)
		go func() { // ends with the loop's turns or with ctx
			calls <- s.CallEach(ctx, len(list), func(i int) {
				do(s, list[i].t, list[i].index, func(err error) { answers <- answer{list[i].t, err} })
			})
		}()
	}
	for range owned {
		if err := <-calls; err != nil {
			return err
		}
	}
	for range total {
		select {
		case a := <-answers:
			if a.err != nil {
				f.fail(a.t, a.err)
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
