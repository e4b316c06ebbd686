package broker

import (
	"container/list"
	"math"
	"math/rand/v2"
	"time"

	"umbra/kafkaproto"
)

const (
	sessionEpochFull = 0  // a full fetch that asks for a new session
	sessionEpochNone = -1 // a full fetch without one
	// sessionIdle is how long a session must not have been used before a new
	// one may take its place: with more clients than slots, those without a
	// session send full requests, and nobody's session is lost in turn.
	sessionIdle = 2 * time.Minute
)

// session is an incremental fetch session (KIP-227): the partitions a client
// reads, so that it need only send what changed, and is only sent what changed.
type session struct {
	id    int32
	epoch int32 // the one the next request must carry
	byID  bool  // made by v13 or later, topics by id
	parts map[partKey]*list.Element
	order *list.List // of *sessionPart, as they are read: who got records goes to the end
	used  time.Time
	place *list.Element // in sessions.lru
}

type partKey struct {
	name  string
	id    kafkaproto.TopicID
	index int32
}

// sessionPart is one partition of a session: what is asked for, and what the
// client was told.
type sessionPart struct {
	key  partKey
	want kafkaproto.FetchRequestTopicPartition

	told                                bool // the three are what the client knows
	highWatermark, lastStable, logStart int64
}

// sessions are the fetch sessions of one shard's connections. A client that
// comes back on another shard makes a new one. Loop only.
type sessions struct {
	slots    int // most sessions
	partsMax int // most partitions of all sessions together
	shard    int // ids of different shards differ: id modulo shards is the shard
	shards   int
	stats    *Stats // of the loop

	byID  map[int32]*session
	lru   *list.List // of *session, the least recently used first
	parts int
}

// newSessions makes room for one shard's share of slots sessions.
func newSessions(slots, partsMax, shard, shards int, stats *Stats) sessions {
	return sessions{slots: (slots + shards - 1) / shards, partsMax: partsMax, shard: shard, shards: shards, stats: stats,
		byID: map[int32]*session{}, lru: list.New()}
}

// create makes a session for a full request; nil when there is no room.
func (ss *sessions) create(m *kafkaproto.FetchRequest, byID bool, now time.Time) *session {
	n := 0
	for i := range m.Topics {
		n += len(m.Topics[i].Partitions)
	}
	for n > 0 && n <= ss.partsMax && ss.slots > 0 && (len(ss.byID) >= ss.slots || ss.parts+n > ss.partsMax) {
		oldest := ss.oldest()
		if oldest == nil || now.Sub(oldest.used) < sessionIdle {
			ss.stats.SessionsRefused++
			return nil
		}
		ss.stats.SessionsEvicted++
		ss.drop(oldest)
	}
	if n == 0 || n > ss.partsMax || ss.slots == 0 {
		return nil
	}
	s := &session{id: ss.newID(), epoch: 1, byID: byID, parts: map[partKey]*list.Element{}, order: list.New(), used: now}
	ss.byID[s.id] = s
	s.place = ss.lru.PushBack(s)
	ss.update(s, m)
	return s
}

func (ss *sessions) oldest() *session {
	if e := ss.lru.Front(); e != nil {
		return e.Value.(*session)
	}
	return nil
}

func (ss *sessions) newID() int32 {
	for {
		id := int32(rand.IntN(math.MaxInt32/ss.shards))*int32(ss.shards) + int32(ss.shard)
		if id != 0 && ss.byID[id] == nil {
			return id
		}
	}
}

// close ends the session with an id, if there is one.
func (ss *sessions) close(id int32) {
	if s := ss.byID[id]; s != nil {
		ss.drop(s)
	}
}

func (ss *sessions) drop(s *session) {
	delete(ss.byID, s.id)
	ss.lru.Remove(s.place)
	ss.parts -= len(s.parts)
}

// resume finds the session of an incremental request and brings it up to date.
func (ss *sessions) resume(m *kafkaproto.FetchRequest, byID bool, now time.Time) (*session, error) {
	s := ss.byID[m.SessionID]
	switch {
	case s == nil:
		return nil, refuse(kafkaproto.FetchSessionIDNotFound, "fetch session %d does not exist", m.SessionID)
	case s.epoch != m.SessionEpoch:
		return nil, refuse(kafkaproto.InvalidFetchSessionEpoch, "fetch session %d is at epoch %d, the request at %d", s.id, s.epoch, m.SessionEpoch)
	case s.byID != byID:
		return nil, refuse(kafkaproto.FetchSessionTopicIDError, "fetch session %d does not name topics as the request does", s.id)
	}
	s.used = now
	ss.lru.MoveToBack(s.place)
	if s.epoch++; s.epoch <= 0 {
		s.epoch = 1
	}
	ss.update(s, m)
	if len(s.parts) == 0 || ss.parts > ss.partsMax {
		ss.drop(s) // nothing is left of it, or it grew out of its bound: this answer is its last
		return nil, nil
	}
	return s, nil
}

// update adds what a request names and removes what it forgets.
func (ss *sessions) update(s *session, m *kafkaproto.FetchRequest) {
	before := len(s.parts)
	for i := range m.Topics {
		t := &m.Topics[i]
		for _, want := range t.Partitions {
			s.put(partKey{t.Topic, t.TopicID, want.Partition}, want)
		}
	}
	for i := range m.ForgottenTopics {
		t := &m.ForgottenTopics[i]
		for _, index := range t.Partitions {
			key := partKey{t.Topic, t.TopicID, index}
			if e := s.parts[key]; e != nil {
				s.order.Remove(e)
				delete(s.parts, key)
			}
		}
	}
	ss.parts += len(s.parts) - before
}

func (s *session) put(key partKey, want kafkaproto.FetchRequestTopicPartition) {
	if e := s.parts[key]; e != nil {
		e.Value.(*sessionPart).want = want
		return
	}
	s.parts[key] = s.order.PushBack(&sessionPart{key: key, want: want})
}

// rotate moves a partition that got records behind those that did not.
func (s *session) rotate(part *sessionPart) {
	if e := s.parts[part.key]; e != nil && e.Value == part {
		s.order.MoveToBack(e)
	}
}

// changed says whether the client must be told of a partition, and takes it as
// told. After an error everything is told again.
func (p *sessionPart) changed(d *found) bool {
	if d.err != nil {
		p.told = false
		return true
	}
	news := !p.told || d.bytes > 0 || d.diverging.EndOffset >= 0 ||
		p.highWatermark != d.highWatermark || p.lastStable != d.lastStable || p.logStart != d.logStart
	p.told, p.highWatermark, p.lastStable, p.logStart = true, d.highWatermark, d.lastStable, d.logStart
	return news
}

// openSession finds out what the fetch is about: with a session or without, in
// full or the difference.
func (f *fetch) openSession() (err error) {
	ss, m, now := &f.loop.sessions, &f.m, f.r.broker.now()
	byID := f.r.version() >= 13
	switch {
	case m.SessionEpoch == sessionEpochNone:
		ss.close(m.SessionID)
	case m.SessionEpoch == sessionEpochFull:
		ss.close(m.SessionID)
		f.session = ss.create(m, byID, now)
	default:
		f.incremental = true
		if f.session, err = ss.resume(m, byID, now); err != nil {
			return err
		}
	}
	if f.session == nil {
		f.itemsOfRequest()
		return nil
	}
	for e := f.session.order.Front(); e != nil; e = e.Next() {
		part := e.Value.(*sessionPart)
		f.add(part.key.name, part.key.id, &part.want, part)
	}
	return nil
}

func (f *fetch) itemsOfRequest() {
	for i := range f.m.Topics {
		t := &f.m.Topics[i]
		for j := range t.Partitions {
			f.add(t.Topic, t.TopicID, &t.Partitions[j], nil)
		}
	}
}
