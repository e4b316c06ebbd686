package broker

import (
	"umbra/ioring/buf"
	"umbra/kafkaproto"
)

// answer ends the fetch with what the last round found.
func (f *fetch) answer() {
	resp := f.loop.answerIn()
	if f.session != nil {
		resp.SessionID = f.session.id
	}
	sent := make([]*fetchItem, 0, len(f.items))
	for _, it := range f.items {
		if it.part != nil && !it.part.changed(&it.found) && f.incremental {
			continue
		}
		f.put(resp, it)
		sent = append(sent, it)
		if it.part != nil && it.found.bytes > 0 {
			f.session.rotate(it.part)
		}
	}
	f.send(resp, sent)
}

// answerError ends the fetch with an error for all of it.
func (f *fetch) answerError(err error) {
	f.loop.stats.countError(code(err))
	f.send(&kafkaproto.FetchResponse{ErrorCode: int16(code(err))}, nil)
}

// put adds an item to the response, to the topic before it if it is the same.
func (f *fetch) put(resp *kafkaproto.FetchResponse, it *fetchItem) {
	n := len(resp.Topics)
	if n == 0 || resp.Topics[n-1].Topic != it.name || resp.Topics[n-1].TopicID != it.id {
		answerTopic(resp, it.name, it.id)
		n++
	}
	t, d := &resp.Topics[n-1], &it.found
	p := kafkaproto.NewFetchResponseTopicPartition()
	p.Partition, p.HighWatermark, p.LastStableOffset, p.LogStartOffset = it.index, d.highWatermark, d.lastStable, d.logStart
	p.DivergingEpoch, p.AbortedTransactions = d.diverging, d.aborted
	if f.committed && p.AbortedTransactions == nil {
		p.AbortedTransactions = []kafkaproto.FetchResponseTopicPartitionAbortedTransaction{}
	}
	if d.err != nil {
		f.putError(resp, &p, it)
	}
	t.Partitions = append(t.Partitions, p)
}

func (f *fetch) putError(resp *kafkaproto.FetchResponse, p *kafkaproto.FetchResponseTopicPartition, it *fetchItem) {
	c := code(it.found.err)
	p.ErrorCode = int16(c)
	f.loop.stats.countError(c)
	switch c {
	case kafkaproto.UnknownServerError, kafkaproto.KafkaStorageError:
		f.loop.logs.say(f.r.broker.log, f.r.broker.now(), "fetch failed", "topic", it.name, "topic_id", it.id.String(), "partition", it.index, "error", it.found.err)
	case kafkaproto.NotLeaderOrFollower, kafkaproto.FencedLeaderEpoch, kafkaproto.UnknownLeaderEpoch:
		b := f.snap.Broker
		epoch := it.found.epoch
		if it.topic != nil {
			epoch = max(epoch, it.topic.Partitions[it.index].LeaderEpoch)
		}
		p.CurrentLeader = kafkaproto.FetchResponseTopicPartitionCurrentLeader{LeaderID: b.ID, LeaderEpoch: epoch}
		if f.r.version() >= 16 && len(resp.Brokers) == 0 {
			resp.Brokers = append(resp.Brokers, kafkaproto.FetchResponseBroker{NodeID: b.ID, Host: b.Host, Port: b.Port})
		}
	}
}

// send encodes the head and puts the records between its pieces. It takes the
// items' spans, and the fetch is over.
func (f *fetch) send(resp *kafkaproto.FetchResponse, sent []*fetchItem) {
	if f.r.conn.fetching == f {
		f.r.conn.fetching = nil
	}
	h := &f.r.header
	w := kafkaproto.NewWriter(make([]byte, 0, 128+64*len(sent)), false)
	start := w.BeginFrame()
	kafkaproto.ResponseHeader(&w, h.Key, h.Version, h.CorrelationID)
	at, total := 0, 0
	cuts := resp.EncodeAround(&w, h.Version, make([]int, 0, len(sent)), func(*kafkaproto.FetchResponseTopicPartition) int {
		n := sent[at].found.bytes
		at, total = at+1, total+n
		return n
	})
	w.EndFrame(start, total)
	f.loop.answerOut()
	head, from := w.Bytes(), 0
	spans := make([]buf.Span, 0, 2*len(cuts)+1)
	for _, it := range sent {
		if it.found.bytes == 0 {
			continue
		}
		spans = append(spans, buf.Span{Bytes: head[from:cuts[0]]})
		spans = append(spans, it.found.spans...)
		from, cuts = cuts[0], cuts[1:]
		it.found.spans = nil
	}
	f.r.replySpans(append(spans, buf.Span{Bytes: head[from:]})...)
	f.recycle()
}
