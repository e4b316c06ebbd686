package link

import (
	"context"
	"fmt"

	"umbra/core/link/source"
	"umbra/core/link/spec"
	"umbra/core/metadata"
	"umbra/kafkaproto"
)

// Plan is what creating a link would do, from one look at its source.
type Plan struct {
	Link      spec.Definition
	Cluster   *source.Cluster
	Topics    []PlannedTopic
	Excluded  []string
	ExcludedN int
	Warnings  []string
}

// PlannedTopic is one topic the link would copy.
type PlannedTopic struct {
	Name       string
	ID         kafkaproto.TopicID
	Partitions int
	Records    int64 // offsets between log start and end; -1: not all partitions answered
}

// Plan looks at the source of a link that does not exist yet and changes
// nothing. The error says why such a link cannot be made.
func (m *Manager) Plan(ctx context.Context, d spec.Definition) (*Plan, error) {
	d = d.WithDefaults()
	if err := d.Validate(); err != nil {
		return nil, err
	}
	snap := m.cfg.Store.Snapshot()
	if snap.Links[d.Name] != nil {
		return nil, fmt.Errorf("link %q: %w", d.Name, metadata.ErrExists)
	}
	client := newClient(m.cfg, d)
	defer client.Close()
	cl, err := client.Metadata(ctx)
	if err != nil {
		return nil, &UnreachableError{err}
	}
	if err := checkIdentity(&spec.Link{Definition: d}, cl, snap.ClusterID); err != nil {
		return nil, fmt.Errorf("link %q: %w", d.Name, err)
	}
	p := &Plan{Link: d, Cluster: cl}
	p.Excluded, p.ExcludedN = excluded(&spec.Link{Definition: d}, cl)
	if err := p.addTopics(ctx, client, snap); err != nil {
		return nil, err
	}
	p.warn()
	return p, nil
}

// UnreachableError says that no source broker answered.
type UnreachableError struct{ Err error }

func (e *UnreachableError) Error() string { return e.Err.Error() }
func (e *UnreachableError) Unwrap() error { return e.Err }

// addTopics lists what the filter takes, with what there is to copy. A topic
// that another link takes is an error: two links must not fight over it.
func (p *Plan) addTopics(ctx context.Context, client *source.Client, snap *metadata.Snapshot) error {
	l := &spec.Link{Definition: p.Link}
	var places []source.Place
	for i := range p.Cluster.Topics {
		t := &p.Cluster.Topics[i]
		if !wanted(l, t) {
			continue
		}
		if other, _ := snap.LinkFor(t.Name); other != nil {
			return fmt.Errorf("link %q would take topic %q, which link %q takes: exclude it from one of the two: %w", p.Link.Name, t.Name, other.Name, metadata.ErrLinkOwned)
		}
		if here := snap.Topics[t.Name]; here != nil {
			p.Warnings = append(p.Warnings, fmt.Sprintf("topic %q exists here and is not this link's: it will be left out", t.Name))
			continue
		}
		p.Topics = append(p.Topics, PlannedTopic{Name: t.Name, ID: t.ID, Partitions: len(t.Partitions)})
		for _, part := range t.Partitions {
			if addr, ok := p.Cluster.Leader(part); ok {
				places = append(places, source.Place{PartitionKey: source.PartitionKey{Topic: t.Name, Index: part.Index}, Addr: addr, LeaderEpoch: part.LeaderEpoch})
			}
		}
	}
	p.count(client.Offsets(ctx, kafkaproto.TimestampEarliest, places), client.Offsets(ctx, kafkaproto.TimestampLatest, places))
	return nil
}

func (p *Plan) count(starts, ends map[source.PartitionKey]source.Offset) {
	for i := range p.Topics {
		t := &p.Topics[i]
		for n := range t.Partitions {
			key := source.PartitionKey{Topic: t.Name, Index: int32(n)}
			from, okFrom := starts[key]
			to, okTo := ends[key]
			if !okFrom || !okTo || from.Err != nil || to.Err != nil {
				t.Records = -1
				break
			}
			t.Records += to.Offset - from.Offset
		}
	}
}

func (p *Plan) warn() {
	if len(p.Topics) == 0 {
		p.Warnings = append(p.Warnings, "no topic at the source matches now; topics that match are copied as they appear")
	}
	if !p.Cluster.TopicIDs {
		p.Warnings = append(p.Warnings, "the source has no topic ids (before Kafka 2.8): a topic that is deleted and created again there can only be told by its offsets")
	}
}
