package replicate

import "umbra/kafkaproto"

// topicKey is what a topic is called at the source: by its id, and by its name
// where it has none. A topic that was deleted and created again has another id
// and is another topic.
type topicKey struct {
	id   kafkaproto.TopicID
	name string // "" with an id
}

func keyOf(name string, id kafkaproto.TopicID) topicKey {
	if id.IsZero() {
		return topicKey{name: name}
	}
	return topicKey{id: id}
}

// topicSet is the partitions of one topic that a Fetcher follows.
type topicSet struct {
	key      topicKey
	name     string
	sourceID kafkaproto.TopicID
	byIndex  map[int32]*Replicator

	// Where the topic stands in the request that is being built: generation
	// says whether at is of this request.
	generation uint64
	at         int
}

// topicIndex finds a Replicator by what an answer calls it: by topic name up
// to Fetch v12, by topic id from v13 on.
type topicIndex struct {
	sets       map[topicKey]*topicSet
	byName     map[string]*topicSet // of two topics of one name, the last one added
	partitions int
	withoutID  int // topics whose source has no ids
}

func newTopicIndex() *topicIndex {
	return &topicIndex{sets: map[topicKey]*topicSet{}, byName: map[string]*topicSet{}}
}

func (x *topicIndex) add(r *Replicator) {
	key := keyOf(r.Topic, r.SourceID)
	t := x.sets[key]
	if t == nil {
		t = &topicSet{key: key, name: r.Topic, sourceID: r.SourceID, byIndex: map[int32]*Replicator{}}
		x.sets[key], x.byName[t.name] = t, t
		if t.sourceID.IsZero() {
			x.withoutID++
		}
	}
	if t.byIndex[r.Partition.Index] == nil {
		x.partitions++
	}
	t.byIndex[r.Partition.Index] = r
	r.set = t
}

func (x *topicIndex) remove(r *Replicator) {
	t := r.set
	r.set = nil
	if t.byIndex[r.Partition.Index] != r {
		return
	}
	delete(t.byIndex, r.Partition.Index)
	x.partitions--
	if len(t.byIndex) > 0 {
		return
	}
	delete(x.sets, t.key)
	if x.byName[t.name] == t {
		delete(x.byName, t.name)
	}
	if t.sourceID.IsZero() {
		x.withoutID--
	}
}

func (x *topicIndex) each(do func(*Replicator)) {
	for _, t := range x.sets {
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
		t = x.sets[topicKey{id: id}]
	}
	if t == nil {
		return nil
	}
	return t.byIndex[index]
}
