package link

import (
	"context"
	"fmt"
	"slices"

	"umbra/core/link/source"
	"umbra/core/link/spec"
	"umbra/core/link/verify"
	"umbra/core/metadata"
	"umbra/shard"
)

// Verification is what Verify found.
type Verification struct {
	Results []verify.Result // by topic and partition
	// Left are topics that could not be compared at all, and why.
	Left map[string]string
	Gaps []spec.GapRecord
}

// Verify reads the source again and compares every batch of the link's topics,
// or of some of them. progress gets the partitions done and the bytes compared
// so far. A failed-over topic is compared up to its cut.
func (m *Manager) Verify(ctx context.Context, name string, topics []string, progress func(done, total int, bytes int64)) (*Verification, error) {
	snap := m.cfg.Store.Snapshot()
	def := snap.Links[name]
	if def == nil {
		return nil, fmt.Errorf("link %q: %w", name, ErrNotFound)
	}
	client := newClient(m.cfg, def.Definition)
	defer client.Close()
	cl, err := client.Metadata(ctx)
	if err != nil {
		return nil, &UnreachableError{err}
	}
	v := &Verification{Left: map[string]string{}}
	targets, err := m.targets(v, snap, def, topics, cl)
	if err != nil {
		return nil, err
	}
	var bytes int64
	for i, t := range targets {
		progress(i, len(targets), bytes)
		r := verify.Run(ctx, client, t, func(n int64) {
			bytes += n
			progress(i, len(targets), bytes)
		})
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		v.Results = append(v.Results, r)
	}
	progress(len(targets), len(targets), bytes)
	if l, err := m.Link(name); err == nil && l.id == def.ID {
		l.tallyVerification(v, snap.ShadowsOf(def), m.cfg.Now())
	}
	return v, m.addGaps(ctx, v, snap.ShadowsOf(def))
}

// addGaps lists what was never copied, from the ledger.
func (m *Manager) addGaps(ctx context.Context, v *Verification, topics []*metadata.Topic) error {
	for _, t := range topics {
		gaps, err := m.cfg.Store.Gaps(ctx, t.ID)
		if err != nil {
			return err
		}
		v.Gaps = append(v.Gaps, gaps...)
	}
	return nil
}

func (m *Manager) targets(v *Verification, snap *metadata.Snapshot, def *spec.Link, names []string, cl *source.Cluster) ([]verify.Target, error) {
	at := map[string]*source.Topic{}
	for i := range cl.Topics {
		at[cl.Topics[i].Name] = &cl.Topics[i]
	}
	known := map[string]bool{}
	var out []verify.Target
	for _, t := range snap.ShadowsOf(def) {
		known[t.Name] = true
		if len(names) > 0 && !slices.Contains(names, t.Name) {
			continue
		}
		s := at[t.Name]
		switch {
		case s == nil:
			v.Left[t.Name] = "the topic is not at the source any more"
		case !t.Shadow.SourceID.IsZero() && cl.TopicIDs && s.ID != t.Shadow.SourceID:
			v.Left[t.Name] = fmt.Sprintf("the source has another topic of this name now (id %s, the copy is of %s)", s.ID, t.Shadow.SourceID)
		default:
			out = append(out, m.targetsOf(v, t, s, cl)...)
		}
	}
	for _, n := range names {
		if !known[n] {
			return nil, fmt.Errorf("link %q has no shadow topic %q: %w", def.Name, n, metadata.ErrNotFound)
		}
	}
	return out, nil
}

func (m *Manager) targetsOf(v *Verification, t *metadata.Topic, s *source.Topic, cl *source.Cluster) []verify.Target {
	var out []verify.Target
	for i, p := range t.Partitions {
		if i >= len(s.Partitions) {
			v.Left[t.Name] = fmt.Sprintf("the source has %d partitions, the copy %d", len(s.Partitions), len(t.Partitions))
			break
		}
		addr, ok := cl.Leader(s.Partitions[i])
		if !ok {
			v.Left[t.Name] = fmt.Sprintf("partition %d has no leader at the source now", i)
			continue
		}
		target := verify.Target{
			Place: source.Place{PartitionKey: source.PartitionKey{Topic: t.Name, Index: int32(i)}, Addr: addr, LeaderEpoch: -1},
			Local: shard.PartitionID{Topic: t.ID, Index: int32(i)}, Shard: m.cfg.Group.Shard(p.Shard), End: -1,
			Compacted: m.cfg.Store.Configs().Settings(t.Configs).Compact,
		}
		if cl.TopicIDs {
			target.SourceID = t.Shadow.SourceID
		}
		if f := t.Shadow.Failover; f != nil && i < len(f.Partitions) {
			target.End = f.Partitions[i].LogEnd
		}
		out = append(out, target)
	}
	return out
}
