package replicate

import (
	"errors"
	"fmt"
	"math"
	"testing"

	"umbra/ioring/buf"
	"umbra/kafkaproto"
	"umbra/shard"
	"umbra/shard/segment"
)

func replicator(topic string, id kafkaproto.TopicID, index int32) *Replicator {
	return newReplicator(&Worker{}, Assignment{Partition: shard.PartitionID{Index: index}, Topic: topic, SourceID: id}, nil)
}

// TestSessionEpochs: 0 asks for a session, epochs wrap to 1, a new session names
// the old one so that the source drops it, and what the source forgot is not
// named.
func TestSessionEpochs(t *testing.T) {
	var s session
	f := func(step string, id, epoch int32, incremental bool) {
		t.Helper()
		if s.id != id || s.epoch != epoch || s.incremental() != incremental {
			t.Errorf("%s: id %d epoch %d incremental %v, want %d, %d, %v", step, s.id, s.epoch, s.incremental(), id, epoch, incremental)
		}
	}
	answered := func(id int32) {
		s.sent()
		s.answered(id)
	}
	f("at first", 0, 0, false)
	answered(7)
	f("given one", 7, 1, true)
	s.epoch = math.MaxInt32
	answered(7)
	f("wrapped", 7, 1, true)
	s.renew()
	f("renewed", 7, 0, false)
	answered(8)
	f("given another", 8, 1, true)
	s.sent()
	s.renew()
	s.answered(8)
	f("renewed while an answer was on its way", 8, 0, false)
	answered(0)
	f("the source has no room for one", 0, 0, false)
	s.sent()
	s.renew()
	s.answered(9)
	f("renewed while the first was on its way", 9, 0, false)
	answered(9)
	s.reset()
	f("the source forgot it", 0, 0, false)
}

// TestForgetting: what left since the last request is known until that is sent.
func TestForgetting(t *testing.T) {
	var s session
	a, b := replicator("orders", kafkaproto.TopicID{1}, 0), replicator("orders", kafkaproto.TopicID{1}, 1)
	other := replicator("orders", kafkaproto.TopicID{2}, 0) // of the same name: made anew
	s.forget(a)
	if s.forgetting(a) {
		t.Error("there is no session to be forgotten in")
	}
	s.byID = true
	s.sent()
	if s.forget(a); !s.forgetting(a) {
		t.Error("the session that the request makes will have it")
	}
	s.answered(7)
	if !s.forgetting(a) || s.forgetting(b) || s.forgetting(other) {
		t.Errorf("forgetting %v %v %v", s.forgetting(a), s.forgetting(b), s.forgetting(other))
	}
	s.renew()
	if s.forgetting(a) {
		t.Error("a new session knows nobody")
	}
	s.sent() // this one names topics by name
	if s.forget(a); !s.forgetting(other) || s.forgetting(b) {
		t.Error("a topic that was made anew is the same to the source")
	}
}

// TestTopicIndex finds partitions by what an answer calls them.
func TestTopicIndex(t *testing.T) {
	x := newTopicIndex()
	id, later := kafkaproto.TopicID{1}, kafkaproto.TopicID{2}
	a, b := replicator("orders", id, 0), replicator("orders", id, 1)
	again := replicator("orders", later, 0) // deleted and made again
	bare := replicator("bare", kafkaproto.TopicID{}, 0)
	for _, r := range []*Replicator{a, b, again, bare} {
		x.add(r)
	}
	f := func(name string, id kafkaproto.TopicID, index int32, want *Replicator) {
		t.Helper()
		if got := x.find(name, id, index); got != want {
			t.Errorf("%s %s %d: got %p, want %p", name, id, index, got, want)
		}
	}
	f("", id, 0, a)
	f("", id, 1, b)
	f("", later, 0, again)
	f("", later, 1, nil)
	f("orders", kafkaproto.TopicID{}, 0, again)
	f("bare", kafkaproto.TopicID{}, 0, bare)
	f("", kafkaproto.TopicID{9}, 0, nil)
	n := 0
	x.each(func(*Replicator) { n++ })
	if n != 4 || x.partitions != 4 || x.withoutID != 1 {
		t.Errorf("%d visited, %d counted, %d without id", n, x.partitions, x.withoutID)
	}
	for _, r := range []*Replicator{a, b, again, bare} {
		x.remove(r)
	}
	if x.partitions != 0 || x.withoutID != 0 || len(x.sets)+len(x.byName) != 0 {
		t.Errorf("left over: %+v", x)
	}
}

// TestSuspect: three ended connections in a row blame a partition, one if it was
// blamed before; a whole answer forgives.
func TestSuspect(t *testing.T) {
	var s suspect
	a, b := replicator("a", kafkaproto.TopicID{1}, 0), replicator("b", kafkaproto.TopicID{2}, 0)
	f := func(r, want *Replicator) {
		t.Helper()
		s.on(r)
		if got := s.ended(); got != want {
			t.Errorf("blamed %p, want %p", got, want)
		}
	}
	f(a, nil)
	f(a, nil)
	f(a, a)
	f(a, nil) // it begins anew
	f(b, nil)
	f(a, nil) // not in a row
	f(a, nil)
	s.clear()
	f(a, nil)
	a.slow = 1
	f(a, a)
	if s.ended() != nil {
		t.Error("nobody was being received")
	}
}

func TestJudge(t *testing.T) {
	f := func(err error, want outcome) {
		t.Helper()
		if got := judge(fmt.Errorf("append: %w", err)); got != want {
			t.Errorf("%v is %d, want %d", err, got, want)
		}
	}
	f(errMoved, moved)
	f(segment.ErrNoSpace, noSpace)
	f(buf.ErrBudget, noMemory)
	f(segment.ErrBusy, noMemory)
	f(segment.ErrStaleTerm, fenced)
	f(segment.ErrClosed, fenced)
	f(ErrOverlap, wrongByte)
	f(ErrNoWholeBatch, wrongByte)
	f(segment.ErrOutOfOrder, wrongByte)
	f(segment.ErrFailed, failed)
	f(errors.New("anything else"), failed)
}
