package linktest

import (
	"net"
	"time"

	"umbra/kafkaproto"
)

// partKey names a partition inside a session, as Kafka's cache does.
type partKey struct {
	id    kafkaproto.TopicID
	name  string
	index int32
}

// want is a partition in a request or a session: what is asked, and what the
// reader was told last.
type want struct {
	partKey
	topic           string // resolved; "" while the id is unknown
	offset          int64
	maxBytes        int
	leaderEpoch     int32
	lastEpoch       int32
	high, start, so int64 // told last; -1 never
}

// session is a fetch session (KIP-227). It does not belong to a connection.
type session struct {
	id    int32
	epoch int32
	byID  bool
	by    net.Conn        // of the last request
	parts []*want         // in the order of answers
	at    map[partKey]int // where each is in parts
}

func (s *session) find(k partKey) int {
	if i, ok := s.at[k]; ok {
		return i
	}
	return -1
}

func (s *session) add(w *want) {
	s.at[w.partKey] = len(s.parts)
	s.parts = append(s.parts, w)
}

func (s *session) remove(n int) {
	delete(s.at, s.parts[n].partKey)
	s.parts = append(s.parts[:n], s.parts[n+1:]...)
	for i := n; i < len(s.parts); i++ {
		s.at[s.parts[i].partKey] = i
	}
}

// fetch answers when there is something to say or the wait is over.
func (b *broker) fetch(req *kafkaproto.FetchRequest, version int16, nc net.Conn, gone <-chan struct{}) (*kafkaproto.FetchResponse, error) {
	timer := time.NewTimer(time.Duration(req.MaxWaitMillis) * time.Millisecond)
	defer timer.Stop()
	b.c.mu.Lock()
	s, code := b.session(req, version)
	if s != nil {
		s.by = nc
	}
	b.c.mu.Unlock()
	if code != kafkaproto.None {
		return &kafkaproto.FetchResponse{ErrorCode: int16(code)}, nil
	}
	for {
		b.c.mu.Lock()
		resp, ready := b.collect(s, req, version)
		moved := b.c.moved
		if ready {
			b.told(s, resp)
		}
		b.c.mu.Unlock()
		if ready {
			return resp, nil
		}
		select {
		case <-moved:
		case <-gone:
			return nil, errGone
		case <-timer.C:
			b.c.mu.Lock()
			resp, _ = b.collect(s, req, version)
			b.told(s, resp)
			b.c.mu.Unlock()
			return resp, nil
		}
	}
}

// session finds or makes the session of a request. Without sessions it is one
// for this request only, with id 0.
func (b *broker) session(req *kafkaproto.FetchRequest, version int16) (*session, kafkaproto.ErrorCode) {
	full := version < 7 || req.SessionEpoch <= 0
	if full {
		delete(b.sessions, req.SessionID)
		s := &session{byID: version >= 13, at: map[partKey]int{}}
		b.merge(s, req, version)
		if version >= 7 && req.SessionEpoch == 0 && !b.c.cfg.NoSessions && len(s.parts) > 0 {
			b.c.sessions++
			s.id, s.epoch = b.c.sessions, 1
			b.sessions[s.id] = s
		}
		return s, kafkaproto.None
	}
	s := b.sessions[req.SessionID]
	switch {
	case s == nil:
		return nil, kafkaproto.FetchSessionIDNotFound
	case s.epoch != req.SessionEpoch:
		return nil, kafkaproto.InvalidFetchSessionEpoch
	case s.byID != (version >= 13):
		return nil, kafkaproto.FetchSessionTopicIDError
	}
	s.epoch++
	b.merge(s, req, version)
	return s, kafkaproto.None
}

// merge takes a request's partitions into a session in Kafka's order: first
// what is new or changed, then what is forgotten. A partition named as both is
// gone.
func (b *broker) merge(s *session, req *kafkaproto.FetchRequest, version int16) {
	key := func(name string, id kafkaproto.TopicID, index int32) partKey {
		if version >= 13 {
			return partKey{id: id, index: index}
		}
		return partKey{name: name, index: index}
	}
	for i := range req.Topics {
		t := &req.Topics[i]
		for _, p := range t.Partitions {
			k := key(t.Topic, t.TopicID, p.Partition)
			w := &want{partKey: k, high: -1, start: -1, so: -1}
			if n := s.find(k); n >= 0 {
				w = s.parts[n]
			} else {
				s.add(w)
			}
			w.offset, w.maxBytes, w.leaderEpoch, w.lastEpoch = p.FetchOffset, int(p.PartitionMaxBytes), p.CurrentLeaderEpoch, -1
			if version >= 12 {
				w.lastEpoch = p.LastFetchedEpoch
			}
			if version < 9 {
				w.leaderEpoch = -1
			}
			if name := b.resolve(w); name != "" {
				b.c.fetched[name]++
			}
		}
	}
	for i := range req.ForgottenTopics {
		t := &req.ForgottenTopics[i]
		for _, index := range t.Partitions {
			if n := s.find(key(t.Topic, t.TopicID, index)); n >= 0 {
				s.remove(n)
			}
		}
	}
}

// resolve finds the topic a session speaks about.
func (b *broker) resolve(w *want) string {
	w.topic = ""
	if w.name != "" {
		if b.c.topics[w.name] != nil {
			w.topic = w.name
		}
		return w.topic
	}
	if t := b.c.byID[w.id]; t != nil && b.c.topics[t.name] == t {
		w.topic = t.name
	}
	return w.topic
}

// collect makes an answer; ready is false when it says nothing new.
func (b *broker) collect(s *session, req *kafkaproto.FetchRequest, version int16) (*kafkaproto.FetchResponse, bool) {
	resp := &kafkaproto.FetchResponse{ThrottleMillis: b.c.throttle, SessionID: s.id}
	left, bytes, errs := int(req.MaxBytes), 0, false
	for _, w := range s.parts {
		p := b.partition(w, version, &left, bytes == 0)
		bytes += len(p.RecordBatches)
		errs = errs || p.ErrorCode != 0 || p.DivergingEpoch.EndOffset >= 0
		quiet := s.epoch > 1 && p.ErrorCode == 0 && len(p.RecordBatches) == 0 && p.DivergingEpoch.EndOffset < 0 &&
			p.HighWatermark == w.high && p.LogStartOffset == w.start && p.LastStableOffset == w.so
		if !quiet {
			add(resp, w, p)
		}
	}
	return resp, errs || bytes > 0 && bytes >= int(req.MinBytes)
}

func add(resp *kafkaproto.FetchResponse, w *want, p kafkaproto.FetchResponseTopicPartition) {
	if n := len(resp.Topics) - 1; n >= 0 && resp.Topics[n].Topic == w.name && resp.Topics[n].TopicID == w.id {
		resp.Topics[n].Partitions = append(resp.Topics[n].Partitions, p)
		return
	}
	resp.Topics = append(resp.Topics, kafkaproto.FetchResponseTopic{Topic: w.name, TopicID: w.id, Partitions: []kafkaproto.FetchResponseTopicPartition{p}})
}

// told notes what the reader now knows, and sends those with data to the end.
func (b *broker) told(s *session, resp *kafkaproto.FetchResponse) {
	for i := range resp.Topics {
		t := &resp.Topics[i]
		for j := range t.Partitions {
			p := &t.Partitions[j]
			n := s.find(partKey{t.TopicID, t.Topic, p.Partition})
			w := s.parts[n]
			w.high, w.start, w.so = p.HighWatermark, p.LogStartOffset, p.LastStableOffset
			if p.ErrorCode != 0 {
				w.high = -1 // an error is told again until it is gone, then all of it
			}
			if len(p.RecordBatches) > 0 {
				s.remove(n)
				s.add(w)
				if src := b.c.topics[w.topic]; src != nil && src.partitions[p.Partition].faults.spoil != nil {
					src.partitions[p.Partition].faults.spoiled++
				}
			}
		}
	}
}

// partition answers for one partition.
func (b *broker) partition(w *want, version int16, left *int, first bool) kafkaproto.FetchResponseTopicPartition {
	out := kafkaproto.NewFetchResponseTopicPartition()
	out.Partition, out.HighWatermark, out.RecordBatches = w.index, -1, []byte{}
	name := b.resolve(w)
	if name == "" && w.name == "" {
		out.ErrorCode = int16(kafkaproto.UnknownTopicID)
		return out
	}
	p, code := b.check(b.c.topics[name], w.index, w.leaderEpoch)
	if code == kafkaproto.None {
		code = p.faults.code
	}
	if code != kafkaproto.None {
		out.ErrorCode = int16(code)
		return out
	}
	out.HighWatermark, out.LastStableOffset, out.LogStartOffset = p.high, p.high, p.start
	if w.lastEpoch >= 0 {
		if epoch, end := p.epochEnd(w.lastEpoch); epoch >= 0 && (epoch < w.lastEpoch || end < w.offset) {
			out.DivergingEpoch = kafkaproto.FetchResponseTopicPartitionDivergingEpoch{Epoch: epoch, EndOffset: end}
			return out
		}
	}
	if w.offset < p.start || w.offset > p.end {
		out.ErrorCode = int16(kafkaproto.OffsetOutOfRange)
		return out
	}
	out.RecordBatches = append(out.RecordBatches, p.read(w.offset, min(w.maxBytes, max(*left, 0)), first)...)
	if p.faults.spoil != nil && len(out.RecordBatches) > 0 {
		out.RecordBatches = p.faults.spoil(out.RecordBatches)
	}
	*left -= len(out.RecordBatches)
	return out
}
