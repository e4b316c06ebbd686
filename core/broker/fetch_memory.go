package broker

import "umbra/kafkaproto"

// A fetch of ten partitions has some six KiB of items and answer, and consumers that read
// what has just come send thousands in a second: made anew each time, they would be most
// of what the garbage collector has to do.

// fetchesMax is how many answered fetches a loop keeps for their memory, fetchItemsMax how
// many topics and partitions, asked for and decoded, one of them may have room for,
// answerItemsMax how many the loop's answer, and topicNameMax how long the name of a topic
// in a kept request may be, which is as long as Kafka has them: a client could else fill a
// loop with memory that nobody needs again.
const (
	fetchesMax     = 64
	fetchItemsMax  = 512
	answerItemsMax = 4096
	topicNameMax   = 249
)

// newFetch makes a fetch, from the memory of one that was answered if it can.
func (l *loop) newFetch(r *request) *fetch {
	f := popped(&l.fetches)
	f.r, f.loop = r, l
	return f
}

// popped takes the last of a list, which does not refer to it any more, or a new one.
func popped[T any](list *[]*T) *T {
	n := len(*list)
	if n == 0 {
		return new(T)
	}
	last := (*list)[n-1]
	(*list)[n-1] = nil
	*list = (*list)[:n-1]
	return last
}

// recycle keeps the memory of a fetch that was answered. No visit is under way then;
// a watch that is told late that it has ended may still hold the fetch and its items,
// and what it brings is let go of unseen (brought).
func (f *fetch) recycle() {
	l := f.loop
	if len(l.fetches) == fetchesMax || !f.small() {
		return
	}
	for _, it := range f.items {
		*it = fetchItem{} // it holds topics and sessions
	}
	*f = fetch{m: kafkaproto.FetchRequest{Topics: f.m.Topics}, items: f.items[:0]}
	l.fetches = append(l.fetches, f)
}

// small says whether its memory, the decoded request's included, is within the bounds.
func (f *fetch) small() bool {
	room := cap(f.items) + cap(f.m.Topics)
	for _, t := range f.m.Topics[:cap(f.m.Topics)] {
		if room += cap(t.Partitions); len(t.Topic) > topicNameMax {
			return false
		}
	}
	return room <= fetchItemsMax
}

// answerIn is the memory of the loop's answers; it is used until the answer is encoded, in
// the same turn, and answerOut empties it then.
func (l *loop) answerIn() *kafkaproto.FetchResponse { return &l.answer }

// answerOut empties the answer that was encoded, and keeps its memory if that is not much.
func (l *loop) answerOut() {
	room := 0
	for i := range l.answer.Topics {
		t := &l.answer.Topics[i]
		clear(t.Partitions) // they hold aborted transactions
		t.Topic, t.Partitions = "", t.Partitions[:0]
	}
	for _, t := range l.answer.Topics[:cap(l.answer.Topics)] {
		room += 1 + cap(t.Partitions)
	}
	l.answer = kafkaproto.FetchResponse{Topics: l.answer.Topics[:0]}
	if room > answerItemsMax {
		l.answer.Topics = nil
	}
}

// answerTopic adds a topic to the answer, in the memory of one before.
func answerTopic(resp *kafkaproto.FetchResponse, name string, id kafkaproto.TopicID) {
	t := kafkaproto.FetchResponseTopic{Topic: name, TopicID: id}
	if n := len(resp.Topics); n < cap(resp.Topics) {
		t.Partitions = resp.Topics[:n+1][n].Partitions[:0]
	}
	resp.Topics = append(resp.Topics, t)
}

// add adds a partition to what is asked for.
func (f *fetch) add(name string, id kafkaproto.TopicID, want *kafkaproto.FetchRequestTopicPartition, part *sessionPart) {
	var it *fetchItem
	if n := len(f.items); n < cap(f.items) {
		it = f.items[:n+1][n]
	}
	if it == nil {
		it = new(fetchItem)
	}
	*it = fetchItem{part: part, asked: asked{name: name, id: id, index: want.Partition,
		offset: want.FetchOffset, maxBytes: max(int(want.PartitionMaxBytes), 0),
		currentEpoch: want.CurrentLeaderEpoch, lastEpoch: want.LastFetchedEpoch}}
	f.items = append(f.items, it)
}
