package metadata

import (
	"fmt"
	"maps"
	"strconv"

	"umbra/core/link/spec"
	"umbra/kafkaproto"
)

type clusterValue struct {
	ID string `json:"id"`
}

type nameValue struct {
	Name string `json:"name"`
}

type shardsValue struct {
	Count int `json:"count"`
}

type producerIDsValue struct {
	Next  int64 `json:"next"`
	Floor int64 `json:"floor"`
}

func emptySnapshot() *Snapshot {
	return &Snapshot{Brokers: map[int32]Broker{}, Topics: map[string]*Topic{}, Links: map[string]*spec.Link{},
		byID: map[kafkaproto.TopicID]*Topic{}, folded: map[string]string{}, links: map[string]int64{}, guards: map[string]int64{}}
}

// builder makes the next Snapshot from the previous one. It copies a map only
// when it first changes it, so a change of one topic does not pay for links.
type builder struct {
	keys   keys
	self   int32
	next   *Snapshot
	copied map[string]bool
}

func newBuilder(k keys, self int32, from *Snapshot) *builder {
	next := *from
	return &builder{keys: k, self: self, next: &next, copied: map[string]bool{}}
}

// own clones the maps of one kind before their first change.
func (b *builder) own(kind string) {
	if b.copied[kind] {
		return
	}
	b.copied[kind] = true
	n := b.next
	switch kind {
	case "topic":
		n.Topics, n.byID = maps.Clone(n.Topics), maps.Clone(n.byID)
	case "name":
		n.folded = maps.Clone(n.folded)
	case "link":
		n.Links, n.links = maps.Clone(n.Links), maps.Clone(n.links)
	case "guard":
		n.guards = maps.Clone(n.guards)
	case "broker":
		n.Brokers = maps.Clone(n.Brokers)
	}
}

// put applies one stored value. On an error the previous value stays.
func (b *builder) put(key string, value []byte, revision int64) error {
	kind, rest, ok := b.keys.split(key)
	if !ok {
		return nil
	}
	b.own(kind)
	switch kind {
	case "topic":
		return b.putTopic(key, value, revision)
	case "name":
		v, err := decode[nameValue](key, value)
		if err == nil {
			b.next.folded[rest] = v.Name
		}
		return err
	case "link":
		l, err := decode[spec.Link](key, value)
		if err == nil {
			b.next.Links[rest], b.next.links[rest] = &l, revision
		}
		return err
	case "guard":
		b.next.guards[rest] = revision
		return nil
	case "broker":
		v, err := decode[Broker](key, value)
		if err == nil {
			b.next.Brokers[v.ID] = v
		}
		return err
	}
	return b.putSingle(kind, key, value, revision)
}

func (b *builder) putTopic(key string, value []byte, revision int64) error {
	t, err := decode[Topic](key, value)
	if err != nil {
		return err
	}
	if err := t.validate(); err != nil {
		return fmt.Errorf("read metadata key %s: %w: %v", key, ErrFormat, err)
	}
	if b.keys.topic(t.ID) != key {
		return fmt.Errorf("read metadata key %s: %w: it holds topic id %s", key, ErrFormat, t.ID)
	}
	t.revision = revision
	b.next.Topics[t.Name], b.next.byID[t.ID] = &t, &t
	return nil
}

// putSingle applies the keys that exist once.
func (b *builder) putSingle(kind, key string, value []byte, revision int64) error {
	switch kind {
	case "cluster":
		v, err := decode[clusterValue](key, value)
		if err == nil {
			b.next.ClusterID = v.ID
		}
		return err
	case "shards":
		v, err := decode[shardsValue](key, value)
		if err == nil {
			b.next.Shards, b.next.shardsRev = v.Count, revision
		}
		return err
	case "producer-ids":
		v, err := decode[producerIDsValue](key, value)
		if err == nil && (v.Floor < 0 || v.Next < v.Floor) {
			err = fmt.Errorf("read metadata key %s: %w: next %d is below the floor %d", key, ErrFormat, v.Next, v.Floor)
		}
		if err == nil {
			b.next.producerIDNext, b.next.ProducerIDFloor, b.next.producerIDRev = v.Next, v.Floor, revision
		}
		return err
	}
	return nil // a key of a newer version that this one has no use for
}

// remove applies a deletion.
func (b *builder) remove(key string) {
	kind, rest, ok := b.keys.split(key)
	if !ok {
		return
	}
	b.own(kind)
	switch kind {
	case "topic":
		var id kafkaproto.TopicID
		if id.UnmarshalText([]byte(rest)) != nil {
			return
		}
		if t := b.next.byID[id]; t != nil {
			delete(b.next.byID, id)
			// A topic re-created under the name in the same batch of events
			// is another topic and stays.
			if b.next.Topics[t.Name] == t {
				delete(b.next.Topics, t.Name)
			}
		}
	case "name":
		delete(b.next.folded, rest)
	case "link":
		delete(b.next.Links, rest)
		delete(b.next.links, rest)
	case "guard":
		delete(b.next.guards, rest)
	case "broker":
		if id, err := strconv.ParseInt(rest, 10, 32); err == nil {
			delete(b.next.Brokers, int32(id))
		}
	}
}

// done returns the finished Snapshot at the revision.
func (b *builder) done(revision int64) *Snapshot {
	b.next.Revision = revision
	b.next.Broker = Broker{ID: b.self}
	if me, ok := b.next.Brokers[b.self]; ok {
		b.next.Broker = me
	}
	return b.next
}
