package replicate

import (
	"slices"

	"umbra/kafkaproto"
)

// A fetch session (KIP-227) lets a request name only the partitions that
// changed since the last one, so 5,000 idle partitions cost one empty request.
// The source keeps its half; session is ours. A source that refuses sessions
// answers with id 0 and gets full requests.
type session struct {
	id    int32 // also while epoch is 0: the request for a new session then ends the old one at the source
	epoch int32 // of the next request; 0 asks for a new session
	asked bool  // for the session; the source has it, or will when it reads the request
	byID  bool  // the session names topics by id
	// forgotten left the session since the last request.
	forgotten map[topicKey]*kafkaproto.FetchRequestForgottenTopic
}

// sentState is what the session knows about a partition.
type sentState struct {
	offset      int64
	lastEpoch   int32
	leaderEpoch int32
}

var neverSent = sentState{offset: -1}

// reset forgets the session: the source does not have it any more.
func (s *session) reset() { *s = session{} }

// renew asks for a new session in place of the present one. Sources keep a
// bounded number of sessions for all their readers; one that is left behind
// would push out somebody else's.
func (s *session) renew() { *s = session{id: s.id} }

// sent notes that a request went out: what it named as forgotten is.
func (s *session) sent() { s.asked, s.forgotten = true, nil }

// answered notes the response to the last request. Epochs wrap to 1: 0 and -1
// have meanings of their own. Where a new session was decided on after that
// request, the response tells only which one it replaces.
func (s *session) answered(id int32) {
	if id == 0 {
		s.reset()
		return
	}
	if s.id = id; !s.asked {
		return
	}
	if s.epoch++; s.epoch <= 0 {
		s.epoch = 1
	}
}

// incremental reports whether the next request may leave out what the source
// knows already.
func (s *session) incremental() bool { return s.epoch > 0 }

// forget takes a partition out of the source's half of the session, or of the one that
// the request under way makes: the source would go on fetching it, and answer at once,
// again and again, if it has an error to tell of it.
func (s *session) forget(r *Replicator) {
	r.sent = neverSent
	if !s.asked {
		return
	}
	if s.forgotten == nil {
		s.forgotten = map[topicKey]*kafkaproto.FetchRequestForgottenTopic{}
	}
	key := s.keyOf(r)
	t := s.forgotten[key]
	if t == nil {
		t = &kafkaproto.FetchRequestForgottenTopic{Topic: r.Topic, TopicID: r.SourceID}
		s.forgotten[key] = t
	}
	t.Partitions = append(t.Partitions, r.Partition.Index)
}

// keyOf is what the session calls r's topic: one that was made anew has the name of the
// one before.
func (s *session) keyOf(r *Replicator) topicKey {
	if s.byID {
		return keyOf(r.Topic, r.SourceID)
	}
	return topicKey{name: r.Topic}
}

// forgetting reports whether the next request takes r's partition out.
func (s *session) forgetting(r *Replicator) bool {
	t := s.forgotten[s.keyOf(r)]
	return t != nil && slices.Contains(t.Partitions, r.Partition.Index)
}

// fetchRequest builds the next request into req, which is re-used. Partitions
// that left the session since the last request are named as forgotten.
func (f *Fetcher) fetchRequest(req *kafkaproto.FetchRequest, byID bool) {
	if f.session.byID != byID {
		f.session.renew() // a session keeps the form it began with
	}
	topics, forgotten := req.Topics[:0], req.ForgottenTopics[:0]
	*req = kafkaproto.NewFetchRequest()
	req.MaxWaitMillis = int32(f.cfg.MaxWait.Milliseconds())
	req.MinBytes = int32(f.cfg.FetchMinBytes)
	req.MaxBytes = int32(f.appetite.bytes)
	f.session.byID = byID
	req.SessionID, req.SessionEpoch = f.session.id, f.session.epoch
	req.Topics, req.ForgottenTopics = topics, forgotten
	f.generation++
	if f.session.incremental() {
		for _, t := range f.session.forgotten {
			req.ForgottenTopics = append(req.ForgottenTopics, *t)
		}
		for _, r := range f.dirty {
			if r != nil {
				f.ask(req, r)
			}
		}
	} else {
		f.topics.each(func(r *Replicator) { f.ask(req, r) })
	}
	for _, r := range f.dirty {
		if r != nil {
			r.dirty = false
		}
	}
	f.dirty = f.dirty[:0]
	f.session.sent()
}

// ask adds one partition to the request, behind the others of its topic.
func (f *Fetcher) ask(req *kafkaproto.FetchRequest, r *Replicator) {
	want := r.want()
	if f.session.incremental() && want == r.sent {
		return
	}
	t := r.set
	if t.generation != f.generation {
		t.generation, t.at = f.generation, len(req.Topics)
		out := appendTopic(req)
		out.Topic, out.TopicID = t.name, t.sourceID
	}
	out := &req.Topics[t.at]
	p := kafkaproto.NewFetchRequestTopicPartition()
	p.Partition = r.Partition.Index
	p.CurrentLeaderEpoch, p.FetchOffset, p.LastFetchedEpoch = want.leaderEpoch, want.offset, want.lastEpoch
	p.PartitionMaxBytes = int32(f.appetite.perPartition())
	out.Partitions = append(out.Partitions, p)
	if r.sent == neverSent {
		r.since = f.generation
	}
	r.sent = want
}

// appendTopic extends req.Topics by one, keeping the partition slice of an
// earlier use of that element.
func appendTopic(req *kafkaproto.FetchRequest) *kafkaproto.FetchRequestTopic {
	n := len(req.Topics)
	if n < cap(req.Topics) {
		req.Topics = req.Topics[:n+1]
		req.Topics[n].Partitions = req.Topics[n].Partitions[:0]
	} else {
		req.Topics = append(req.Topics, kafkaproto.FetchRequestTopic{})
	}
	return &req.Topics[n]
}

// want is where the replicator's next fetch begins: always the log's own end,
// so that a position can never be newer than the data it stands for (D2).
func (r *Replicator) want() sentState {
	return sentState{
		offset:      r.part.Log.EndOffset(),
		lastEpoch:   r.lastEpoch(),
		leaderEpoch: r.LeaderEpoch,
	}
}
