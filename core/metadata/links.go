package metadata

import (
	"context"
	"fmt"

	clientv3 "go.etcd.io/etcd/client/v3"

	"umbra/core/link/spec"
	"umbra/kafkaproto"
)

// CreateLink stores a new link with its defaults filled in. ErrExists when
// the name is taken. Existing topics of matching names stay what they are.
func (s *Store) CreateLink(ctx context.Context, d spec.Definition) (*spec.Link, error) {
	d = d.WithDefaults()
	if err := d.Validate(); err != nil {
		return nil, fmt.Errorf("create %w", err)
	}
	l := &spec.Link{Definition: d, ID: kafkaproto.NewTopicID().String(), Created: s.opts.Now().UTC()}
	err := s.change(ctx, fmt.Sprintf("create link %q", d.Name), func(snap *Snapshot) (plan, error) {
		if snap.Links[d.Name] != nil {
			return plan{}, ErrExists
		}
		return s.linkPlan(snap, l), nil
	})
	if err != nil {
		return nil, err
	}
	return l, nil
}

// UpdateLink changes a stored link. edit gets a copy and may run several
// times; name, id and creation time are kept whatever it does. An error from
// edit is returned and nothing changes.
func (s *Store) UpdateLink(ctx context.Context, name string, edit func(*spec.Link) error) (*spec.Link, error) {
	var l *spec.Link
	err := s.change(ctx, fmt.Sprintf("update link %q", name), func(snap *Snapshot) (plan, error) {
		old := snap.Links[name]
		if old == nil {
			return plan{}, ErrNotFound
		}
		c := *old
		l = &c
		if err := edit(l); err != nil {
			return plan{}, err
		}
		l.Name, l.ID, l.Created = old.Name, old.ID, old.Created
		if err := l.Definition.WithDefaults().Validate(); err != nil {
			return plan{}, err
		}
		return s.linkPlan(snap, l), nil
	})
	if err != nil {
		return nil, err
	}
	return l, nil
}

// linkPlan writes a link if it has not changed since snap. Moving the guard
// makes creations of topics that were checked against the old filters retry.
func (s *Store) linkPlan(snap *Snapshot, l *spec.Link) plan {
	key := s.keys.link(l.Name)
	return plan{compares: []clientv3.Cmp{unchanged(key, snap.links[l.Name])},
		ops: []clientv3.Op{clientv3.OpPut(key, encode(l)), touch(s.keys.guardLinks())}}
}

// DeleteLink removes a link once each of its topics is FAILED_OVER; ErrInUse
// names one that is not. With force, such topics (but for those in the middle
// of a failover) first become FAULTED with reason LINK_DELETED: they keep
// their data, stay read-only, and can still be failed over or deleted.
func (s *Store) DeleteLink(ctx context.Context, name string, force bool) error {
	if force {
		if err := s.orphan(ctx, name); err != nil {
			return err
		}
	}
	return s.change(ctx, fmt.Sprintf("delete link %q", name), func(snap *Snapshot) (plan, error) {
		l := snap.Links[name]
		if l == nil {
			return plan{}, ErrNotFound
		}
		for _, t := range snap.ShadowsOf(l) {
			if !t.Writable() && t.Shadow.Reason.Code != spec.LinkDeleted {
				return plan{}, fmt.Errorf("topic %q is %s: %w; fail it over or delete it first", t.Name, t.Shadow.State, ErrInUse)
			}
		}
		guard := s.keys.guardLink(name)
		return plan{
			compares: []clientv3.Cmp{unchanged(s.keys.link(name), snap.links[name]), unchanged(guard, snap.guards["link/"+name])},
			ops:      []clientv3.Op{clientv3.OpDelete(s.keys.link(name)), clientv3.OpDelete(guard), touch(s.keys.guardLinks())},
		}, nil
	})
}

// orphan faults every topic of the link that still depends on it. Should the
// process die in between, the link is still there and the deletion is repeated.
func (s *Store) orphan(ctx context.Context, name string) error {
	l := s.Snapshot().Links[name]
	if l == nil {
		return fmt.Errorf("delete link %q: %w", name, ErrNotFound)
	}
	var updates []ShadowUpdate
	for _, t := range s.Snapshot().ShadowsOf(l) {
		if t.Writable() || t.Shadow.State == spec.FailingOver {
			continue
		}
		updates = append(updates, ShadowUpdate{ID: t.ID, Term: t.Term(), Apply: func(t *Topic) error {
			return t.Shadow.Stop(spec.Reason{Code: spec.LinkDeleted, Since: s.opts.Now().UTC()})
		}})
	}
	for _, err := range s.UpdateShadows(ctx, updates) {
		if err != nil {
			return fmt.Errorf("delete link %q: %w", name, err)
		}
	}
	return nil
}
