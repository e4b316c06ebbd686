package metadata

import (
	"context"
	"fmt"
	"slices"

	clientv3 "go.etcd.io/etcd/client/v3"

	"umbra/core/link/spec"
	"umbra/kafkaproto"
)

// A batch of shadow updates is cut at so many topics or encoded bytes, well
// inside etcd's bounds for one transaction.
const (
	batchTopicsMax = 256
	batchBytesMax  = 1 << 20
)

// ShadowUpdate changes one shadow topic, provided that its term is still Term.
type ShadowUpdate struct {
	ID   kafkaproto.TopicID
	Term int64
	// Apply edits a copy and may run several times. It may change Shadow
	// (states by spec.Next; the term only upwards) and raise leader epochs.
	// Its error cancels this update only.
	Apply func(t *Topic) error
}

// UpdateShadow changes one shadow topic and returns its new value. ErrStale
// when the stored term is not term, ErrNotFound when the topic is gone.
func (s *Store) UpdateShadow(ctx context.Context, id kafkaproto.TopicID, term int64, apply func(*Topic) error) (*Topic, error) {
	if err := s.UpdateShadows(ctx, []ShadowUpdate{{ID: id, Term: term, Apply: apply}})[0]; err != nil {
		return nil, err
	}
	t := s.Snapshot().ByID(id)
	if t == nil {
		return nil, fmt.Errorf("update shadow topic %s: deleted meanwhile: %w", id, ErrNotFound)
	}
	return t, nil
}

// UpdateShadows applies many updates in few transactions. Each update stands
// for itself: the result has one error, or nil, per update. An id may occur
// once only.
func (s *Store) UpdateShadows(ctx context.Context, updates []ShadowUpdate) []error {
	errs := make([]error, len(updates))
	for start := 0; start < len(updates); {
		n, err := s.updateBatch(ctx, updates[start:], errs[start:])
		if err != nil {
			for i := range n {
				if errs[start+i] == nil {
					errs[start+i] = err
				}
			}
		}
		start += n
	}
	return errs
}

// updateBatch applies the first n updates in one transaction; n is at least 1.
func (s *Store) updateBatch(ctx context.Context, updates []ShadowUpdate, errs []error) (n int, err error) {
	err = s.change(ctx, "update shadow topics", func(snap *Snapshot) (plan, error) {
		var p plan
		n = 0
		clear(errs[:min(len(errs), batchTopicsMax)])
		guards := map[string]bool{}
		for bytes := 0; n < len(updates) && n < batchTopicsMax && bytes < batchBytesMax; n++ {
			u := updates[n]
			t, err := s.updated(snap, u)
			if err != nil {
				errs[n] = fmt.Errorf("update shadow topic %s: %w", u.ID, err)
				continue
			}
			value := encode(t)
			bytes += len(value)
			key := s.keys.topic(t.ID)
			p.compares = append(p.compares, unchanged(key, t.revision))
			p.ops = append(p.ops, clientv3.OpPut(key, value))
			if link := t.Shadow.Link; !guards[link] {
				guards[link] = true
				s.guardLink(snap, t, &p)
			}
		}
		return p, nil
	})
	return n, err
}

// guardLink makes a concurrent DeleteLink notice, and this update notice a
// concurrent DeleteLink.
func (s *Store) guardLink(snap *Snapshot, t *Topic, p *plan) {
	if l := snap.Links[t.Shadow.Link]; l != nil && l.ID == t.Shadow.LinkID {
		key := s.keys.link(l.Name)
		p.compares = append(p.compares, clientv3.Compare(clientv3.CreateRevision(key), ">", 0))
		p.ops = append(p.ops, touch(s.keys.guardLink(l.Name)))
	}
}

// updated returns the topic after u, or why u is refused.
func (s *Store) updated(snap *Snapshot, u ShadowUpdate) (*Topic, error) {
	old := snap.ByID(u.ID)
	if old == nil || old.Shadow == nil {
		return nil, ErrNotFound
	}
	if old.Shadow.Term != u.Term {
		return nil, fmt.Errorf("topic %q: term %d, stored %d: %w", old.Name, u.Term, old.Shadow.Term, ErrStale)
	}
	t := old.clone()
	if err := u.Apply(t); err != nil {
		return nil, err
	}
	t.revision = old.revision
	if err := checkShadow(snap, old, t); err != nil {
		return nil, fmt.Errorf("topic %q: %w", old.Name, err)
	}
	return t, nil
}

// checkShadow refuses what no correct caller asks for.
func checkShadow(snap *Snapshot, old, t *Topic) error {
	switch {
	case t.Shadow == nil || t.Name != old.Name || t.ID != old.ID || len(t.Partitions) != len(old.Partitions):
		return fmt.Errorf("an update may not change name, id, link or partition count")
	case t.Shadow.Link != old.Shadow.Link || t.Shadow.LinkID != old.Shadow.LinkID:
		return fmt.Errorf("an update may not move the topic to another link")
	case t.Shadow.Term < old.Shadow.Term:
		return fmt.Errorf("term %d would go back to %d: %w", old.Shadow.Term, t.Shadow.Term, ErrStale)
	case !stepAllowed(old.Shadow.State, t.Shadow.State):
		return fmt.Errorf("%s to %s: %w", old.Shadow.State, t.Shadow.State, spec.ErrTransition)
	case len(t.Shadow.Faults) > 0 && (t.Shadow.State == spec.Active || t.Shadow.State == spec.FailedOver):
		return fmt.Errorf("a topic that is %s has no stopped partitions", t.Shadow.State)
	}
	if err := t.Shadow.Faults.Validate(len(t.Partitions)); err != nil {
		return err
	}
	for i, p := range t.Partitions {
		if p.LeaderEpoch < old.Partitions[i].LeaderEpoch {
			return fmt.Errorf("partition %d: leader epoch %d would go back to %d", i, old.Partitions[i].LeaderEpoch, p.LeaderEpoch)
		}
	}
	if t.Shadow.State == spec.Active && old.Shadow.State != spec.Active {
		if l := snap.Links[t.Shadow.Link]; l == nil || l.ID != t.Shadow.LinkID {
			return fmt.Errorf("link %q: %w", t.Shadow.Link, ErrNotFound)
		}
	}
	return nil
}

// stepAllowed reports whether one event leads from one state to the other.
func stepAllowed(from, to spec.TopicState) bool {
	if from == to {
		return true
	}
	for e := spec.EventPause; e <= spec.EventResync; e++ {
		if next, err := spec.Next(from, e); err == nil && next == to {
			return true
		}
	}
	return false
}

// RaiseLeaderEpochs raises the leader epochs of partitions of a topic to at
// least the given ones; lower ones are left alone. term as for UpdateShadow;
// 0 for a topic that is no shadow.
func (s *Store) RaiseLeaderEpochs(ctx context.Context, id kafkaproto.TopicID, term int64, epochs map[int32]int32) error {
	return s.changeTopic(ctx, "raise leader epochs", id, func(t *Topic) error {
		if t.Term() != term {
			return fmt.Errorf("term %d, stored %d: %w", term, t.Term(), ErrStale)
		}
		for p, e := range epochs {
			if p < 0 || int(p) >= len(t.Partitions) {
				return fmt.Errorf("partition %d: %w", p, ErrNotFound)
			}
			t.Partitions[p].LeaderEpoch = max(t.Partitions[p].LeaderEpoch, e)
		}
		return nil
	})
}

// GrowShadow follows the source to a higher partition count; a lower or equal
// one changes nothing, for partitions never shrink (S6).
func (s *Store) GrowShadow(ctx context.Context, id kafkaproto.TopicID, term int64, partitions int) error {
	return s.changeTopic(ctx, "grow shadow topic", id, func(t *Topic) error {
		if t.Shadow == nil || t.Term() != term {
			return fmt.Errorf("term %d, stored %d: %w", term, t.Term(), ErrStale)
		}
		if !t.Shadow.Copying() {
			return fmt.Errorf("the topic is %s: %w", t.Shadow.State, spec.ErrTransition)
		}
		t.Partitions = s.grown(t, partitions)
		return nil
	})
}

// MirrorConfigs replaces a shadow topic's configs with the source's.
func (s *Store) MirrorConfigs(ctx context.Context, id kafkaproto.TopicID, term int64, configs map[string]string) error {
	return s.changeTopic(ctx, "mirror configs", id, func(t *Topic) error {
		if t.Shadow == nil || t.Term() != term || t.Writable() {
			return fmt.Errorf("term %d, stored %d: %w", term, t.Term(), ErrStale)
		}
		t.Configs, _ = s.opts.Configs.Adopt(configs)
		return nil
	})
}

// grown returns the topic's partitions extended to the count.
func (s *Store) grown(t *Topic, count int) []Partition {
	out := slices.Clone(t.Partitions)
	for i := len(out); i < count; i++ {
		out = append(out, Partition{Shard: shardFor(t.ID, i, s.opts.Shards)})
	}
	return out
}
