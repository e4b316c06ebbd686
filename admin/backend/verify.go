package backend

import (
	"context"
	"maps"
	"slices"

	"umbra/admin"
	"umbra/admin/api"
	"umbra/core/link"
	"umbra/core/link/verify"
)

// differencesShown bounds the differences that are spelled out.
const differencesShown = 100

// Verify compares with the source and runs to its end.
func (b *Backend) Verify(ctx context.Context, name string, req api.Verify, call admin.Call) (*api.VerifyReport, error) {
	started := b.Now()
	v, err := b.Manager.Verify(ctx, name, req.Topics, func(done, total int, bytes int64) {
		state := api.StepRunning
		if done == total {
			state = api.StepDone
		}
		call.Progress(api.Step{Name: "comparing", State: state, Done: int64(done), Total: int64(total), Unit: "partitions", Detail: bytesText(bytes)})
	})
	if err != nil {
		return nil, problem("verify link "+name, err)
	}
	r := &api.VerifyReport{Link: name, StartedAt: started, FinishedAt: b.Now()}
	r.Seconds = r.FinishedAt.Sub(started).Seconds()
	fillReport(r, v)
	return r, nil
}

func fillReport(r *api.VerifyReport, v *link.Verification) {
	rows := map[string]*api.VerifyTopic{}
	for _, p := range v.Results {
		addResult(r, rows, p)
	}
	for _, name := range slices.Sorted(maps.Keys(rows)) {
		r.Topics = append(r.Topics, *rows[name])
	}
	for _, topic := range slices.Sorted(maps.Keys(v.Left)) {
		r.NotCompared = append(r.NotCompared, api.Uncompared{Topic: topic, Partition: -1, Why: v.Left[topic]})
	}
	for _, g := range v.Gaps {
		r.NotCompared = append(r.NotCompared, api.Uncompared{Topic: g.Topic, Partition: g.Partition, From: g.From, To: g.To, Why: "never copied: " + g.Why.Info().Title})
	}
	switch {
	case r.DifferencesTotal > 0:
		r.Result = api.Different
	case r.Batches == 0:
		r.Result = api.Nothing
	default:
		r.Result = api.Identical
	}
}

func addResult(r *api.VerifyReport, rows map[string]*api.VerifyTopic, p verify.Result) {
	t := rows[p.Target.Topic]
	if t == nil {
		t = &api.VerifyTopic{Topic: p.Target.Topic, From: p.From, Result: api.Nothing}
		rows[p.Target.Topic] = t
	}
	t.Partitions++
	t.From, t.To = min(t.From, p.From), max(t.To, p.To)
	t.Batches, t.Bytes = t.Batches+p.Batches, t.Bytes+p.Bytes
	r.Partitions, r.Batches, r.Bytes = r.Partitions+1, r.Batches+p.Batches, r.Bytes+p.Bytes
	for _, n := range p.NotCompared {
		r.NotCompared = append(r.NotCompared, api.Uncompared{Topic: p.Target.Topic, Partition: p.Target.Index, From: n.From, To: n.To, Why: n.Why})
	}
	if p.Err != nil {
		r.NotCompared = append(r.NotCompared, api.Uncompared{Topic: p.Target.Topic, Partition: p.Target.Index, From: p.To, To: p.To, Why: p.Err.Error()})
	}
	switch {
	case p.Difference != nil:
		t.Result = api.Different
		if r.DifferencesTotal++; len(r.Differences) < differencesShown {
			r.Differences = append(r.Differences, api.Difference{Topic: p.Target.Topic, Partition: p.Target.Index, Offset: p.Difference.Offset, What: p.Difference.What})
		}
	case p.Batches > 0 && t.Result == api.Nothing:
		t.Result = api.Identical
	}
}
