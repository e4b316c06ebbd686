package link

import (
	"context"
	"fmt"
	"slices"

	"umbra/core/link/replicate"
	"umbra/core/link/spec"
	"umbra/core/metadata"
	"umbra/shard"
	"umbra/shard/segment"
)

// fence stops every partition on its loop, waits until what was submitted is
// fsynced, and stores the final offsets. Steps fenced, flushed and recorded
// are one transaction: the first two hold only in memory, so a crash between
// them has to repeat them anyway.
func (f *failover) fence(ctx context.Context, topics []*metadata.Topic) error {
	for _, t := range topics {
		f.finals[t.ID].partitions = make([]spec.FinalPartition, len(t.Partitions))
		f.finals[t.ID].lags = make([]Lag, len(t.Partitions))
	}
	f.l.repairs.Lock() // what a flight does to a log is done by now, or sees the new term
	err := f.onPartitions(ctx, topics, func(s *shard.Shard, t *metadata.Topic, index int32, done func(error)) {
		id := shard.PartitionID{Topic: t.ID, Index: index}
		w := f.l.workers[s.ID()]
		seen, ok := w.Status(id)
		if !ok {
			seen = neverSeen(id, t.Name)
		}
		w.Fence(id, t.Shadow.Term, func(end int64, err error) {
			if err == nil {
				f.record(s.Partition(id), t, end, seen)
			}
			done(err)
		})
	})
	f.l.repairs.Unlock()
	if err != nil {
		return err
	}
	return f.update(ctx, f.alive(topics), func(t *metadata.Topic) error {
		final := f.finals[t.ID]
		t.Shadow.Failover.Partitions, t.Shadow.Failover.ProducerIDMax = final.partitions, final.pidMax
		return advance(t, spec.FailoverRecorded)
	})
}

// record notes what one fenced partition holds. Loops answer side by side.
func (f *failover) record(p *shard.Partition, t *metadata.Topic, end int64, seen replicate.PartitionStatus) {
	f.l.marks.recall(&seen)
	seen.LogStart, seen.LogEnd = p.Log.StartOffset(), end
	part := spec.FinalPartition{Partition: p.ID.Index, LogStart: p.Log.StartOffset(), LogEnd: end, SourceEnd: -1, LeaderEpoch: -1,
		OpenTransactions: len(p.Log.OpenTxns()), Stopped: t.Shadow.Faults.Of(p.ID.Index)}
	if e, ok := p.Log.LatestEpoch(); ok {
		part.LeaderEpoch = e
	}
	part.SourceEnd, part.SourceSeen = seen.SourceHighWatermark, seen.SeenAt
	seen.Following = false // what the source took in since it last spoke nobody knows: the loss is "at least, as of"
	lag := lagOf(seen, f.maxWait, t.Created, f.l.cfg.Now())
	f.mu.Lock()
	defer f.mu.Unlock()
	final := f.finals[t.ID]
	final.partitions[p.ID.Index], final.lags[p.ID.Index] = part, lag
	final.pidMax = max(final.pidMax, p.Log.MaxProducerID())
}

// alive leaves out the topics that failed a step.
func (f *failover) alive(topics []*metadata.Topic) []*metadata.Topic {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(topics), func(t *metadata.Topic) bool { return f.errs[t.ID] != nil })
}

// raiseProducerIDs makes every producer id handed out from now on larger than
// any in the copies. Mirrored batches carry the source's ids, and both
// clusters count from 0: without the floor a new producer could draw an id
// whose sequence numbers are in the log already, and its first records would
// be acknowledged as duplicates without being written (F4, F5).
func (f *failover) raiseProducerIDs(ctx context.Context, topics []*metadata.Topic) error {
	highest := int64(-1)
	for _, t := range topics {
		highest = max(highest, t.Shadow.Failover.ProducerIDMax)
	}
	if err := f.l.cfg.Store.RaiseProducerIDFloor(ctx, highest+1); err != nil {
		return err
	}
	return f.update(ctx, topics, func(t *metadata.Topic) error { return advance(t, spec.FailoverProducerIDs) })
}

// raiseEpochs puts each partition's leader epoch above every mirrored one, in
// the transaction that persists the step: a repeat does not raise it twice.
func (f *failover) raiseEpochs(ctx context.Context, topics []*metadata.Topic) error {
	return f.update(ctx, topics, func(t *metadata.Topic) error {
		if t.Shadow.Failover.Step >= spec.FailoverEpochs {
			return nil
		}
		for _, p := range t.Shadow.Failover.Partitions {
			now := &t.Partitions[p.Partition].LeaderEpoch
			*now = max(*now, p.LeaderEpoch) + 1
		}
		return advance(t, spec.FailoverEpochs)
	})
}

// abort ends the transactions that are open at the cut: no coordinator here
// knows them, and without markers read_committed consumers would wait at the
// first of them for ever (F7). A repeat finds none left open.
func (f *failover) abort(ctx context.Context, topics []*metadata.Topic) error {
	err := f.onPartitions(ctx, topics, func(s *shard.Shard, t *metadata.Topic, index int32, done func(error)) {
		p := s.Partition(shard.PartitionID{Topic: t.ID, Index: index})
		if p == nil {
			done(fmt.Errorf("partition %d is not open on shard %d", index, s.ID()))
			return
		}
		p.SetLeaderEpoch(t.Partitions[index].LeaderEpoch)
		if err := f.abortOpen(p, t); err != nil {
			done(err)
			return
		}
		p.Log.Flush(done)
	})
	if err != nil {
		return err
	}
	return f.update(ctx, f.alive(topics), func(t *metadata.Topic) error { return advance(t, spec.FailoverAborted) })
}

func (f *failover) abortOpen(p *shard.Partition, t *metadata.Topic) error {
	open := slices.Clone(p.Log.OpenTxns())
	for _, txn := range open {
		at, err := p.Log.AppendMarker(txn.ProducerID, txn.Epoch, false, segment.AppendOptions{
			Term: t.Shadow.Term, LeaderEpoch: t.Partitions[p.ID.Index].LeaderEpoch, Now: f.l.cfg.Now()})
		if err != nil {
			return fmt.Errorf("abort the transaction of producer %d in topic %q partition %d: %w", txn.ProducerID, t.Name, p.ID.Index, err)
		}
		f.noteAborted(t, p.ID.Index, AbortedTxn{ProducerID: txn.ProducerID, ProducerEpoch: txn.Epoch, FirstOffset: txn.FirstOffset, MarkerOffset: at})
	}
	return nil
}

func (f *failover) noteAborted(t *metadata.Topic, index int32, a AbortedTxn) {
	f.mu.Lock()
	defer f.mu.Unlock()
	final := f.finals[t.ID]
	final.aborted[index] = append(final.aborted[index], a)
}

// open makes the topics writable, the last thing that changes their state.
func (f *failover) open(ctx context.Context, topics []*metadata.Topic) error {
	return f.update(ctx, topics, func(t *metadata.Topic) error {
		next, err := spec.Next(t.Shadow.State, spec.EventFailoverDone)
		if err != nil {
			return err
		}
		t.Shadow.State, t.Shadow.Reason, t.Shadow.Faults = next, spec.Reason{}, nil
		if err := advance(t, spec.FailoverWritable); err != nil {
			return err
		}
		t.Shadow.Failover.Writable = f.l.cfg.Now()
		return nil
	})
}
