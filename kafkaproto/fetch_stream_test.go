package kafkaproto

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// streamFetch feeds body to s, next bytes at a time, as a socket would, and
// rebuilds the response from the events. It never gives Step more than
// FetchLookahead bytes, which must be enough for anything but records.
func streamFetch(s *FetchStream, version int16, body []byte, next func(left int) int) (m FetchResponse, err error) {
	s.Reset(version, len(body))
	arrived, pos := 0, 0
	for steps := 0; ; steps++ {
		if steps > 10*len(body)+100 {
			return m, fmt.Errorf("no end after %d steps", steps)
		}
		n, ev, err := s.Step(body[pos:min(arrived, pos+FetchLookahead)])
		pos += n
		if err != nil {
			return m, err
		}
		switch ev {
		case FetchNeedMore:
			if arrived == len(body) {
				return m, errors.New("waits for bytes behind the body")
			}
			arrived += next(len(body) - arrived)
		case FetchHead:
			m.ThrottleMillis, m.ErrorCode, m.SessionID = s.ThrottleMillis, s.ErrorCode, s.SessionID
		case FetchPartition:
			addStreamedPartition(&m, s)
		case FetchRecords:
			// Part of them from what is there, as from a socket buffer.
			if arrived == pos {
				arrived += next(len(body) - arrived)
			}
			n := min(s.RecordsLeft(), arrived-pos)
			p := lastPartition(&m)
			p.RecordBatches = append(p.RecordBatches, body[pos:pos+n]...)
			s.RecordsTaken(n)
			pos += n
		case FetchPartitionEnd:
			p := lastPartition(&m)
			p.DivergingEpoch.Epoch, p.DivergingEpoch.EndOffset = s.Partition.DivergingEpoch, s.Partition.DivergingEndOffset
			p.CurrentLeader.LeaderID, p.CurrentLeader.LeaderEpoch = s.Partition.CurrentLeaderID, s.Partition.CurrentLeaderEpoch
			if len(p.RecordBatches) != s.Partition.RecordsLen {
				return m, fmt.Errorf("%d record bytes taken of %d", len(p.RecordBatches), s.Partition.RecordsLen)
			}
		case FetchEnd:
			if pos != len(body) {
				return m, fmt.Errorf("ended at %d of %d", pos, len(body))
			}
			return m, nil
		}
	}
}

// addStreamedPartition appends the partition to the response. Whether it
// belongs to the topic before cannot be seen when two topics have one name;
// flatten makes both sides comparable.
func addStreamedPartition(m *FetchResponse, s *FetchStream) {
	p := NewFetchResponseTopicPartition()
	h := s.Partition
	p.Partition, p.ErrorCode = h.Partition, h.ErrorCode
	p.HighWatermark, p.LastStableOffset, p.LogStartOffset = h.HighWatermark, h.LastStableOffset, h.LogStartOffset
	p.PreferredReadReplica = h.PreferredReadReplica
	m.Topics = append(m.Topics, FetchResponseTopic{Topic: s.Topic, TopicID: s.TopicID, Partitions: []FetchResponseTopicPartition{p}})
}

func lastPartition(m *FetchResponse) *FetchResponseTopicPartition {
	return &m.Topics[len(m.Topics)-1].Partitions[0]
}

// flatten gives what the stream tells of a response: one topic per partition,
// without what the stream passes over.
func flatten(m *FetchResponse) FetchResponse {
	flat := FetchResponse{ThrottleMillis: m.ThrottleMillis, ErrorCode: m.ErrorCode, SessionID: m.SessionID}
	for _, t := range m.Topics {
		for _, p := range t.Partitions {
			p.AbortedTransactions = nil
			p.RecordBatches = append([]byte(nil), p.RecordBatches...) // null and empty are one
			p.SnapshotID = FetchResponseTopicPartitionSnapshotID{-1, -1}
			flat.Topics = append(flat.Topics, FetchResponseTopic{t.Topic, t.TopicID, []FetchResponseTopicPartition{p}})
		}
	}
	return flat
}

func fetchSubjects() (all []subject) {
	for _, s := range subjects() {
		if s.api.Key == KeyFetch && s.kind == "response" {
			all = append(all, s)
		}
	}
	return all
}

// randomFetchBody is a response by the oracle, with unknown tags everywhere.
func randomFetchBody(s subject, seed uint64) []byte {
	rnd := rand.New(rand.NewPCG(seed, uint64(s.version)))
	m := s.oracle()
	(&filler{name: "random", rnd: rnd}).fill(reflect.ValueOf(m).Elem())
	if s.api.Flexible(s.version) && rnd.IntN(2) == 0 {
		injectTags(reflect.ValueOf(m).Elem(), rnd)
	}
	m.SetVersion(s.version)
	return m.AppendTo(nil)
}

func TestFetchStreamEqualsWholeDecode(t *testing.T) {
	for _, s := range fetchSubjects() {
		t.Run(s.String(), func(t *testing.T) {
			var stream FetchStream // used again for every response
			for seed := range uint64(60) {
				body := randomFetchBody(s, seed)
				rnd := rand.New(rand.NewPCG(seed, 99))
				for name, next := range map[string]func(int) int{
					"one byte":  func(int) int { return 1 },
					"all":       func(left int) int { return left },
					"random":    func(left int) int { return min(left, 1+rnd.IntN(40)) },
					"two bytes": func(left int) int { return min(left, 2) },
				} {
					got, err := streamFetch(&stream, s.version, body, next)
					if err != nil {
						t.Fatalf("seed %d, %s: %v\n%x", seed, name, err, body)
					}
					want := flatten(s.mustDecode(t, body).(*FetchResponse))
					if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
						t.Fatalf("seed %d, %s (-whole +stream)\n%s", seed, name, diff)
					}
				}
			}
		})
	}
}

// A body that is shorter or longer than its fields is refused, at every length.
func TestFetchStreamRefusesWrongLength(t *testing.T) {
	for _, s := range fetchSubjects() {
		body := randomFetchBody(s, 3)
		var stream FetchStream
		all := func(left int) int { return left }
		for n := range len(body) {
			if _, err := streamFetch(&stream, s.version, body[:n], all); !errors.Is(err, ErrMalformed) {
				t.Fatalf("%s cut to %d of %d bytes: %v", s, n, len(body), err)
			}
		}
		for _, extra := range []int{1, 4, 1000} {
			if _, err := streamFetch(&stream, s.version, append(bytes.Clone(body), make([]byte, extra)...), all); !errors.Is(err, ErrMalformed) {
				t.Fatalf("%s with %d bytes behind: %v", s, extra, err)
			}
		}
	}
}

// Bytes of the next frame behind the body are neither consumed nor looked at.
func TestFetchStreamStopsAtBodyEnd(t *testing.T) {
	s := fetchSubjects()[0]
	body := randomFetchBody(s, 5)
	var stream FetchStream
	stream.Reset(s.version, len(body))
	in := append(bytes.Clone(body), bytes.Repeat([]byte{0xff}, 100)...)
	for {
		n, ev, err := stream.Step(in)
		if err != nil {
			t.Fatal(err)
		}
		in = in[n:]
		if ev == FetchRecords {
			in = in[stream.RecordsLeft():]
			stream.RecordsTaken(stream.RecordsLeft())
		}
		if ev == FetchEnd {
			break
		}
	}
	if len(in) != 100 {
		t.Fatalf("%d bytes of the next frame are left, want 100", len(in))
	}
}

// A length or a count that cannot be true is refused as soon as it is there:
// the peer does not have to send another byte.
func TestFetchStreamRefusesLiesAtOnce(t *testing.T) {
	const body = 1 << 20
	refuse := func(name string, version int16, want string, build func(w *Writer)) {
		t.Run(name, func(t *testing.T) {
			w := NewWriter(nil, version >= 12)
			build(&w)
			var s FetchStream
			s.Reset(version, body)
			in := w.Bytes()
			for {
				n, ev, err := s.Step(in)
				in = in[n:]
				if err != nil {
					if !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), want) {
						t.Fatalf("error %q, want one with %q", err, want)
					}
					if _, _, again := s.Step(nil); again != err {
						t.Fatalf("the next Step says %v", again)
					}
					return
				}
				if ev == FetchNeedMore {
					t.Fatalf("waits for more after %x", w.Bytes())
				}
			}
		})
	}
	head := func(w *Writer) { w.Int32(0); w.Int16(0); w.Int32(0) }
	partition := func(w *Writer) {
		head(w)
		w.ArrayLen(1)
		w.String("t")
		w.ArrayLen(1)
		w.Int32(7)
		w.Int16(0)
		w.Int64(1)
		w.Int64(1)
		w.Int64(0)
	}
	withTags := func(w *Writer) {
		partition(w)
		w.NullArray()
		w.Int32(-1)
		w.RecordsLen(0)
	}
	refuse("topic count", 11, "array of 2147483647", func(w *Writer) { head(w); w.ArrayLen(1<<31 - 1) })
	refuse("negative topic count", 11, "array of -5", func(w *Writer) { head(w); w.ArrayLen(-5) })
	refuse("null topics", 11, "array of -1", func(w *Writer) { head(w); w.NullArray() })
	refuse("compact topic count", 12, "cannot be", func(w *Writer) { head(w); w.Uvarint(1<<32 - 1) })
	refuse("topic name", 12, "cannot be", func(w *Writer) { head(w); w.ArrayLen(1); w.Uvarint(40000) })
	refuse("null topic name", 11, "cannot be", func(w *Writer) { head(w); w.ArrayLen(1); w.Int16(-1) })
	refuse("partition count", 13, "array of 1000000", func(w *Writer) { head(w); w.ArrayLen(1); w.TopicID(TopicID{1}); w.ArrayLen(1000000) })
	refuse("aborted count", 11, "array of 70000", func(w *Writer) { partition(w); w.ArrayLen(70000) })
	refuse("aborted count below null", 11, "array of -2", func(w *Writer) { partition(w); w.Int32(-2) })
	refuse("records", 11, "1048576 bytes of records", func(w *Writer) { partition(w); w.NullArray(); w.Int32(-1); w.RecordsLen(body) })
	refuse("records below null", 11, "-2 bytes of records", func(w *Writer) { partition(w); w.NullArray(); w.Int32(-1); w.Int32(-2) })
	refuse("tag count", 12, "tagged fields", func(w *Writer) { withTags(w); w.Uvarint(1 << 30) })
	refuse("tag size", 12, "tagged field 9 of 2000000", func(w *Writer) { withTags(w); w.Uvarint(1); w.Uvarint(9); w.Uvarint(2000000) })
	refuse("known tag is huge", 12, "at most 65536", func(w *Writer) { withTags(w); w.Uvarint(1); w.Uvarint(0); w.Uvarint(70000) })
	refuse("known tag is short", 12, "too short", func(w *Writer) {
		withTags(w)
		w.Uvarint(1)
		w.Uvarint(1)
		w.Uvarint(3)
		w.Int16(0)
		w.Int8(0)
	})
	refuse("varint without end", 12, "cannot be", func(w *Writer) {
		head(w)
		for range 5 {
			w.Int8(-1)
		}
	})
}

func TestFetchStreamRefusesBadReset(t *testing.T) {
	for _, c := range []struct {
		version int16
		body    int
	}{{3, 100}, {18, 100}, {12, -1}} {
		var s FetchStream
		s.Reset(c.version, c.body)
		if _, _, err := s.Step(make([]byte, 100)); err == nil {
			t.Errorf("version %d, %d bytes: no error", c.version, c.body)
		}
	}
}

func TestFetchStreamRecordsTakenTooFar(t *testing.T) {
	defer func() {
		if p := recover(); p == nil || !strings.HasPrefix(fmt.Sprint(p), "BUG:") {
			t.Fatalf("recovered %v, want a BUG panic", p)
		}
	}()
	var s FetchStream
	s.Reset(12, 100)
	s.RecordsTaken(1)
}

// Lists that are passed over may be longer than the lookahead.
func TestFetchStreamPassesLongLists(t *testing.T) {
	for _, version := range []int16{4, 11, 12, 17} {
		m := kmsg.NewPtrFetchResponse()
		m.SetVersion(version)
		p := kmsg.NewFetchResponseTopicPartition()
		for i := range int64(3 * FetchLookahead / 16) {
			p.AbortedTransactions = append(p.AbortedTransactions, kmsg.FetchResponseTopicPartitionAbortedTransaction{ProducerID: i, FirstOffset: i})
		}
		p.RecordBatches = bytes.Repeat([]byte("r"), 3*FetchLookahead)
		p.UnknownTags.Set(77, make([]byte, 3*FetchLookahead))
		p.DivergingEpoch.Epoch = 4
		topic := kmsg.FetchResponseTopic{Topic: "long", TopicID: [16]byte{1}}
		topic.Partitions = append(topic.Partitions, p, p)
		topic.UnknownTags.Set(78, make([]byte, 2*FetchLookahead))
		m.Topics = append(m.Topics, topic, topic)
		m.UnknownTags.Set(79, make([]byte, 2*FetchLookahead))
		body := m.AppendTo(nil)

		var s FetchStream
		got, err := streamFetch(&s, version, body, func(left int) int { return min(left, 4096) })
		if err != nil {
			t.Fatalf("v%d: %v", version, err)
		}
		var whole FetchResponse
		r := NewReader(body, version >= 12)
		whole.Decode(&r, version)
		want := flatten(&whole)
		if !bytes.Equal(subject{version: version}.encode(&got), subject{version: version}.encode(&want)) {
			t.Fatalf("v%d: the stream and the whole decode differ", version)
		}
	}
}

// In steady state a response costs no allocation, whatever its pieces.
func TestFetchStreamDoesNotAllocate(t *testing.T) {
	for _, s := range fetchSubjects() {
		body := benchFetchResponse(s.version, 8)
		var stream FetchStream
		run := func() { drainFetch(t, &stream, s.version, body, 1000) }
		run()
		if n := testing.AllocsPerRun(20, run); n != 0 {
			t.Errorf("v%d: %v allocations", s.version, n)
		}
	}
}

// drainFetch reads body in pieces and throws everything away.
func drainFetch(t testing.TB, s *FetchStream, version int16, body []byte, piece int) {
	s.Reset(version, len(body))
	pos, arrived := 0, 0
	for {
		n, ev, err := s.Step(body[pos:arrived])
		if err != nil {
			t.Fatal(err)
		}
		pos += n
		switch ev {
		case FetchNeedMore:
			arrived = min(len(body), arrived+piece)
		case FetchRecords:
			n := s.RecordsLeft()
			s.RecordsTaken(n)
			pos += n
			arrived = max(arrived, pos)
		case FetchEnd:
			return
		}
	}
}
