package metadata

import (
	"context"
	"fmt"
	"maps"
	"slices"

	clientv3 "go.etcd.io/etcd/client/v3"

	"umbra/core/link/spec"
	"umbra/kafkaproto"
)

// PartitionsMax bounds the partitions of one topic, so that its value fits a
// transaction.
const PartitionsMax = 20_000

// NewTopic describes a local topic to create.
type NewTopic struct {
	Name       string
	Partitions int // 0: the broker's num.partitions
	Configs    map[string]string
	Internal   bool // umbra's own logs; no link can claim their names
}

// NewShadow describes a shadow topic to create.
type NewShadow struct {
	Name       string
	Link       string
	Partitions int
	// SourceID becomes the topic's own id too (decision 9); zero: a new id.
	SourceID        kafkaproto.TopicID
	SourceClusterID string
	Configs         map[string]string // the source's; unknown ones are dropped
	LeaderEpochs    []int32           // per partition, optional: at least the source's
	Start           spec.Start
}

// CheckTopic says whether CreateTopic would accept n now (validate_only). It
// returns n with its defaults filled in.
func (s *Store) CheckTopic(n NewTopic) (NewTopic, error) {
	if n.Partitions == 0 {
		n.Partitions = s.opts.Configs.NumPartitions()
	}
	return n, s.checkTopic(s.Snapshot(), n)
}

func (s *Store) checkTopic(snap *Snapshot, n NewTopic) error {
	if err := checkName(snap, n.Name, n.Partitions); err != nil {
		return err
	}
	if err := s.opts.Configs.ValidateTopic(n.Configs); err != nil {
		return err
	}
	if l, why := snap.LinkFor(n.Name); l != nil && !n.Internal {
		return fmt.Errorf("link %q takes this name (%s): %w", l.Name, why, ErrLinkOwned)
	}
	return nil
}

func checkName(snap *Snapshot, name string, partitions int) error {
	if err := ValidateTopicName(name); err != nil {
		return err
	}
	if snap.Topics[name] != nil {
		return ErrExists
	}
	if other, ok := snap.folded[fold(name)]; ok {
		return fmt.Errorf("%q exists, and '.' and '_' count as equal: %w", other, ErrCollision)
	}
	if partitions < 1 || partitions > PartitionsMax {
		return fmt.Errorf("%d partitions, want 1 to %d: %w", partitions, PartitionsMax, ErrInvalidPartitions)
	}
	return nil
}

// CreateTopic creates a local topic with a new id. It fails with ErrExists,
// ErrCollision, ErrInvalidName, ErrInvalidPartitions, a *ConfigError
// (ErrInvalidConfig), or ErrLinkOwned when a link's filter takes the name.
func (s *Store) CreateTopic(ctx context.Context, n NewTopic) (*Topic, error) {
	if n.Partitions == 0 {
		n.Partitions = s.opts.Configs.NumPartitions()
	}
	t := &Topic{Name: n.Name, ID: kafkaproto.NewTopicID(), Configs: maps.Clone(n.Configs), Internal: n.Internal, Created: s.opts.Now().UTC()}
	return s.create(ctx, t, func(snap *Snapshot) (plan, error) {
		if err := s.checkTopic(snap, n); err != nil {
			return plan{}, err
		}
		t.Partitions = s.grown(&Topic{ID: t.ID}, n.Partitions)
		p := s.createPlan(t)
		p.compares = append(p.compares, unchanged(s.keys.guardLinks(), snap.guards["links"]))
		return p, nil
	})
}

// CreateShadowTopic creates a topic that belongs to a link, ACTIVE with term 1.
// The link must exist and its filter must take the name.
func (s *Store) CreateShadowTopic(ctx context.Context, n NewShadow) (*Topic, error) {
	t := &Topic{Name: n.Name, ID: n.SourceID, Created: s.opts.Now().UTC()}
	if t.ID.IsZero() {
		t.ID = kafkaproto.NewTopicID()
	}
	t.Configs, _ = s.opts.Configs.Adopt(n.Configs)
	return s.create(ctx, t, func(snap *Snapshot) (plan, error) {
		l := snap.Links[n.Link]
		if l == nil {
			return plan{}, fmt.Errorf("link %q: %w", n.Link, ErrNotFound)
		}
		if ok, why := l.Filter.Matches(n.Name); !ok {
			return plan{}, fmt.Errorf("link %q does not take it (%s): %w", l.Name, why, ErrInvalidName)
		}
		if err := checkName(snap, n.Name, n.Partitions); err != nil {
			return plan{}, err
		}
		if other := snap.ByID(t.ID); other != nil {
			return plan{}, fmt.Errorf("topic %q has the same topic id %s: %w", other.Name, t.ID, ErrExists)
		}
		t.Shadow = &Shadow{Link: l.Name, LinkID: l.ID, State: spec.Active, Term: 1, SourceID: n.SourceID, SourceClusterID: n.SourceClusterID, Start: n.Start}
		t.Partitions = s.grown(&Topic{ID: t.ID}, n.Partitions)
		for i := range min(len(n.LeaderEpochs), len(t.Partitions)) {
			t.Partitions[i].LeaderEpoch = max(0, n.LeaderEpochs[i])
		}
		p := s.createPlan(t)
		p.compares = append(p.compares, unchanged(s.keys.link(l.Name), snap.links[l.Name]))
		p.ops = append(p.ops, touch(s.keys.guardLink(l.Name)))
		return p, nil
	})
}

func (s *Store) createPlan(t *Topic) plan {
	topic, name := s.keys.topic(t.ID), s.keys.name(t.Name)
	return plan{compares: []clientv3.Cmp{absent(topic), absent(name)},
		ops: []clientv3.Op{clientv3.OpPut(topic, encode(t)), clientv3.OpPut(name, encode(nameValue{Name: t.Name}))}}
}

func (s *Store) create(ctx context.Context, t *Topic, makePlan func(*Snapshot) (plan, error)) (*Topic, error) {
	if err := s.change(ctx, fmt.Sprintf("create topic %q", t.Name), makePlan); err != nil {
		return nil, err
	}
	if created := s.Snapshot().ByID(t.ID); created != nil {
		return created, nil
	}
	return t, nil // deleted again meanwhile
}

// DeleteTopic deletes a topic and its ledgers. A zero id means whatever topic
// has the name. A shadow topic that is not writable is refused (ErrReadOnly);
// an operator may use DropShadow.
func (s *Store) DeleteTopic(ctx context.Context, name string, id kafkaproto.TopicID) error {
	return s.remove(ctx, name, id, func(t *Topic) error {
		if !t.Writable() {
			return readOnly(t)
		}
		return nil
	})
}

// DropShadow deletes a shadow topic that is PAUSED or FAULTED, data and all,
// on an operator's word. The link copies the source's topic again from its
// start unless it is paused or the name is excluded.
func (s *Store) DropShadow(ctx context.Context, name string, id kafkaproto.TopicID) error {
	return s.remove(ctx, name, id, func(t *Topic) error {
		if t.Shadow == nil || t.Shadow.State != spec.Paused && t.Shadow.State != spec.Faulted {
			return fmt.Errorf("only a PAUSED or FAULTED shadow topic can be dropped: %w", spec.ErrTransition)
		}
		return nil
	})
}

func (s *Store) remove(ctx context.Context, name string, id kafkaproto.TopicID, allowed func(*Topic) error) error {
	return s.change(ctx, fmt.Sprintf("delete topic %q", name), func(snap *Snapshot) (plan, error) {
		t := snap.Topics[name]
		if t == nil || !id.IsZero() && t.ID != id {
			return plan{}, ErrNotFound
		}
		if err := allowed(t); err != nil {
			return plan{}, err
		}
		key := s.keys.topic(t.ID)
		return plan{compares: []clientv3.Cmp{unchanged(key, t.revision)}, ops: []clientv3.Op{
			clientv3.OpDelete(key), clientv3.OpDelete(s.keys.name(name)),
			clientv3.OpDelete(s.keys.gaps(t.ID), clientv3.WithPrefix()),
			clientv3.OpDelete(s.keys.cuts(t.ID), clientv3.WithPrefix())}}, nil
	})
}

func readOnly(t *Topic) error {
	return fmt.Errorf("topic %q is a shadow of link %q and %s: %w", t.Name, t.Shadow.Link, t.Shadow.State, ErrReadOnly)
}

// AddPartitions raises a topic's partition count to total; an equal or lower
// one is ErrInvalidPartitions.
func (s *Store) AddPartitions(ctx context.Context, name string, total int) (*Topic, error) {
	return s.changeNamed(ctx, "add partitions", name, func(t *Topic) error {
		if !t.Writable() {
			return readOnly(t)
		}
		if total <= len(t.Partitions) || total > PartitionsMax {
			return fmt.Errorf("the topic has %d partitions; %d is not more, or above %d: %w", len(t.Partitions), total, PartitionsMax, ErrInvalidPartitions)
		}
		t.Partitions = s.grown(t, total)
		return nil
	})
}

// SetConfigs edits a topic's configs: edit gets the present ones (never nil)
// and may run several times. The result is validated.
func (s *Store) SetConfigs(ctx context.Context, name string, edit func(configs map[string]string) error) (*Topic, error) {
	return s.changeNamed(ctx, "set configs", name, func(t *Topic) error {
		if !t.Writable() {
			return readOnly(t)
		}
		if t.Configs == nil {
			t.Configs = map[string]string{}
		}
		if err := edit(t.Configs); err != nil {
			return err
		}
		return s.opts.Configs.ValidateTopic(t.Configs)
	})
}

// Reshard assigns partitions anew after the shard count has changed. It does
// nothing when the recorded count is the present one. It must run before any
// partition is opened, for a partition's files follow its shard.
func (s *Store) Reshard(ctx context.Context) error {
	count := s.opts.Shards
	if s.Snapshot().Shards == count {
		return nil
	}
	for _, id := range slices.Collect(maps.Keys(s.Snapshot().byID)) {
		err := s.changeTopic(ctx, "reshard", id, func(t *Topic) error {
			for i := range t.Partitions {
				t.Partitions[i].Shard = shardFor(t.ID, i, count)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return s.change(ctx, "record shard count", func(snap *Snapshot) (plan, error) {
		key := s.keys.shards()
		return plan{compares: []clientv3.Cmp{unchanged(key, snap.shardsRev)}, ops: []clientv3.Op{clientv3.OpPut(key, encode(shardsValue{Count: count}))}}, nil
	})
}

func (s *Store) changeNamed(ctx context.Context, act, name string, edit func(*Topic) error) (*Topic, error) {
	t := s.Snapshot().Topics[name]
	if t == nil {
		return nil, fmt.Errorf("%s: topic %q: %w", act, name, ErrNotFound)
	}
	if err := s.changeTopic(ctx, act, t.ID, edit); err != nil {
		return nil, err
	}
	if t = s.Snapshot().ByID(t.ID); t == nil {
		return nil, fmt.Errorf("%s: topic %q: deleted meanwhile: %w", act, name, ErrNotFound)
	}
	return t, nil
}

// changeTopic edits a copy of the topic and stores it if nobody else did.
func (s *Store) changeTopic(ctx context.Context, act string, id kafkaproto.TopicID, edit func(*Topic) error) error {
	return s.change(ctx, act, func(snap *Snapshot) (plan, error) {
		old := snap.ByID(id)
		if old == nil {
			return plan{}, fmt.Errorf("topic %s: %w", id, ErrNotFound)
		}
		t := old.clone()
		if err := edit(t); err != nil {
			return plan{}, fmt.Errorf("topic %q: %w", old.Name, err)
		}
		value := encode(t)
		if value == encode(old) {
			return plan{}, nil
		}
		key := s.keys.topic(id)
		return plan{compares: []clientv3.Cmp{unchanged(key, old.revision)}, ops: []clientv3.Op{clientv3.OpPut(key, value)}}, nil
	})
}
