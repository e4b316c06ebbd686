package backend

import (
	"context"
	"slices"
	"strings"

	"umbra/admin/api"
	"umbra/core/link"
	"umbra/core/link/spec"
)

// Links is one row per link.
func (b *Backend) Links(ctx context.Context) (*api.LinkList, error) {
	out := &api.LinkList{Now: b.Now()}
	for _, l := range b.Manager.Links() {
		st, err := l.Status(ctx)
		if err != nil {
			return nil, problem("read the links", err)
		}
		out.Links = append(out.Links, summary(st))
	}
	slices.SortFunc(out.Links, func(a, b api.LinkSummary) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

func (b *Backend) status(ctx context.Context, name string) (*link.Status, error) {
	l, err := b.Manager.Link(name)
	if err != nil {
		return nil, api.NotFound("link", name, "umbra link list")
	}
	st, err := l.Status(ctx)
	return st, problem("read link "+name, err)
}

func summary(st *link.Status) api.LinkSummary {
	s := api.LinkSummary{Name: st.Link.Name, Reason: reasonDoc(st.Link.Reason), Source: sourceDoc(st.Source()), Lag: lagDoc(st.Lag),
		RPO: rpoDoc(st.Lag, st.Link.Options.RPOTarget), Topics: len(st.Topics), TopicsByState: map[string]int{},
		RecordsPerSec: st.Rate.Records, BytesPerSecond: st.Rate.Bytes}
	for _, t := range st.Topics {
		s.Partitions += len(t.Partitions)
		s.Faulted += t.Topic.Stopped()
		s.TopicsByState[t.State.String()]++
	}
	s.State = linkState(st, s.TopicsByState)
	return s
}

// linkState is one word for a link: what an operator has to know first.
func linkState(st *link.Status, by map[string]int) string {
	n := len(st.Topics)
	switch {
	case by[api.StateFailingOver] > 0:
		return api.StateFailingOver
	case n > 0 && by[api.StateFailedOver] == n:
		return api.StateFailedOver
	case st.Link.Paused:
		return api.StatePaused
	case !st.Reachable:
		return api.StateUnreachable
	case by[api.StateFaulted] > 0:
		return api.StateFaulted
	}
	return api.StateActive
}

func sourceDoc(s link.SourceStatus) api.Source {
	return api.Source{Bootstrap: s.Bootstrap, ClusterID: s.ClusterID, Brokers: s.Brokers, Reachable: s.Reachable, LastSeen: s.LastSeen,
		Error: strings.ReplaceAll(s.Failure, "\n", "; ")}
}

// Link is everything about one link.
func (b *Backend) Link(ctx context.Context, name string) (*api.LinkStatus, error) {
	st, err := b.status(ctx, name)
	if err != nil {
		return nil, err
	}
	out := &api.LinkStatus{Now: st.At, LinkSummary: summary(st), Definition: definitionDoc(st.Link.Definition, st.Link.Created),
		ExcludedTotal: st.ExcludedN, RefusedAnswers: st.Refused}
	for _, t := range st.Topics {
		out.TopicRows = append(out.TopicRows, api.TopicRow{Topic: t.Topic.Name, TopicID: t.Topic.ID.String(), State: t.State.String(),
			Reason: reasonDoc(t.Reason), Partitions: len(t.Partitions), Lag: lagDoc(t.Lag), Partial: partialDoc(&t)})
		if err := b.addLedger(ctx, out, t); err != nil {
			return nil, problem("read the ledger of link "+name, err)
		}
	}
	out.Excluded = excludedDocs(st.Link, st.Excluded)
	return out, nil
}

func (b *Backend) addLedger(ctx context.Context, out *api.LinkStatus, t link.TopicStatus) error {
	gaps, err := b.Store.Gaps(ctx, t.Topic.ID)
	if err != nil {
		return err
	}
	cuts, err := b.Store.Cuts(ctx, t.Topic.ID)
	if err != nil {
		return err
	}
	out.Gaps = append(out.Gaps, each(gaps, gapDoc)...)
	out.Cuts = append(out.Cuts, each(cuts, cutDoc)...)
	return nil
}

// excludedDocs says why each topic is left out.
func excludedDocs(l *spec.Link, names []string) []api.ExcludedTopic {
	return each(names, func(n string) api.ExcludedTopic {
		_, why := l.Filter.Matches(n)
		e := api.ExcludedTopic{Topic: n, Reason: "not_matched", Detail: why}
		switch {
		case strings.HasPrefix(n, "__"):
			e.Reason = "internal"
		case slices.ContainsFunc(l.Filter.Exclude, func(p spec.Pattern) bool { return p.Match(n) }):
			e.Reason = "excluded"
		}
		return e
	})
}

// Partitions is every partition of a link.
func (b *Backend) Partitions(ctx context.Context, name string) (*api.PartitionList, error) {
	st, err := b.status(ctx, name)
	if err != nil {
		return nil, err
	}
	out := &api.PartitionList{Now: st.At, Link: name}
	for _, t := range st.Topics {
		for i, p := range t.Partitions {
			out.Partitions = append(out.Partitions, b.partitionDoc(t, i, p))
		}
	}
	out.Total = len(out.Partitions)
	return out, nil
}

func (b *Backend) partitionDoc(t link.TopicStatus, i int, p link.PartitionStatus) api.PartitionRow {
	row := api.PartitionRow{Topic: t.Topic.Name, Partition: int32(i), Shard: t.Topic.Partitions[i].Shard, State: p.State.String(), Reason: reasonDoc(p.Reason),
		Lag: lagDoc(p.Lag), StartOffset: p.LogStart, EndOffset: p.LogEnd, SourceStartOffset: known(p.SourceStart), SourceEndOffset: known(p.SourceHighWatermark),
		LeaderEpoch: t.Topic.Partitions[i].LeaderEpoch, SourceLeaderID: -1, SourceLeaderEpoch: -1}
	if p.Broker.Addr != "" {
		row.SourceLeaderID, row.SourceLeaderEpoch = p.Broker.ID, p.LeaderEpoch
	}
	if pub, ok := b.Group.Published(p.Partition); ok {
		row.LeaderEpoch = max(row.LeaderEpoch, pub.LeaderEpoch)
	}
	if p.Err != nil {
		row.Error = p.Err.Error()
	}
	return row
}

// PlanLink says what CreateLink would do.
func (b *Backend) PlanLink(ctx context.Context, req api.CreateLink) (*api.LinkPlan, error) {
	d, err := definition(req.LinkDefinition)
	if err != nil {
		return nil, api.Invalid("the link cannot be defined so", err.Error(), "see \"umbra link create --help\"")
	}
	p, err := b.Manager.Plan(ctx, d)
	if err != nil {
		if err := problem("plan link "+d.Name, err); !isPlain(err) {
			return nil, err
		}
		return nil, api.Invalid("the link cannot be made", err.Error(), "see \"umbra link create --help\"")
	}
	out := &api.LinkPlan{DryRun: true, Link: definitionDoc(p.Link, b.Now()), Warnings: p.Warnings,
		Source: api.Source{Bootstrap: p.Link.Bootstrap, ClusterID: p.Cluster.ID, Brokers: len(p.Cluster.Brokers), Reachable: true, LastSeen: b.Now()}}
	for _, t := range p.Topics {
		doc := api.PlannedTopic{Topic: t.Name, Partitions: t.Partitions, Records: known(t.Records)}
		if !t.ID.IsZero() {
			doc.TopicID = t.ID.String()
		}
		out.Topics = append(out.Topics, doc)
		out.Partitions += t.Partitions
	}
	out.Excluded = excludedDocs(&spec.Link{Definition: p.Link}, p.Excluded)
	return out, nil
}

// isPlain reports whether the error is no Problem yet.
func isPlain(err error) bool {
	_, ok := err.(*api.Problem)
	return !ok
}

// CreateLink makes the link durable; copying begins behind it.
func (b *Backend) CreateLink(ctx context.Context, req api.CreateLink) (*api.LinkPlan, error) {
	plan, err := b.PlanLink(ctx, req)
	if err != nil {
		return nil, err
	}
	d, err := definition(req.LinkDefinition)
	if err != nil {
		return nil, err
	}
	if _, err := b.Store.CreateLink(ctx, d); err != nil {
		return nil, problem("create link "+d.Name, err)
	}
	plan.DryRun = false
	return plan, nil
}

// PauseLink stops copying; ResumeLink goes on, with faulted topics and stopped
// partitions too.
func (b *Backend) PauseLink(ctx context.Context, name string) error {
	return problem("pause link "+name, b.Manager.Pause(ctx, name))
}

func (b *Backend) ResumeLink(ctx context.Context, name string) error {
	return problem("resume link "+name, b.Manager.Resume(ctx, name))
}

// DeleteLink removes a link; see link.Manager.Delete.
func (b *Backend) DeleteLink(ctx context.Context, name string, force bool) error {
	return problem("delete link "+name, b.Manager.Delete(ctx, name, force))
}
