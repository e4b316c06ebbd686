package synthetic

import (
	"context"
	"net"
	"time"

	"umbra/kafkaproto"
)

// session is what a connection has asked for: the partitions and where each
// goes on. A synthetic source has one session per connection.
type session struct {
	wanted []want
	bySlot map[int]int // index in wanted
	from   int         // the partition answered first, so that none starves
	reel   reel
}

type want struct {
	slot   int
	offset int64
	bytes  int
}

func (s *Source) newSession() *session {
	return &session{bySlot: map[int]int{}, reel: reel{batch: s.batch, count: s.count}}
}

// merge takes a request's partitions in.
func (s *session) merge(req *kafkaproto.FetchRequest, c *catalog) error {
	if req.SessionEpoch <= 0 {
		s.wanted, s.bySlot = s.wanted[:0], map[int]int{}
	}
	for _, t := range req.Topics {
		for _, p := range t.Partitions {
			slot, ok := c.slot(t.Topic, t.TopicID, p.Partition)
			if !ok {
				return errNotThere
			}
			s.want(want{slot: slot, offset: p.FetchOffset, bytes: int(p.PartitionMaxBytes)})
		}
	}
	for _, t := range req.ForgottenTopics {
		for _, p := range t.Partitions {
			if slot, ok := c.slot(t.Topic, t.TopicID, p); ok {
				s.forget(slot)
			}
		}
	}
	return nil
}

func (s *session) want(w want) {
	if i, ok := s.bySlot[w.slot]; ok {
		s.wanted[i] = w
		return
	}
	s.bySlot[w.slot] = len(s.wanted)
	s.wanted = append(s.wanted, w)
}

func (s *session) forget(slot int) {
	i, ok := s.bySlot[slot]
	if !ok {
		return
	}
	last := len(s.wanted) - 1
	s.wanted[i] = s.wanted[last]
	s.bySlot[s.wanted[i].slot] = i
	s.wanted = s.wanted[:last]
	delete(s.bySlot, slot)
}

// piece is one partition's part of an answer: n batches from an offset on.
type piece struct {
	slot    int
	offset  int64
	batches int
}

// fetch answers when there is data, or when the wait is over.
func (s *Source) fetch(ctx context.Context, c net.Conn, ses *session, h kafkaproto.RequestHeader, rd *kafkaproto.Reader) error {
	var req kafkaproto.FetchRequest
	req.Decode(rd, h.Version)
	if rd.Err() != nil {
		return rd.Err()
	}
	if err := ses.merge(&req, &s.catalog); err != nil {
		return err
	}
	deadline := time.NewTimer(time.Duration(req.MaxWaitMillis) * time.Millisecond)
	defer deadline.Stop()
	for {
		s.mu.Lock()
		grown := s.grown
		s.mu.Unlock()
		if pieces := s.collect(ses, int(req.MaxBytes)); len(pieces) > 0 {
			return s.send(c, ses, h, pieces)
		}
		select {
		case <-grown:
		case <-deadline.C:
			return s.send(c, ses, h, nil)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// collect takes whole batches, at least one, up to the request's limits.
func (s *Source) collect(ses *session, bytesMax int) []piece {
	var out []piece
	left := bytesMax
	n := len(ses.wanted)
	for i := range n {
		w := ses.wanted[(ses.from+i)%n]
		have := int((s.high[w.slot].Load() - w.offset) / s.count)
		fit := min(w.bytes, s.cfg.ChunkBytes, left) / len(s.batch)
		if len(out) == 0 {
			fit = max(fit, 1)
		}
		if k := min(have, fit); k > 0 {
			out = append(out, piece{w.slot, w.offset, k})
			left -= k * len(s.batch)
		}
	}
	if n > 0 {
		ses.from = (ses.from + len(out)) % n
	}
	return out
}

// send writes the answer: heads from a small buffer, the batches from the reel.
func (s *Source) send(c net.Conn, ses *session, h kafkaproto.RequestHeader, pieces []piece) error {
	resp := kafkaproto.FetchResponse{SessionID: 1}
	total, last := 0, -1
	for _, p := range pieces {
		topic, partition := s.at(p.slot)
		if topic != last {
			resp.Topics = append(resp.Topics, kafkaproto.FetchResponseTopic{Topic: s.names[topic], TopicID: s.ids[topic]})
			last = topic
		}
		t := &resp.Topics[len(resp.Topics)-1]
		high := s.high[p.slot].Load()
		t.Partitions = append(t.Partitions, kafkaproto.FetchResponseTopicPartition{Partition: partition, HighWatermark: high, LastStableOffset: high,
			DivergingEpoch:       kafkaproto.FetchResponseTopicPartitionDivergingEpoch{Epoch: -1, EndOffset: -1},
			CurrentLeader:        kafkaproto.FetchResponseTopicPartitionCurrentLeader{LeaderID: -1, LeaderEpoch: -1},
			SnapshotID:           kafkaproto.FetchResponseTopicPartitionSnapshotID{EndOffset: -1, Epoch: -1},
			PreferredReadReplica: -1})
		total += p.batches * len(s.batch)
	}
	w := kafkaproto.NewWriter(nil, false)
	start := w.BeginFrame()
	kafkaproto.ResponseHeader(&w, h.Key, h.Version, h.CorrelationID)
	next := 0
	cuts := resp.EncodeAround(&w, h.Version, nil, func(*kafkaproto.FetchResponseTopicPartition) int {
		next++
		return pieces[next-1].batches * len(s.batch)
	})
	w.EndFrame(start, total)
	s.sent.Add(int64(total))
	return ses.reel.play(c, w.Bytes(), cuts, pieces)
}
