package link_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"umbra/core/link"
	"umbra/core/link/linktest"
	"umbra/core/link/replicate"
	"umbra/core/link/spec"
	"umbra/core/metadata"
	"umbra/kafkaproto"
	"umbra/shard"
)

// spoilCRC makes every answer about a partition wrong.
func spoilCRC(b []byte) []byte { b[len(b)-1] ^= 1; return b }

// stopped waits until exactly these partitions of a topic are stopped.
func (s *story) stopped(topic string, partitions ...int32) {
	s.t.Helper()
	s.eventually(fmt.Sprintf("partitions %v of %s are stopped, and no others", partitions, topic), func() bool {
		var got []int32
		for _, f := range s.topic(topic).Shadow.Faults {
			got = append(got, f.Partition)
		}
		return slices.Equal(got, partitions)
	})
}

// goOn gives the partitions something new and waits until they have it, byte for
// byte.
func (s *story) goOn(topic string, partitions ...int) {
	s.t.Helper()
	for _, i := range partitions {
		s.src.AppendMany(topic, i, 3, linktest.Batch{Records: 3, Size: 200})
	}
	s.upToDate(topic, partitions...)
}

// upToDate waits until the partitions have all that the source has, byte for byte.
func (s *story) upToDate(topic string, partitions ...int) {
	s.t.Helper()
	for _, i := range partitions {
		s.eventually(fmt.Sprintf("%s/%d has everything", topic, i), func() bool {
			v, p := s.src.Partition(topic, i), s.part(topic, i)
			return p.LogEnd == v.High && p.HighWatermark == v.High
		})
		if err := prefixOf(s.read(topic, i), 0, s.src.Partition(topic, i).Batches); err != nil {
			s.t.Fatalf("%s/%d: %v", topic, i, err)
		}
	}
}

func (s *story) resume() {
	s.t.Helper()
	if err := s.n.manager.Resume(context.Background(), "dr"); err != nil {
		s.t.Fatal(err)
	}
}

// well waits until nothing is wrong with a topic.
func (s *story) well(topic string) {
	s.t.Helper()
	s.eventually("nothing is wrong with "+topic, func() bool {
		state, code := s.state(topic)
		return state == spec.Active && code == "" && len(s.topic(topic).Shadow.Faults) == 0
	})
}

// oneSpoiled is a topic of four partitions, two per broker, of which the third
// is stopped at offset 12 for its wrong bytes. The others hold all of the source.
func oneSpoiled(t *testing.T) *story {
	s := newStory(t, linktest.Config{Brokers: 2}, nodeSetup{})
	s.src.CreateTopic("orders", 4)
	s.fill("orders", 4, 4)
	s.link("orders")
	s.same("orders", 4)
	s.src.Spoil("orders", 2, spoilCRC)
	s.fill("orders", 4, 3)
	s.stopped("orders", 2)
	s.upToDate("orders", 0, 1, 3)
	return s
}

// TestOneSpoiledPartition: one partition of four is stopped. Its siblings, on its
// broker and on the other, go on: through leader changes, new partitions, pauses
// and a restart. The stopped one stays as it is, also when its source is well
// again, until it is resumed.
func TestOneSpoiledPartition(t *testing.T) {
	s := oneSpoiled(t)
	term := s.topic("orders").Shadow.Term
	if state, code := s.state("orders"); state != spec.Faulted || code != spec.CorruptSource {
		t.Errorf("the topic is %s, %s", state, code)
	}
	if d := s.topic("orders").Shadow.Reason.Detail; !strings.HasPrefix(d, "1 of 4 partitions stopped: partition 2: ") || strings.Count(d, "partition 2") != 1 {
		t.Errorf("it is said %q", d)
	}
	s.goOn("orders", 0, 1, 3)
	checkHalf(t, s)

	fetched := s.src.Spoiled("orders", 2)
	s.src.MoveLeader("orders", 2, 2)
	s.src.MoveLeader("orders", 0, 2)
	s.src.MoveLeader("orders", 1, 1)
	s.goOn("orders", 0, 1, 3)
	s.src.AddPartitions("orders", 5)
	s.eventually("the new partition is here", func() bool { return len(s.topic("orders").Partitions) == 5 })
	s.goOn("orders", 0, 1, 3, 4)

	if err := s.n.manager.Pause(t.Context(), "dr"); err != nil {
		t.Fatal(err)
	}
	s.eventually("nothing is followed, and the stopped one is still FAULTED", func() bool {
		p := s.status().Topics[0].Partitions
		return s.following() == 0 && p[2].State == spec.Faulted && p[3].State == spec.Paused
	})
	s.restart()
	s.stopped("orders", 2)
	if _, err := s.n.store.UpdateLink(t.Context(), "dr", func(l *spec.Link) error { l.Paused = false; return nil }); err != nil {
		t.Fatal(err)
	}
	s.src.Spoil("orders", 2, nil)
	s.goOn("orders", 0, 1, 3, 4)
	s.restart()
	s.goOn("orders", 0, 1, 3, 4)
	if end := s.part("orders", 2).LogEnd; end != 12 {
		t.Errorf("the stopped partition ends at %d, want 12", end)
	}
	s.stopped("orders", 2)
	if n := s.src.Spoiled("orders", 2); n != fetched {
		t.Errorf("the stopped partition was asked for %d more times", n-fetched)
	}
	if got := s.topic("orders").Shadow.Term; got != term {
		t.Errorf("the term went from %d to %d", term, got)
	}

	s.resume()
	s.same("orders", 5)
	s.well("orders")
	if got := s.topic("orders").Shadow.Term; got != term+1 {
		t.Errorf("the term went from %d to %d", term, got)
	}
}

// checkHalf looks at the status and the verification of oneSpoiled.
func checkHalf(t *testing.T, s *story) {
	t.Helper()
	st := s.status()
	ts := st.Topics[0]
	for i, p := range ts.Partitions {
		if i == 2 {
			if p.State != spec.Faulted || p.Reason.Code != spec.CorruptSource || p.Following || p.Lag.Bound != link.AtLeast || p.Lag.Records != 9 || p.Lag.Seconds <= 0 || p.Lag.AsOf.IsZero() {
				t.Errorf("partition 2: %s %+v, lag %+v", p.State, p.Reason, p.Lag)
			}
			continue
		}
		if p.State != spec.Active || !p.Reason.IsZero() || !p.Following || p.Lag.Bound != link.Exact {
			t.Errorf("partition %d: %s %+v, lag %+v", i, p.State, p.Reason, p.Lag)
		}
	}
	if !ts.Partial() || ts.State != spec.Faulted || ts.Copied.Bound != link.Exact || ts.Copied.Records != 0 {
		t.Errorf("the others: %+v", ts.Copied)
	}
	for what, lag := range map[string]link.Lag{"topic": ts.Lag, "link": st.Lag} {
		if lag.Bound != link.AtLeast || lag.Records != 9 || lag.Seconds <= 0 {
			t.Errorf("the lag of the %s is %+v", what, lag)
		}
	}
	s.src.Spoil("orders", 2, nil) // for the comparison, which reads the source again
	v := s.verify()
	s.equal(v, 4)
	for _, r := range v.Results {
		if want := s.part("orders", int(r.Target.Index)).LogEnd; r.To != want {
			t.Errorf("partition %d is compared up to %d, it ends at %d", r.Target.Index, r.To, want)
		}
	}
	s.src.Spoil("orders", 2, spoilCRC)
}

// TestSeveralStoppedPartitions: faults add up, those that an alignment finds
// too, each with its cause; resuming tries all of them again.
func TestSeveralStoppedPartitions(t *testing.T) {
	s := oneSpoiled(t)
	s.src.Shorten("orders", 1, 12)
	s.stopped("orders", 1, 2)
	s.src.Spoil("orders", 0, func(b []byte) []byte { b[16] = 1; return b })
	s.fill("orders", 1, 1)
	s.stopped("orders", 0, 1, 2)
	want := map[int32]spec.Code{0: spec.OldMessageFormat, 1: spec.SourceDiverged, 2: spec.CorruptSource}
	for _, f := range s.topic("orders").Shadow.Faults {
		if f.Code != want[f.Partition] || f.Detail == "" || f.Since.IsZero() {
			t.Errorf("%+v, want %s", f, want[f.Partition])
		}
	}
	if r := s.topic("orders").Shadow.Reason; r.Code != spec.CorruptSource || !strings.HasPrefix(r.Detail, "3 of 4 partitions stopped: partition 0: OLD_MESSAGE_FORMAT: ") {
		t.Errorf("%+v, want the cause that came first", r)
	}
	s.goOn("orders", 3)
	s.restart()
	s.goOn("orders", 3)
	s.stopped("orders", 0, 1, 2)

	s.src.Spoil("orders", 0, nil)
	s.src.Spoil("orders", 2, nil)
	s.resume()
	s.goOn("orders", 0, 2, 3)
	s.stopped("orders", 1) // the source is still another one there
	if end := s.part("orders", 1).LogEnd; end != 21 {
		t.Errorf("the copy that differs ends at %d, want 21", end)
	}
}

// TestTopicFaultAfterAPartitionFault: what is about the topic stops all of it
// under a new term.
func TestTopicFaultAfterAPartitionFault(t *testing.T) {
	s := oneSpoiled(t)
	s.goOn("orders", 0, 1, 3)
	term := s.topic("orders").Shadow.Term
	s.src.DeleteTopic("orders")
	s.src.CreateTopic("orders", 4)
	s.fill("orders", 4, 30)
	s.eventually("the topic is stopped for its new id", func() bool { _, code := s.state("orders"); return code == spec.SourceRecreated })
	sh := s.topic("orders").Shadow
	if sh.State != spec.Faulted || len(sh.Faults) != 0 || sh.Term != term+1 {
		t.Errorf("%s, term %d (was %d), %+v", sh.State, sh.Term, term, sh.Faults)
	}
	s.eventually("nothing is followed", func() bool { return s.following() == 0 })
	looks := s.src.Requests(kafkaproto.KeyMetadata)
	s.eventually("the link looked twice since", func() bool { return s.src.Requests(kafkaproto.KeyMetadata) > looks+1 })
	for i, want := range []int64{30, 30, 12, 30} {
		if end := s.part("orders", i).LogEnd; end != want {
			t.Errorf("partition %d ends at %d, want %d: something of the new topic was appended", i, end, want)
		}
	}
}

// TestFailoverOfAPartlyStoppedTopic: it is failed over where each partition
// ends; the receipt says of the stopped one why, and what is known to be lost.
func TestFailoverOfAPartlyStoppedTopic(t *testing.T) {
	for _, restarted := range []bool{false, true} {
		t.Run(fmt.Sprintf("restarted=%v", restarted), func(t *testing.T) {
			s := oneSpoiled(t)
			s.goOn("orders", 0, 1, 3)
			if restarted {
				s.eventually("how far the source had come is written down", func() bool { return strings.Count(s.seen(), `"high":21,`) == 1 })
				s.restart()
				s.goOn("orders", 0, 1, 3)
			}
			s.src.Kill(1)
			s.src.Kill(2)
			r := s.failover()
			if r.Partial() {
				t.Fatalf("left out: %s", r.Topics[0].Failure)
			}
			s.frozen("orders", 4, r)
			rt := r.Topics[0]
			if rt.Before != spec.Faulted || rt.Reason.Code != spec.CorruptSource {
				t.Errorf("before: %s, %+v", rt.Before, rt.Reason)
			}
			for i, p := range rt.Partitions {
				switch {
				case i != 2 && !p.Stopped.IsZero():
					t.Errorf("partition %d was stopped: %+v", i, p.Stopped)
				case i == 2 && (p.Stopped.Code != spec.CorruptSource || p.Stopped.Detail == "" || p.LogEnd != 12 || p.Loss.Bound != link.AtLeast || p.Loss.Records != 9 || p.Loss.AsOf.IsZero()):
					t.Errorf("partition 2: %+v, loss %+v", p.FinalPartition, p.Loss)
				}
			}
			sh := s.topic("orders").Shadow
			if len(sh.Faults) != 0 || !sh.Reason.IsZero() || sh.Failover.Partitions[2].Stopped.Code != spec.CorruptSource {
				t.Errorf("after the failover: %+v", sh)
			}
			stored := storedReceipt(t, s.n)
			if diff := cmp.Diff(r, stored); diff != "" {
				t.Errorf("what is stored is not what was given (-given +stored)\n%s", diff)
			}
		})
	}
}

// TestLateAssignmentOfAStoppedPartition: a plan that was made before the fault
// comes after it, though the term is the same; and a fault whose event was lost is
// found again.
func TestLateAssignmentOfAStoppedPartition(t *testing.T) {
	s := newStory(t, linktest.Config{Brokers: 1}, nodeSetup{})
	s.src.CreateTopic("orders", 2)
	s.fill("orders", 2, 4)
	l := s.link("orders")
	s.same("orders", 2)
	id := shard.PartitionID{Topic: s.topic("orders").ID, Index: 1}
	late := link.AssignmentOf(l, id)
	s.src.Spoil("orders", 1, spoilCRC)
	s.fill("orders", 2, 3)
	s.stopped("orders", 1)
	s.src.Spoil("orders", 1, nil)
	var fault *replicate.FaultError
	if err := link.Reassign(l, s.topic("orders").Partitions[1].Shard, late); !errors.As(err, &fault) {
		t.Errorf("the late assignment: %v", err)
	}
	// As if nobody had heard of the fault: the term is what it was.
	_, err := s.n.store.UpdateShadow(t.Context(), id.Topic, late.Term, func(t *metadata.Topic) error {
		t.Shadow.State, t.Shadow.Reason, t.Shadow.Faults = spec.Active, spec.Reason{}, nil
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	s.stopped("orders", 1)
	if r := s.topic("orders").Shadow.Faults.Of(1); r.Code != spec.CorruptSource {
		t.Errorf("stopped for %+v", r)
	}
	s.goOn("orders", 0)
	if end := s.part("orders", 1).LogEnd; end != 12 {
		t.Errorf("the stopped partition ends at %d, want 12", end)
	}
	s.resume()
	s.same("orders", 2)
	s.well("orders")
}

// TestWaitsBesideAStoppedPartition: what a sibling waits for gives way to the
// fault that is shown, and is told when that is resumed.
func TestWaitsBesideAStoppedPartition(t *testing.T) {
	s := oneSpoiled(t)
	s.src.Refuse("orders", 1, kafkaproto.KafkaStorageError)
	s.fill("orders", 4, 2)
	s.eventually("the refusal was met a few times", func() bool {
		return s.counters().Errors[replicate.ErrorKey{Kind: replicate.ErrorRefused, Broker: s.src.Addrs()[1]}] > 2
	})
	if state, code := s.state("orders"); state != spec.Faulted || code != spec.CorruptSource {
		t.Errorf("the topic is %s, %s", state, code)
	}
	s.goOn("orders", 0, 3)
	s.src.Spoil("orders", 2, nil)
	s.resume()
	s.eventually("the refusal is told", func() bool {
		state, code := s.state("orders")
		return state == spec.Active && code == spec.SourceRefuses
	})
	s.goOn("orders", 0, 2, 3)
	s.src.Refuse("orders", 1, kafkaproto.None)
	s.same("orders", 4)
	s.well("orders")
}

// TestDropOfAPartlyStoppedTopic: an operator may drop it while its siblings are
// copied; it comes back whole, under its old id and a term that it had before.
func TestDropOfAPartlyStoppedTopic(t *testing.T) {
	s := oneSpoiled(t)
	stop := s.load("orders", 4)
	s.eventually("a sibling goes on", func() bool { return s.part("orders", 0).LogEnd > 40 })
	s.src.Spoil("orders", 2, nil)
	if err := s.n.store.DropShadow(t.Context(), "orders", kafkaproto.TopicID{}); err != nil {
		t.Fatal(err)
	}
	s.eventually("it is here again", func() bool { return s.topic("orders") != nil })
	stop()
	s.same("orders", 4)
	s.well("orders")
}

// TestSilentBrokerIsLeft: a broker that takes requests and answers none is hung up on,
// again and again, and copied from when it answers.
func TestSilentBrokerIsLeft(t *testing.T) {
	s := newStory(t, linktest.Config{Brokers: 1}, nodeSetup{})
	s.src.CreateTopic("orders", 2)
	s.fill("orders", 2, 3)
	s.link("orders", func(d *spec.Definition) { d.Options.RequestTimeout = 300 * time.Millisecond })
	s.same("orders", 2)
	slow := func() (n int64) {
		for _, c := range s.status().Shards {
			for key, times := range c.Errors {
				if key.Kind == replicate.ErrorSlow {
					n += times
				}
			}
		}
		return n
	}
	s.src.Hang(1, true)
	s.eventually("it is left again and again", func() bool { return slow() >= 3 })
	s.src.Hang(1, false)
	s.fill("orders", 2, 3)
	s.same("orders", 2)
}
