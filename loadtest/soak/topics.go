package soak

import (
	"maps"
	"slices"
	"strconv"
	"sync"

	"umbra/loadtest/workload"
)

// prefix begins the name of every topic of a soak; the link takes them all.
const prefix = "soak-"

// role is what a topic is for.
type role int

const (
	plain     role = iota // producers with and without ids, every codec
	txn                   // transactions, some of them aborted
	bulk                  // large records; most of the bytes
	compacted             // few keys, and a cleaner that never rests
	churn                 // made, deleted and made again by the nemesis
)

// fate is what the nemesis has done to a topic.
type fate int

const (
	live fate = iota
	gone
	recreated
)

// A topic is one of the source's. Its fields are read through the registry.
type topic struct {
	name       string
	role       role
	partitions int32
	fate       fate
	id         [16]byte // of what a Recreate has deleted
}

// registry is all topics there ever were. Any goroutine may use it.
type registry struct {
	mu      sync.Mutex
	list    []topic
	trimmed map[workload.TopicPartition]int64 // up to where the nemesis has had records deleted
}

// trim notes that the source was asked to delete records below an offset.
func (r *registry) trim(tp workload.TopicPartition, offset int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.trimmed == nil {
		r.trimmed = map[workload.TopicPartition]int64{}
	}
	r.trimmed[tp] = max(r.trimmed[tp], offset)
}

// mayStart is how far above the source's start a copy's may be. A broker that is killed
// forgets deletions of the last minute, and a copy does not fetch again what it has
// deleted, too. The replicas of a source of several brokers apply retention each by
// itself, and a new leader may start lower than the last: then there is no limit.
func (r *registry) mayStart(topic string, partition int32, o Options) int64 {
	if o.Brokers > 1 {
		return 1<<63 - 1
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.trimmed[workload.TopicPartition{Topic: topic, Partition: partition}]
}

// first are the topics that are there from the beginning.
func first() []topic {
	return []topic{
		{name: prefix + "plain", role: plain, partitions: 4},
		{name: prefix + "txn", role: txn, partitions: 3},
		{name: prefix + "bulk", role: bulk, partitions: 2},
		{name: prefix + "keys", role: compacted, partitions: 1},
		{name: prefix + "churn-0", role: churn, partitions: 2},
	}
}

// snapshot is a copy of all topics.
func (r *registry) snapshot() []topic {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.list)
}

// find is the topic of a name.
func (r *registry) find(name string) (topic, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.IndexFunc(r.list, func(t topic) bool { return t.name == name })
	if i < 0 {
		return topic{}, false
	}
	return r.list[i], true
}

// living is the topics that the source has and umbra should follow, of all roles or of
// the given ones.
func (r *registry) living(roles ...role) []topic {
	all := r.snapshot()
	return slices.DeleteFunc(all, func(t topic) bool {
		return t.fate != live || len(roles) > 0 && !slices.Contains(roles, t.role)
	})
}

// add enters a topic.
func (r *registry) add(t topic) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, t)
}

// change changes a topic.
func (r *registry) change(name string, do func(*topic)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.list {
		if r.list[i].name == name {
			do(&r.list[i])
		}
	}
}

// logs lists the partitions of topics.
func logs(topics []topic) (out []workload.TopicPartition) {
	for _, t := range topics {
		for p := range t.partitions {
			out = append(out, workload.TopicPartition{Topic: t.name, Partition: p})
		}
	}
	return out
}

// configs are a topic's settings at the source: little is kept, so that hours fit on a
// disk and log starts move all the time.
func (t topic) configs(o Options) map[string]string {
	segment, keep := int64(2<<20), int64(24<<20)
	if o.Short {
		segment, keep = 1<<20, 3<<20
	}
	c := map[string]string{"segment.bytes": strconv.FormatInt(segment, 10)}
	if o.Brokers > 1 {
		c["min.insync.replicas"] = "2"
	}
	if t.role == compacted {
		maps.Copy(c, map[string]string{"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.1", "segment.bytes": "1048576",
			"segment.ms": "5000", "min.compaction.lag.ms": "0", "delete.retention.ms": "86400000"})
		return c
	}
	c["retention.bytes"] = strconv.FormatInt(keep, 10)
	return c
}
