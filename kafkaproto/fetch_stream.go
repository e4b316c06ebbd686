package kafkaproto

import "fmt"

// FetchEvent is what one Step of a FetchStream found.
type FetchEvent uint8

const (
	// FetchNeedMore says that the element is not whole yet. Call Step again with the
	// bytes that were not consumed and at least one more.
	FetchNeedMore FetchEvent = iota
	// FetchHead: ThrottleMillis, ErrorCode and SessionID are valid.
	FetchHead
	// FetchPartition: Topic or TopicID and the first part of Partition are
	// valid. Partition.RecordsLen record bytes follow next.
	FetchPartition
	// FetchRecords: record bytes are outstanding (RecordsLeft). The caller
	// takes them itself and says so with RecordsTaken.
	FetchRecords
	// FetchPartitionEnd: the records are through, and the part of Partition
	// that the protocol sends behind them is valid. It follows every
	// FetchPartition, in every version.
	FetchPartitionEnd
	// FetchEnd: the body ended exactly where its length said.
	FetchEnd
)

// FetchPartitionHead is one partition of a fetch response without its records.
type FetchPartitionHead struct {
	Partition            int32
	ErrorCode            int16
	HighWatermark        int64
	LastStableOffset     int64
	LogStartOffset       int64 // v5+, else -1
	PreferredReadReplica int32 // v11+, else -1
	RecordsLen           int   // bytes; 0 for empty and for null

	// Valid from FetchPartitionEnd on, -1 where the peer did not say. The
	// protocol (v12+) sends them behind the records.
	DivergingEpoch     int32
	DivergingEndOffset int64
	CurrentLeaderID    int32
	CurrentLeaderEpoch int32
}

// FetchStream decodes the body of one fetch response while it arrives, so that
// records can go from the socket to where they stay without passing through a
// frame buffer. It belongs to one connection and is used again for the next
// response.
//
//	Reset(version, bodyLen)
//	Step... FetchHead
//	Step... FetchPartition    then RecordsLen bytes for the caller, RecordsTaken
//	Step... FetchPartitionEnd then FetchPartition of the next, or
//	Step... FetchEnd
//
// Nothing a peer sends makes it wait for ever or hold memory: a length or a
// count that does not fit into what is left of the body is an error as soon as
// it is read, and no element other than records needs more than
// FetchLookahead bytes in one piece. Lists that a reader of uncommitted data
// has no use for (aborted transactions, unknown tags, broker addresses) are
// skipped as they pass, however long.
type FetchStream struct {
	ThrottleMillis int32 // valid from FetchHead on
	SessionID      int32 // v7+, valid from FetchHead on
	ErrorCode      int16 // v7+, valid from FetchHead on

	Topic     string  // v4-v12, valid from FetchPartition on
	TopicID   TopicID // v13+, valid from FetchPartition on
	Partition FetchPartitionHead

	version int16
	flex    bool
	body    int // length of the body
	left    int // bytes of the body not consumed yet, outstanding records included
	state   fetchState
	err     error

	topics, partitions int    // to come, the present one not counted
	aborted            int    // entries of the aborted list to come
	tags               uint32 // tagged fields to come in the present structure
	skip               int    // bytes to pass over before anything else
	records            int    // record bytes outstanding
}

// FetchLookahead is the most bytes, other than records, that Step wants to see
// in one piece.
const FetchLookahead = 64 << 10

type fetchState uint8

// The order is the order on the wire.
const (
	fetchHead fetchState = iota
	fetchTopic
	fetchPartition
	fetchAborted
	fetchAbortedTagCount
	fetchAbortedTags
	fetchRecordsLen
	fetchRecords
	fetchPartitionTagCount
	fetchPartitionTags
	fetchPartitionDone
	fetchTopicTagCount
	fetchTopicTags
	fetchBodyTagCount
	fetchBodyTags
	fetchEnd
)

// Reset begins a response body of bodyLen bytes: the frame's length less its
// response header.
func (s *FetchStream) Reset(version int16, bodyLen int) {
	topic := s.Topic
	*s = FetchStream{version: version, body: bodyLen, left: bodyLen, Topic: topic}
	api, _ := Lookup(KeyFetch)
	s.flex = api.Flexible(version)
	if !api.Supports(version) || bodyLen < 0 {
		s.err = fmt.Errorf("decode fetch response: version %d, %d bytes: want version %d to %d and a length of 0 or more",
			version, bodyLen, api.Min, api.Max)
	}
}

// Step decodes the next element from in, which it borrows and which may reach
// beyond the body, and says how many bytes it consumed. An error is final: the
// stream gives it again at every call, and the connection has to be closed.
func (s *FetchStream) Step(in []byte) (consumed int, ev FetchEvent, err error) {
	for s.err == nil {
		in = in[:min(len(in), s.left)]
		n, ev := s.step(in)
		consumed += n
		in = in[n:]
		s.left -= n
		if ev != fetchGoOn {
			return consumed, ev, s.err
		}
	}
	return consumed, FetchNeedMore, s.err
}

// RecordsLeft is how many record bytes the caller still has to take.
func (s *FetchStream) RecordsLeft() int { return s.records }

// RecordsTaken says that the caller took n of the outstanding record bytes.
func (s *FetchStream) RecordsTaken(n int) {
	if n < 0 || n > s.records {
		panic(fmt.Sprintf("BUG: %d record bytes taken of %d outstanding", n, s.records))
	}
	s.records -= n
	s.left -= n
}

// fetchGoOn is no event: the element was consumed and has nothing to tell.
const fetchGoOn FetchEvent = 255

// step consumes at most one element.
func (s *FetchStream) step(in []byte) (consumed int, ev FetchEvent) {
	if s.skip > 0 {
		n := min(s.skip, len(in))
		if s.skip -= n; s.skip > 0 {
			return n, FetchNeedMore
		}
		return n, fetchGoOn
	}
	switch s.state {
	case fetchRecords:
		if s.records > 0 {
			return 0, FetchRecords
		}
		s.state = fetchPartitionTagCount
		return 0, fetchGoOn
	case fetchPartitionDone:
		s.state = fetchTopicTagCount
		if s.partitions > 0 {
			s.state = fetchPartition
		}
		return 0, FetchPartitionEnd
	case fetchEnd:
		if s.left > 0 {
			s.fail("%d bytes behind the last field", s.left)
			return 0, FetchNeedMore
		}
		return 0, FetchEnd
	}
	r := NewReader(in, s.flex)
	next, ev := s.element(&r)
	if s.err != nil {
		return 0, FetchNeedMore
	}
	if r.bad {
		s.short(&r)
		return 0, FetchNeedMore
	}
	s.state = next
	return r.off, ev
}

// short decides what a Reader that failed means: more bytes are needed, or
// none would help.
func (s *FetchStream) short(r *Reader) {
	switch {
	case r.need == 0:
		s.fail("a length or number that cannot be")
	case r.need > s.left:
		s.fail("an element of %d bytes where %d are left", r.need, s.left)
	case r.need > FetchLookahead:
		s.fail("an element of %d bytes where at most %d are accepted", r.need, FetchLookahead)
	}
}

func (s *FetchStream) fail(format string, args ...any) {
	place := ""
	if s.state > fetchTopic {
		place = fmt.Sprintf(" topic %q id %s partition %d", s.Topic, s.TopicID, s.Partition.Partition)
	}
	s.err = fmt.Errorf("decode fetch response v%d%s at byte %d of %d: %s: %w",
		s.version, place, s.body-s.left, s.body, fmt.Sprintf(format, args...), ErrMalformed)
}
