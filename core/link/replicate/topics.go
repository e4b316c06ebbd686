package replicate

import "umbra/kafkaproto"

// topicSet is the partitions of one topic that a Fetcher follows.
type topicSet struct {
	name     string
	sourceID kafkaproto.TopicID
	byIndex  map[int32]*Replicator

	// Where the topic stands in the request that is being built: generation
	// says whether at is of this request.
	generation uint64
	at         int
}

// topicIndex finds a Replicator by what an answer calls it: by topic name up
// to Fetch v12, by topic id from v13 on. A topic that was deleted and created
// again has another id and is another set.
type topicIndex struct {
	byName     map[string]*topicSet
	byID       map[kafkaproto.TopicID]*topicSet
	partitions int
	withoutID  int // topics whose source has no ids
}

func newTopicIndex() *topicIndex {
	return &topicIndex{byName: map[string]*topicSet{}, byID: map[kafkaproto.TopicID]*topicSet{}}
}

func (x *topicIndex) set(name string, id kafkaproto.TopicID) *topicSet {
	if !id.IsZero() {
		return x.byID[id]
	}
	return x.byName[name]
}

func (x *topicIndex) add(r *Replicator) {
	t := x.set(r.Topic, r.SourceID)
	if t == nil {
		t = &topicSet{name: r.Topic, sourceID: r.SourceID, byIndex: map[int32]*Replicator{}}
		x.byName[t.name] = t
		if t.sourceID.IsZero() {
			x.withoutID++
		} else {
			x.byID[t.sourceID] = t
		}
	}
	if old := t.byIndex[r.Partition.Index]; old == nil {
		x.partitions++
	}
	t.byIndex[r.Partition.Index] = r
	r.set = t
}

func (x *topicIndex) remove(r *Replicator) {
	t := r.set
	r.set = nil
	delete(t.byIndex, r.Partition.Index)
	x.partitions--
	if len(t.byIndex) > 0 {
		return
	}
	if x.byName[t.name] == t {
		delete(x.byName, t.name)
	}
	if t.sourceID.IsZero() {
		x.withoutID--
	} else {
		delete(x.byID, t.sourceID)
	}
}

func (x *topicIndex) each(do func(*Replicator)) {
	for _, t := range x.byName {
		for _, r := range t.byIndex {
			do(r)
		}
	}
}

// find returns the replicator an answer speaks about, nil when no such
// partition is followed (any more).
func (x *topicIndex) find(name string, id kafkaproto.TopicID, index int32) *Replicator {
	t := x.byName[name]
	if !id.IsZero() {
		t = x.byID[id]
	}
	if t == nil {
		return nil
	}
	return t.byIndex[index]
}

func without[T comparable](list []T, x T) []T {
	for i := range list {
		if list[i] == x {
			return append(list[:i], list[i+1:]...)
		}
	}
	return list
}
