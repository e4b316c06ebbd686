package backend

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"umbra/admin"
	"umbra/admin/api"
	"umbra/core/link"
	"umbra/core/link/spec"
)

// diskReserve is the free space below which the plan warns: markers and new
// records need some.
const diskReserve = 1 << 30

// PlanFailover says what Failover would do now.
func (b *Backend) PlanFailover(ctx context.Context, name string, req api.Failover) (*api.FailoverPlan, error) {
	st, err := b.status(ctx, name)
	if err != nil {
		return nil, err
	}
	p := &api.FailoverPlan{Now: st.At, Link: name, Source: sourceDoc(st.Source()), Bootstrap: b.bootstrap()}
	var lags []link.Lag
	named := map[string]bool{}
	for _, t := range st.Topics {
		named[t.Topic.Name] = true
		if len(req.Topics) > 0 && !slices.Contains(req.Topics, t.Topic.Name) {
			continue
		}
		if t.State == spec.FailedOver {
			p.Skipped = append(p.Skipped, api.SkippedTopic{Topic: t.Topic.Name, Why: "failed over already"})
			continue
		}
		lags = append(lags, t.Lag)
		p.Partitions += len(t.Partitions)
		p.Topics = append(p.Topics, api.FailoverTopic{Topic: t.Topic.Name, State: t.State.String(), Reason: reasonDoc(t.Reason), Partitions: len(t.Partitions), Loss: lagDoc(t.Lag), Partial: partialDoc(&t)})
	}
	for _, n := range req.Topics {
		if !named[n] {
			return nil, api.NotFound("shadow topic of link "+name, n, "umbra link describe "+name)
		}
	}
	p.EstimatedLoss = lagDoc(link.Worst(lags))
	p.Checks = b.checks(st, p)
	return p, nil
}

func (b *Backend) bootstrap() []string { return []string{b.Info.Advertise} }

// checks are what a person wants to know before the decision.
func (b *Backend) checks(st *link.Status, p *api.FailoverPlan) []api.Check {
	check := func(name string, level api.CheckLevel, format string, args ...any) api.Check {
		return api.Check{Name: name, Level: level, Detail: fmt.Sprintf(format, args...)}
	}
	var out []api.Check
	if st.Reachable {
		out = append(out, check("source", api.CheckWarn, "the source still answers: whoever writes to it now is not copied any more; stop the writers first, or this loses what they write"))
	} else {
		out = append(out, check("source", api.CheckOK, "the source does not answer"))
	}
	d := disk(b.Settings.Storage.Dir)
	if d.FreeBytes < diskReserve {
		out = append(out, check("disk", api.CheckWarn, "%d MiB free", d.FreeBytes>>20))
	} else {
		out = append(out, check("disk", api.CheckOK, "%d GiB free", d.FreeBytes>>30))
	}
	faulted, partly := 0, 0
	for _, t := range p.Topics {
		if t.State == api.StateFaulted {
			faulted++
		}
		if t.OthersLag != nil {
			partly++
		}
	}
	if faulted > 0 {
		out = append(out, check("topics", api.CheckWarn, "%d of %d are FAULTED, %d of them with some of their partitions only: they become writable at the end of what was copied", faulted, len(p.Topics), partly))
	} else if len(p.Topics) > 0 {
		out = append(out, check("topics", api.CheckOK, "%d ready", len(p.Topics)))
	} else {
		out = append(out, check("topics", api.CheckFail, "no topic is left to fail over"))
	}
	return append(out, check("groups", api.CheckWarn, "consumer-group offsets are not mirrored by this version: consumers need their offsets from elsewhere"))
}

// Failover runs to its end.
func (b *Backend) Failover(ctx context.Context, name string, req api.Failover, call admin.Call) (*api.Receipt, error) {
	l, err := b.Manager.Link(name)
	if err != nil {
		return nil, api.NotFound("link", name, "umbra link list")
	}
	r, err := l.Failover(ctx, link.FailoverRequest{Topics: req.Topics, Operation: call.Operation,
		By: spec.Caller{UID: call.Caller.UID, GID: call.Caller.GID, PID: call.Caller.PID},
		Progress: func(step spec.FailoverStep, done, total int) {
			state := api.StepRunning
			if done == total {
				state = api.StepDone
			}
			call.Progress(api.Step{Name: stepName(step), State: state, Done: int64(done), Total: int64(total), Unit: "topics"})
		}})
	if err != nil {
		return nil, problem("fail over link "+name, err)
	}
	return b.receiptDoc(r), nil
}

// Receipt is the stored receipt of a failover, as it was given when it ended.
func (b *Backend) Receipt(ctx context.Context, name, operation string) (*api.Receipt, error) {
	r, err := b.Manager.Receipt(ctx, name, operation)
	switch {
	case errors.Is(err, link.ErrNotFound) && operation != "":
		return nil, api.NotFound("receipt of link "+name, operation, "umbra receipt "+name)
	case errors.Is(err, link.ErrNotFound):
		return nil, api.NotFound("receipt of link", name, "umbra link list")
	case err != nil:
		return nil, problem("read the receipt of link "+name, err)
	}
	return b.receiptDoc(r), nil
}

func stepName(s spec.FailoverStep) string {
	switch s {
	case spec.FailoverDecided:
		return "deciding"
	case spec.FailoverRecorded:
		return "fencing and flushing"
	case spec.FailoverProducerIDs:
		return "producer ids"
	case spec.FailoverEpochs:
		return "leader epochs"
	case spec.FailoverAborted:
		return "open transactions"
	case spec.FailoverWritable:
		return "opening for writes"
	}
	return s.String()
}

func (b *Backend) receiptDoc(r *link.Receipt) *api.Receipt {
	doc := &api.Receipt{Version: api.ReceiptVersion, Umbra: r.Umbra, Operation: r.Operation, Link: r.Link, ClusterID: r.ClusterID,
		RequestedBy: api.Caller{UID: r.By.UID, GID: r.By.GID, PID: r.By.PID}, PartitionsLeftOut: r.RowsLeftOut,
		Outcome: api.OutcomeFailedOver, StartedAt: r.Started, FinishedAt: r.Finished, Seconds: r.Finished.Round(0).Sub(r.Started.Round(0)).Seconds(), // by the times that are stored
		Source: sourceDoc(r.Source), EstimatedLoss: lagDoc(r.Loss), ProducerIDFloor: r.ProducerIDFloor, Bootstrap: b.bootstrap()}
	if r.Partial() {
		doc.Outcome = api.OutcomePartial
	}
	for _, p := range r.Phases {
		doc.Phases = append(doc.Phases, api.Phase{Name: p.Name, Seconds: p.Seconds})
	}
	doc.Topics = each(r.Topics, receiptTopicDoc)
	return doc
}

func receiptTopicDoc(t link.ReceiptTopic) api.ReceiptTopic {
	doc := api.ReceiptTopic{Topic: t.Topic, TopicID: t.ID.String(), StateBefore: t.Before.String(), State: t.State.String(), ReasonBefore: reasonDoc(t.Reason), Loss: lagDoc(t.Loss)}
	if t.Failure != "" {
		doc.Reason = &api.Reason{Code: "failover_failed", Detail: t.Failure, Next: "mend the cause and run the failover again: topics that are done stay done"}
	}
	doc.Partitions = each(t.Partitions, func(p link.ReceiptPartition) api.ReceiptPartition {
		return api.ReceiptPartition{Partition: p.Partition, StartOffset: p.LogStart, FinalOffset: p.LogEnd, EndOffset: p.End, SourceEndOffset: known(p.SourceEnd),
			Loss: lagDoc(p.Loss), LeaderEpochBefore: p.LeaderEpoch, LeaderEpochAfter: p.EpochAfter, Stopped: reasonDoc(p.Stopped),
			Aborted: each(p.Aborted, func(a link.AbortedTxn) api.AbortedTransaction {
				return api.AbortedTransaction{ProducerID: a.ProducerID, ProducerEpoch: a.ProducerEpoch, FirstOffset: a.FirstOffset, MarkerOffset: a.MarkerOffset}
			}),
			Gaps: each(p.Gaps, gapDoc), Cuts: each(p.Cuts, cutDoc)}
	})
	return doc
}
