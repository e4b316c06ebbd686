package link

import (
	"context"
	"slices"
	"time"

	"umbra/core/link/spec"
	"umbra/core/metadata"
	"umbra/kafkaproto"
	"umbra/shard"
)

// Receipt is the record of one failover: what is here, from where to where,
// and what is known to be lost. It is complete without the source. Its JSON is
// what the metadata keeps; see Manager.Receipt.
type Receipt struct {
	Format          int          `json:"format"` // receiptFormat
	Umbra           string       `json:"umbra"`  // version
	Operation       string       `json:"operation"`
	Link            string       `json:"link"`
	ClusterID       string       `json:"cluster_id"` // of this cluster
	By              spec.Caller  `json:"by"`
	Started         time.Time    `json:"started"`
	Finished        time.Time    `json:"finished"`
	Phases          []Phase      `json:"phases"`
	Source          SourceStatus `json:"source"` // as it was last seen
	Loss            Lag          `json:"loss"`
	ProducerIDFloor int64        `json:"producer_id_floor"`
	// RowsLeftOut says that there were too many partitions to keep what was found
	// of each.
	RowsLeftOut bool           `json:"rows_left_out,omitempty"`
	Topics      []ReceiptTopic `json:"topics"`
}

// Partial reports whether a topic is not writable.
func (r *Receipt) Partial() bool {
	return slices.ContainsFunc(r.Topics, func(t ReceiptTopic) bool { return t.Failure != "" })
}

// ReceiptTopic is one topic's part. Failure says why it is not writable.
type ReceiptTopic struct {
	Topic      string             `json:"topic"`
	ID         kafkaproto.TopicID `json:"topic_id"`
	State      spec.TopicState    `json:"state"`
	Before     spec.TopicState    `json:"before,omitzero"`
	Reason     spec.Reason        `json:"reason,omitzero"` // before
	Started    time.Time          `json:"started"`         // when it was decided
	Writable   time.Time          `json:"writable,omitzero"`
	Loss       Lag                `json:"loss"`
	Partitions []ReceiptPartition `json:"partitions,omitempty"`
	Failure    string             `json:"failure,omitempty"`
}

// ReceiptPartition is one partition's part.
type ReceiptPartition struct {
	spec.FinalPartition
	End        int64            `json:"end"` // after abort markers: where the first local record goes
	EpochAfter int32            `json:"epoch_after"`
	Loss       Lag              `json:"loss"`
	Aborted    []AbortedTxn     `json:"aborted,omitempty"`
	Gaps       []spec.GapRecord `json:"gaps,omitempty"`
	Cuts       []spec.CutRecord `json:"cuts,omitempty"`
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
	body, err := r.encode(storedBytesMax)
	if err != nil {
		return nil, err
	}
	err = f.l.cfg.Store.SaveReceipt(ctx, metadata.Receipt{ID: f.op, Link: f.l.name, Kind: receiptKind, At: f.began(), Body: body})
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

// began is when the operation did, also where it was another process that began it.
func (f *failover) began() time.Time {
	at := f.started
	for _, t := range f.current() {
		if p := t.Shadow.Failover; p.Operation == f.op && p.Started.Before(at) {
			at = p.Started
		}
	}
	return at
}

func (f *failover) receipt(ctx context.Context) (*Receipt, error) {
	snap := f.l.cfg.Store.Snapshot()
	st, err := f.l.Status(ctx)
	if err != nil {
		return nil, err
	}
	r := &Receipt{Format: receiptFormat, Umbra: f.l.cfg.Version, Operation: f.op, Link: f.l.name, ClusterID: snap.ClusterID, By: f.by,
		Started: f.started, Phases: f.phases, Source: st.Source(), ProducerIDFloor: snap.ProducerIDFloor}
	gaps, cuts, err := f.ledger(ctx)
	if err != nil {
		return nil, err
	}
	var lags []Lag
	for _, id := range f.topics {
		t := snap.ByID(id)
		if t == nil || t.Shadow == nil {
			continue
		}
		rt := f.receiptTopic(t, gaps, cuts)
		if !rt.Started.IsZero() && rt.Started.Before(r.Started) {
			r.Started = rt.Started
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

func (f *failover) receiptTopic(t *metadata.Topic, gaps map[shard.PartitionID][]spec.GapRecord, cuts map[shard.PartitionID][]spec.CutRecord) ReceiptTopic {
	rt := ReceiptTopic{Topic: t.Name, ID: t.ID, State: t.Shadow.State}
	if err := f.errs[t.ID]; err != nil {
		rt.Failure = err.Error()
	}
	progress, final := t.Shadow.Failover, f.finals[t.ID]
	if progress == nil {
		rt.Before, rt.Reason = t.Shadow.State, t.Shadow.Reason
		return rt
	}
	rt.Before, rt.Reason, rt.Started, rt.Writable = progress.Before, progress.Reason, progress.Started, progress.Writable
	var lags []Lag
	for i, p := range progress.Partitions {
		part := shard.PartitionID{Topic: t.ID, Index: int32(i)}
		rp := ReceiptPartition{FinalPartition: p, End: p.LogEnd, EpochAfter: t.Partitions[i].LeaderEpoch,
			Loss: lossOf(p), Aborted: final.aborted[int32(i)], Gaps: gaps[part], Cuts: cuts[part]}
		if progress.Step >= spec.FailoverAborted {
			// Each open transaction got one marker, of one offset, also when that was
			// before a crash and the markers themselves are not known any more.
			rp.End += int64(p.OpenTransactions)
		}
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
