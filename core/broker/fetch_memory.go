package broker

import "umbra/kafkaproto"

// A fetch of ten partitions has some six KiB of items and answer, and consumers that read
// what has just come send thousands in a second: made anew each time, they would be most
// of what the garbage collector has to do.

// fetchesMax is how many answered fetches a loop keeps for their memory, fetchItemsMax for
// how many partitions one of them may have room, and answerItemsMax the loop's answer: a
// client could else fill a loop with memory that nobody needs again.
const (
	fetchesMax     = 64
	fetchItemsMax  = 128
	answerItemsMax = 4096
)

// newFetch makes a fetch, from the memory of one that was answered if it can.
func (l *loop) newFetch(r *request) *fetch {
	f := new(fetch)
	if n := len(l.fetches); n > 0 {
		f, l.fetches = l.fetches[n-1], l.fetches[:n-1]
	}
	f.r, f.loop = r, l
	return f
}

// recycle keeps the memory of a fetch that was answered. No visit is under way then;
// a watch that is told late that it has ended may still hold the fetch and its items,
// and what it brings is let go of unseen (brought).
func (f *fetch) recycle() {
	l := f.loop
	if len(l.fetches) == fetchesMax || cap(f.items)+f.room() > 2*fetchItemsMax {
		return
	}
	for _, it := range f.items {
		*it = fetchItem{} // it holds topics and sessions
	}
	*f = fetch{m: kafkaproto.FetchRequest{Topics: f.m.Topics}, items: f.items[:0]}
	l.fetches = append(l.fetches, f)
}

// room is for how many partitions the decoded request has memory.
func (f *fetch) room() int {
	n := cap(f.m.Topics)
	for _, t := range f.m.Topics[:cap(f.m.Topics)] {
		n += cap(t.Partitions)
	}
	return n
}

// answerIn is the memory of the loop's answers, emptied; it is used until the answer is
// encoded, in the same turn.
func (l *loop) answerIn() *kafkaproto.FetchResponse {
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
	return &l.answer
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
