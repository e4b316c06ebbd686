package link

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"umbra/core/link/spec"
	"umbra/core/metadata"
	"umbra/kafkaproto"
	"umbra/shard"
)

// Receipt is the record of one failover: what is here, from where to where,
// and what is known to be lost. It is complete without the source.
type Receipt struct {
	Umbra           string // version
	Operation       string
	Link            string
	ClusterID       string // of this cluster
	By              Caller
	Started         time.Time
	Finished        time.Time
	Phases          []Phase
	Status          *Status // the link as it was last seen
	Loss            Lag
	ProducerIDFloor int64
	Topics          []ReceiptTopic
}

// Partial reports whether a topic is not writable.
func (r *Receipt) Partial() bool {
	for _, t := range r.Topics {
		if t.Err != nil {
			return true
		}
	}
	return false
}

// ReceiptTopic is one topic's part. Err says why it is not writable.
type ReceiptTopic struct {
	Topic      *metadata.Topic
	Before     spec.TopicState
	Reason     spec.Reason // before
	Loss       Lag
	Partitions []ReceiptPartition
	Err        error
}

// ReceiptPartition is one partition's part.
type ReceiptPartition struct {
	spec.FinalPartition
	End        int64 // after abort markers: where the first local record goes
	EpochAfter int32
	Loss       Lag
	Aborted    []AbortedTxn
	Gaps       []spec.GapRecord
	Cuts       []spec.CutRecord
}

// finish makes the receipt, stores it, and ends the failover.
func (f *failover) finish(ctx context.Context) (*Receipt, error) {
	r, err := f.receipt(ctx)
	if err != nil {
		return nil, err
	}
	if err := f.checkpoint(spec.FailoverReceipted, false); err != nil {
		return nil, err
	}
	body, err := r.encode()
	if err != nil {
		return nil, err
	}
	err = f.l.cfg.Store.SaveReceipt(ctx, metadata.Receipt{ID: f.op, Link: f.l.name, Kind: "failover", At: r.Started, Body: body})
	if err != nil {
		return nil, err
	}
	err = f.update(ctx, f.current(), func(t *metadata.Topic) error { return advance(t, spec.FailoverReceipted) })
	if err != nil {
		return nil, err
	}
	f.l.log.Info("failed over", "event", "failover_done", "topics", len(r.Topics), "seconds", r.Finished.Sub(r.Started).Seconds(), "partial", r.Partial())
	return r, f.checkpoint(spec.FailoverReceipted, true)
}

func (f *failover) receipt(ctx context.Context) (*Receipt, error) {
	snap := f.l.cfg.Store.Snapshot()
	st, err := f.l.Status(ctx)
	if err != nil {
		return nil, err
	}
	r := &Receipt{Umbra: f.l.cfg.Version, Operation: f.op, Link: f.l.name, ClusterID: snap.ClusterID, By: f.by,
		Started: f.started, Phases: f.phases, Status: st, ProducerIDFloor: snap.ProducerIDFloor}
	gaps, cuts, err := f.ledger(ctx)
	if err != nil {
		return nil, err
	}
	var lags []Lag
	for _, id := range f.topics {
		rt := f.receiptTopic(snap, id, gaps, cuts)
		if rt.Topic == nil {
			continue
		}
		if rt.Topic.Shadow.Failover != nil && rt.Topic.Shadow.Failover.Started.Before(r.Started) {
			r.Started = rt.Topic.Shadow.Failover.Started
		}
		lags = append(lags, rt.Loss)
		r.Topics = append(r.Topics, rt)
	}
	r.Loss = Worst(lags)
	r.Finished = f.l.cfg.Now()
	return r, nil
}

// ledger reads all gaps and cuts at once: one question for thousands of topics.
func (f *failover) ledger(ctx context.Context) (map[shard.PartitionID][]spec.GapRecord, map[shard.PartitionID][]spec.CutRecord, error) {
	gaps, err := f.l.cfg.Store.Gaps(ctx, kafkaproto.TopicID{})
	if err != nil {
		return nil, nil, err
	}
	cuts, err := f.l.cfg.Store.Cuts(ctx, kafkaproto.TopicID{})
	if err != nil {
		return nil, nil, err
	}
	gapsOf, cutsOf := map[shard.PartitionID][]spec.GapRecord{}, map[shard.PartitionID][]spec.CutRecord{}
	for _, g := range gaps {
		id := shard.PartitionID{Topic: g.TopicID, Index: g.Partition}
		gapsOf[id] = append(gapsOf[id], g)
	}
	for _, c := range cuts {
		id := shard.PartitionID{Topic: c.TopicID, Index: c.Partition}
		cutsOf[id] = append(cutsOf[id], c)
	}
	return gapsOf, cutsOf, nil
}

func (f *failover) receiptTopic(snap *metadata.Snapshot, id kafkaproto.TopicID, gaps map[shard.PartitionID][]spec.GapRecord, cuts map[shard.PartitionID][]spec.CutRecord) ReceiptTopic {
	final := f.finals[id]
	rt := ReceiptTopic{Topic: snap.ByID(id), Before: final.before, Reason: final.reason, Err: f.errs[id]}
	if rt.Topic == nil || rt.Topic.Shadow.Failover == nil {
		return rt
	}
	var lags []Lag
	for i, p := range rt.Topic.Shadow.Failover.Partitions {
		part := shard.PartitionID{Topic: id, Index: int32(i)}
		// Each open transaction got one marker, of one offset, also when that was
		// before a crash and the markers themselves are not known any more.
		rp := ReceiptPartition{FinalPartition: p, End: p.LogEnd + int64(p.OpenTransactions), EpochAfter: rt.Topic.Partitions[i].LeaderEpoch,
			Loss: lossOf(p), Aborted: final.aborted[int32(i)], Gaps: gaps[part], Cuts: cuts[part]}
		if i < len(final.lags) {
			rp.Loss = final.lags[i]
		}
		lags = append(lags, rp.Loss)
		rt.Partitions = append(rt.Partitions, rp)
	}
	rt.Loss = Worst(lags)
	return rt
}

// lossOf is what the persisted final offsets alone can say: after a crash the
// times are gone.
func lossOf(p spec.FinalPartition) Lag {
	if p.SourceEnd < 0 {
		return Lag{Bound: Unknown}
	}
	return Lag{Records: max(0, p.SourceEnd-p.LogEnd), Bound: AtLeast, AsOf: p.SourceSeen}
}

// storedBytesMax bounds the stored form, well inside what the metadata takes.
const storedBytesMax = 4 << 20

// encode is the stored form. Of tens of thousands of partitions the rows are
// left out: each topic keeps its own in its failover progress.
func (r *Receipt) encode() ([]byte, error) {
	body, err := json.Marshal(r.stored(true))
	if err == nil && len(body) > storedBytesMax {
		body, err = json.Marshal(r.stored(false))
	}
	if err != nil {
		return nil, fmt.Errorf("encode the receipt: %w", err)
	}
	return body, nil
}

// stored is the form kept in the metadata: what cannot be derived again.
func (r *Receipt) stored(partitions bool) any {
	type topic struct {
		Topic      string           `json:"topic"`
		Before     spec.TopicState  `json:"state_before"`
		State      spec.TopicState  `json:"state"`
		Error      string           `json:"error,omitempty"`
		Partitions []map[string]any `json:"partitions"`
	}
	out := struct {
		Operation string    `json:"operation"`
		Link      string    `json:"link"`
		Started   time.Time `json:"started"`
		Finished  time.Time `json:"finished"`
		Floor     int64     `json:"producer_id_floor"`
		Topics    []topic   `json:"topics"`
	}{r.Operation, r.Link, r.Started, r.Finished, r.ProducerIDFloor, nil}
	for _, t := range r.Topics {
		row := topic{Topic: t.Topic.Name, Before: t.Before, State: t.Topic.Shadow.State}
		if t.Err != nil {
			row.Error = t.Err.Error()
		}
		for _, p := range t.Partitions {
			if !partitions {
				break
			}
			part := map[string]any{"partition": p.Partition, "final_offset": p.LogEnd,
				"end_offset": p.End, "source_end_offset": p.SourceEnd, "source_seen": p.SourceSeen, "leader_epoch_after": p.EpochAfter}
			if !p.Stopped.IsZero() {
				part["stopped"] = p.Stopped
			}
			row.Partitions = append(row.Partitions, part)
		}
		out.Topics = append(out.Topics, row)
	}
	return out
}
