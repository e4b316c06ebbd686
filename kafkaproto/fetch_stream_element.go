package kafkaproto

// element decodes the element of the present state from r and names the state
// that follows. When r ends early nothing it stored counts: the element is
// decoded again from its first byte. No element has a loop in it before it is
// whole, so that a peer that sends single bytes costs no more than others.
func (s *FetchStream) element(r *Reader) (next fetchState, ev FetchEvent) {
	switch s.state {
	case fetchHead:
		return s.head(r)
	case fetchTopic:
		return s.topic(r)
	case fetchPartition:
		return s.partition(r)
	case fetchAborted:
		return s.abortedEntry(r)
	case fetchAbortedTagCount:
		return s.tagCount(r, fetchAbortedTags, s.afterAborted())
	case fetchAbortedTags:
		return s.unknownTag(r, fetchAbortedTags, s.afterAborted())
	case fetchRecordsLen:
		return s.recordsLen(r)
	case fetchPartitionTagCount:
		return s.tagCount(r, fetchPartitionTags, fetchPartitionDone)
	case fetchPartitionTags:
		return s.partitionTag(r)
	case fetchTopicTagCount:
		return s.tagCount(r, fetchTopicTags, s.afterTopic())
	case fetchTopicTags:
		return s.unknownTag(r, fetchTopicTags, s.afterTopic())
	case fetchBodyTagCount:
		return s.tagCount(r, fetchBodyTags, fetchEnd)
	default:
		return s.unknownTag(r, fetchBodyTags, fetchEnd)
	}
}

func (s *FetchStream) head(r *Reader) (fetchState, FetchEvent) {
	s.ThrottleMillis = r.Int32()
	if s.version >= 7 {
		s.ErrorCode = r.Int16()
		s.SessionID = r.Int32()
	}
	s.topics = s.count(r, fetchTopicSizeMin(s.version), false)
	return s.afterTopic(), FetchHead
}

func (s *FetchStream) afterTopic() fetchState {
	if s.topics > 0 {
		return fetchTopic
	}
	return fetchBodyTagCount
}

func (s *FetchStream) topic(r *Reader) (fetchState, FetchEvent) {
	// Short reads give the Reader's empty string: the name must not be
	// touched before it is whole, or every retry would allocate it anew.
	if s.version >= 13 {
		s.Topic, s.TopicID = "", r.TopicID()
	} else if name, null := r.text(); null {
		r.bad = true
	} else if string(name) != s.Topic {
		s.Topic = string(name)
	}
	s.partitions = s.count(r, fetchPartitionSizeMin(s.version), false)
	if r.bad {
		return s.state, fetchGoOn
	}
	s.topics--
	if s.partitions == 0 {
		return fetchTopicTagCount, fetchGoOn
	}
	return fetchPartition, fetchGoOn
}

// partition reads a partition up to and with the count of its aborted
// transactions.
func (s *FetchStream) partition(r *Reader) (fetchState, FetchEvent) {
	p := FetchPartitionHead{
		LogStartOffset: -1, PreferredReadReplica: -1,
		DivergingEpoch: -1, DivergingEndOffset: -1,
		CurrentLeaderID: -1, CurrentLeaderEpoch: -1,
	}
	p.Partition = r.Int32()
	p.ErrorCode = r.Int16()
	p.HighWatermark = r.Int64()
	p.LastStableOffset = r.Int64()
	if s.version >= 5 {
		p.LogStartOffset = r.Int64()
	}
	s.aborted = s.count(r, r.sizeMin(16, 17), true)
	if r.bad {
		return s.state, fetchGoOn
	}
	s.Partition = p
	s.partitions--
	return s.afterAborted(), fetchGoOn
}

func (s *FetchStream) afterAborted() fetchState {
	if s.aborted > 0 {
		return fetchAborted
	}
	return fetchRecordsLen
}

// abortedEntry passes one aborted transaction. Legacy entries have one size
// and are passed all at once.
func (s *FetchStream) abortedEntry(r *Reader) (fetchState, FetchEvent) {
	if !s.flex {
		s.skip = s.aborted * 16
		s.aborted = 0
		return fetchRecordsLen, fetchGoOn
	}
	r.take(16)
	if !r.bad {
		s.aborted--
	}
	return fetchAbortedTagCount, fetchGoOn
}

func (s *FetchStream) recordsLen(r *Reader) (fetchState, FetchEvent) {
	if s.version >= 11 {
		s.Partition.PreferredReadReplica = r.Int32()
	}
	n := r.length(4)
	if r.bad {
		return s.state, fetchGoOn
	}
	if n < -1 || n > s.left-r.off {
		s.fail("%d bytes of records where %d bytes are left", n, s.left-r.off)
		return s.state, fetchGoOn
	}
	s.records = max(n, 0)
	s.Partition.RecordsLen = s.records
	return fetchRecords, FetchPartition
}

// tagCount begins the tagged fields that end a structure: tags if there are
// any, else done.
func (s *FetchStream) tagCount(r *Reader, tags, done fetchState) (fetchState, FetchEvent) {
	if !s.flex {
		return done, fetchGoOn
	}
	s.tags = r.Uvarint()
	if s.tags == 0 {
		return done, fetchGoOn
	}
	if !r.bad && uint64(s.tags)*2 > uint64(s.left-r.off) {
		s.fail("%d tagged fields where %d bytes are left", s.tags, s.left-r.off)
	}
	return tags, fetchGoOn
}

// tagHead reads a tagged field's number and length. The length fits into the
// body.
func (s *FetchStream) tagHead(r *Reader) (tag uint32, size int) {
	tag = r.Uvarint()
	size = int(r.Uvarint())
	if !r.bad && size > s.left-r.off {
		s.fail("tagged field %d of %d bytes where %d are left", tag, size, s.left-r.off)
	}
	return tag, size
}

// unknownTag passes one tagged field without looking into it.
func (s *FetchStream) unknownTag(r *Reader, tags, done fetchState) (fetchState, FetchEvent) {
	_, size := s.tagHead(r)
	return s.passTag(r, size, tags, done)
}

func (s *FetchStream) passTag(r *Reader, skip int, tags, done fetchState) (fetchState, FetchEvent) {
	if r.bad || s.err != nil {
		return s.state, fetchGoOn
	}
	s.skip = skip
	if s.tags--; s.tags > 0 {
		return tags, fetchGoOn
	}
	return done, fetchGoOn
}

func (s *FetchStream) partitionTag(r *Reader) (fetchState, FetchEvent) {
	tag, size := s.tagHead(r)
	if tag > 1 || r.bad || s.err != nil {
		return s.passTag(r, size, fetchPartitionTags, fetchPartitionDone)
	}
	field := NewReader(r.take(size), true)
	if r.bad {
		return s.state, fetchGoOn
	}
	p := &s.Partition
	switch tag {
	case 0:
		p.DivergingEpoch, p.DivergingEndOffset = field.Int32(), field.Int64()
	case 1:
		p.CurrentLeaderID, p.CurrentLeaderEpoch = field.Int32(), field.Int32()
	}
	field.Tags()
	if field.bad {
		s.fail("tagged field %d of %d bytes is too short", tag, size)
	}
	return s.passTag(r, 0, fetchPartitionTags, fetchPartitionDone)
}

// count reads an array's count. One that cannot fit into what is left of the
// body fails at once.
func (s *FetchStream) count(r *Reader, sizeMin int, nullable bool) int {
	n := r.length(4)
	if r.bad {
		return 0
	}
	if n == -1 && nullable {
		return 0
	}
	if n < 0 || n > (s.left-r.off)/sizeMin {
		s.fail("an array of %d elements where %d bytes are left", n, s.left-r.off)
		return 0
	}
	return n
}
