package metadata

import (
	"hash/fnv"
	"maps"
	"slices"
	"time"

	"umbra/core/link/spec"
	"umbra/kafkaproto"
)

// Snapshot is the cluster's metadata at one revision. It and everything it
// points to is immutable and may be kept and read by any goroutine.
type Snapshot struct {
	Revision  int64
	ClusterID string
	Broker    Broker           // this process; Port 0 until RegisterBroker
	Brokers   map[int32]Broker // all, this one included
	Topics    map[string]*Topic
	Links     map[string]*spec.Link
	// ProducerIDFloor: no producer id below it may be handed out any more,
	// not even from a block allocated earlier (F4).
	ProducerIDFloor int64
	// Shards is the shard count the partitions are assigned for; 0 before the
	// first Reshard or topic.
	Shards int

	byID           map[kafkaproto.TopicID]*Topic
	folded         map[string]string // folded name -> name
	links          map[string]int64  // link -> mod revision
	guards         map[string]int64  // guard key -> mod revision
	producerIDNext int64
	producerIDRev  int64
	shardsRev      int64
}

// Broker is one node and the address it advertises to Kafka clients.
type Broker struct {
	ID   int32  `json:"id"`
	Host string `json:"host"`
	Port int32  `json:"port"`
}

// Topic is a topic of this cluster, shadow or not.
type Topic struct {
	Name       string             `json:"name"`
	ID         kafkaproto.TopicID `json:"id"`
	Created    time.Time          `json:"created"`
	Partitions []Partition        `json:"partitions"`
	// Configs holds what was set on the topic, by Kafka's names; everything
	// else comes from Configs' defaults.
	Configs  map[string]string `json:"configs,omitempty"`
	Internal bool              `json:"internal,omitempty"`
	Shadow   *Shadow           `json:"shadow,omitempty"` // nil: never belonged to a link

	revision int64 // of the etcd key when this value was read
}

// Partition is one partition's placement. Its number is its index in
// Topic.Partitions.
type Partition struct {
	Shard       int   `json:"shard"`
	LeaderEpoch int32 `json:"epoch"` // never goes down
}

// Shadow is a topic's tie to a link. It stays after a failover, as history.
type Shadow struct {
	Link   string          `json:"link"`
	LinkID string          `json:"link_id"`
	State  spec.TopicState `json:"state"`
	Reason spec.Reason     `json:"reason,omitzero"`
	// Faults are the partitions that stopped while the others go on. Empty while
	// State is FAULTED: all of them stopped. See fault.go.
	Faults spec.Faults `json:"faults,omitempty"`
	// Term is the fence: every append by the link carries it, and it rises
	// with each decision that must stop older appends (S8).
	Term int64 `json:"term"`
	// SourceID is the topic's id at the source, zero where the source has no
	// topic ids (before Kafka 2.8).
	SourceID        kafkaproto.TopicID     `json:"source_id,omitzero"`
	SourceClusterID string                 `json:"source_cluster_id,omitempty"`
	Start           spec.Start             `json:"start"`
	Failover        *spec.FailoverProgress `json:"failover,omitempty"`
}

// Writable reports whether clients may change the topic: it never was a
// shadow, or it has been failed over (W1).
func (t *Topic) Writable() bool { return t.Shadow == nil || t.Shadow.State.Writable() }

// Term is the term an append must carry; 0 for a topic that is no shadow.
func (t *Topic) Term() int64 {
	if t.Shadow == nil {
		return 0
	}
	return t.Shadow.Term
}

// clone returns a deep copy that may be changed.
func (t *Topic) clone() *Topic {
	c := *t
	c.Partitions = slices.Clone(t.Partitions)
	c.Configs = maps.Clone(t.Configs)
	if t.Shadow != nil {
		s := *t.Shadow
		s.Faults = slices.Clone(s.Faults)
		if s.Failover != nil {
			f := *s.Failover
			f.Partitions = slices.Clone(f.Partitions)
			s.Failover = &f
		}
		c.Shadow = &s
	}
	return &c
}

// ByID returns the topic with the id, or nil.
func (s *Snapshot) ByID(id kafkaproto.TopicID) *Topic { return s.byID[id] }

// ShadowsOf returns the topics that name the link (and were made by this very
// link, not an earlier one of its name), ordered by name.
func (s *Snapshot) ShadowsOf(l *spec.Link) []*Topic {
	var out []*Topic
	for _, t := range s.Topics {
		if t.Shadow != nil && t.Shadow.Link == l.Name && t.Shadow.LinkID == l.ID {
			out = append(out, t)
		}
	}
	slices.SortFunc(out, func(a, b *Topic) int { return compare(a.Name, b.Name) })
	return out
}

// LinkFor returns the link whose filter takes the topic name, the first by
// name if several do, with the reason in words; nil if none does. Such a name
// may only be created by that link.
func (s *Snapshot) LinkFor(topic string) (*spec.Link, string) {
	for _, name := range slices.Sorted(maps.Keys(s.Links)) {
		if ok, why := s.Links[name].Filter.Matches(topic); ok {
			return s.Links[name], why
		}
	}
	return nil, ""
}

func compare(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// shardFor spreads the partitions of one topic round the shards, from a
// starting point that the topic id decides.
func shardFor(id kafkaproto.TopicID, partition, shards int) int {
	h := fnv.New64a()
	h.Write(id[:])
	return int((h.Sum64()%uint64(shards) + uint64(partition)) % uint64(shards))
}
