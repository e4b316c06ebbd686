package link_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"umbra/core/link/linktest"
	"umbra/core/link/replicate"
	"umbra/core/link/spec"
	"umbra/core/metadata"
	"umbra/kafkaproto"
)

// TestEveryRelease copies from every release that is supported, with sessions
// and without.
func TestEveryRelease(t *testing.T) {
	for _, r := range linktest.Releases() {
		for _, sessions := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/sessions=%v", r.Name, sessions), func(t *testing.T) {
				s := newStory(t, linktest.Config{Brokers: 3, Release: r, NoSessions: !sessions}, nodeSetup{})
				s.src.CreateTopic("orders", 4)
				s.src.SetConfig("orders", "max.message.bytes", "2000000")
				s.fill("orders", 4, 20)
				s.link("orders")
				s.same("orders", 4)
				s.src.Append("orders", 1, linktest.Batch{Records: 5, Gap: 7}) // a hole, as compaction leaves
				s.fill("orders", 4, 5)
				s.same("orders", 4)
				if got := s.topic("orders").Configs["max.message.bytes"]; got != "2000000" {
					t.Errorf("config copied as %q", got)
				}
				if id := s.topic("orders").ID; r.TopicIDs && id != s.src.TopicID("orders") {
					t.Errorf("topic id %s, at the source %s", id, s.src.TopicID("orders"))
				}
			})
		}
	}
}

// TestLeaderMoves: partitions go on from another broker, with the epochs of the
// source, over and over.
func TestLeaderMoves(t *testing.T) {
	for _, r := range linktest.Releases() {
		t.Run(r.Name, func(t *testing.T) {
			s := newStory(t, linktest.Config{Brokers: 3, Release: r}, nodeSetup{})
			s.src.CreateTopic("orders", 3)
			s.link("orders")
			for round := range 6 {
				s.fill("orders", 3, 4)
				for i := range 3 {
					s.src.MoveLeader("orders", i, int32(1+(round+i)%3))
				}
				s.fill("orders", 3, 4)
				if round%2 == 1 {
					s.same("orders", 3)
				}
			}
			s.same("orders", 3)
		})
	}
}

// TestBrokerDies: one of three brokers dies and its partitions move; later it
// comes back and takes them again.
func TestBrokerDies(t *testing.T) {
	s := newStory(t, linktest.Config{Brokers: 3}, nodeSetup{})
	s.src.CreateTopic("orders", 6)
	s.fill("orders", 6, 5)
	s.link("orders")
	s.same("orders", 6)
	for round := range 3 {
		s.src.Kill(1)
		for i := 0; i < 6; i += 3 {
			s.src.MoveLeader("orders", i, 2)
		}
		s.fill("orders", 6, 5)
		s.same("orders", 6)
		if err := s.src.Restart(1); err != nil {
			t.Fatal(err)
		}
		for i := 0; i < 6; i += 3 {
			s.src.MoveLeader("orders", i, 1)
		}
		s.fill("orders", 6, 5+round)
		s.same("orders", 6)
	}
}

// TestConnectionsBreak: resets between answers and in the middle of one, and
// sessions that the source forgets, leave an exact prefix.
func TestConnectionsBreak(t *testing.T) {
	s := newStory(t, linktest.Config{Brokers: 1}, nodeSetup{})
	s.src.CreateTopic("orders", 3)
	s.link("orders")
	for round := range 30 {
		s.fill("orders", 3, 10)
		switch round % 3 {
		case 0:
			s.src.Reset(1)
		case 1:
			s.src.EvictSessions(1)
		case 2:
			cut := round * 211
			// The answers are cut before there is anything to fetch: it could all
			// be here already.
			s.src.Frame(1, func(f []byte) ([]byte, bool) {
				if len(f) < 500 { // nothing but heads
					return f, false
				}
				return f[:min(cut, len(f)-1)], true
			})
			before := s.brokerDowns()
			s.fill("orders", 3, 10)
			s.eventually("a connection broke", func() bool { return s.brokerDowns() > before })
			s.src.Frame(1, nil)
		}
	}
	s.same("orders", 3)
}

// brokerDowns counts lost connections.
func (s *story) brokerDowns() (n int64) {
	for _, k := range s.counters().Errors {
		n += k
	}
	return n
}

func (s *story) counters() (c replicate.Counters) {
	for _, sh := range s.status().Shards {
		c.Add(sh)
	}
	return c
}

// TestRetentionOvertakes: what the source dropped before it was copied is in the
// ledger, in the reason and nowhere silently (S2).
func TestRetentionOvertakes(t *testing.T) {
	s := newStory(t, linktest.Config{Brokers: 1}, nodeSetup{})
	s.src.CreateTopic("orders", 2)
	s.fill("orders", 2, 4)
	s.link("orders")
	s.same("orders", 2)
	if err := s.n.manager.Pause(context.Background(), "dr"); err != nil {
		t.Fatal(err)
	}
	s.eventually("nothing is copied", func() bool { return s.src.Connections(1) <= 2 && s.following() == 0 })
	s.fill("orders", 2, 20)
	s.src.Trim("orders", 0, 31) // in the middle of a batch
	if err := s.n.manager.Resume(context.Background(), "dr"); err != nil {
		t.Fatal(err)
	}
	s.same("orders", 2)
	g := s.gaps("orders")
	if len(g) != 1 || g[0].From != 12 || g[0].To != 31 || g[0].Partition != 0 || g[0].Why != spec.SourceRetentionGap {
		t.Errorf("gaps %+v, want one from 12 to 31", g)
	}
	if _, code := s.state("orders"); code != spec.SourceRetentionGap {
		t.Errorf("reason %q", code)
	}
	s.fill("orders", 2, 3)
	s.same("orders", 2)
}

func (s *story) following() (n int) {
	for _, t := range s.status().Topics {
		for _, p := range t.Partitions {
			if p.Following {
				n++
			}
		}
	}
	return n
}

// TestStartFollows: the log start follows the source's without new data, in the
// middle of a batch, to the very end, also when nothing was copied for a while;
// it never overtakes it (S5).
func TestStartFollows(t *testing.T) {
	for _, sessions := range []bool{true, false} {
		t.Run(fmt.Sprintf("sessions=%v", sessions), func(t *testing.T) {
			s := newStory(t, linktest.Config{Brokers: 2, NoSessions: !sessions}, nodeSetup{})
			s.src.CreateTopic("orders", 3)
			s.fill("orders", 3, 30)
			s.link("orders")
			s.same("orders", 3)
			s.src.Trim("orders", 0, 10)
			s.same("orders", 3)
			s.src.Trim("orders", 0, 12)
			s.src.Trim("orders", 1, 90) // everything
			s.same("orders", 3)
			s.fill("orders", 3, 5)
			s.same("orders", 3)
			// While the leader moves and while nobody is connected.
			s.src.Trim("orders", 2, 50)
			s.src.MoveLeader("orders", 2, 2)
			s.same("orders", 3)
			s.src.Reset(1)
			s.src.Reset(2)
			s.src.Trim("orders", 2, 77)
			s.same("orders", 3)
			if n := len(s.gaps("orders")); n != 0 {
				t.Errorf("%d gaps recorded, nothing was missed", n)
			}
			// Trims under load, each a little further: never past the source.
			for i := range 40 {
				s.src.Append("orders", 0, linktest.Batch{Records: 4, Size: 50})
				if i%3 == 0 {
					v := s.src.Partition("orders", 0)
					s.src.Trim("orders", 0, v.End-int64(i%7))
				}
				if p, v := s.part("orders", 0), s.src.Partition("orders", 0); p.LogStart > v.Start {
					t.Fatalf("log start %d, at the source %d", p.LogStart, v.Start)
				}
			}
			s.same("orders", 3)
		})
	}
}

// TestUncleanElection: a tail that was copied and that the source replaced under
// a newer epoch is cut to the point where the histories part, kept and recorded
// (S3).
func TestUncleanElection(t *testing.T) {
	for _, r := range linktest.Releases() {
		t.Run(r.Name, func(t *testing.T) {
			s := newStory(t, linktest.Config{Brokers: 2, Release: r}, nodeSetup{})
			s.src.CreateTopic("orders", 2)
			s.fill("orders", 2, 10)
			s.link("orders")
			s.same("orders", 2)
			lost := s.src.Partition("orders", 0).Batches[7:]
			s.src.Unclean("orders", 0, 21, 2)
			s.src.AppendMany("orders", 0, 8, linktest.Batch{Records: 2, Size: 90})
			s.same("orders", 2)
			c := s.cuts("orders")
			if len(c) != 1 || c[0].From != 21 || c[0].To != 30 || c[0].Partition != 0 || c[0].Epochs != (spec.CutEpochs{Local: 0, Source: 1}) {
				t.Fatalf("cuts %+v, want one from 21 to 30", c)
			}
			kept, err := os.ReadFile(filepath.Join(s.setup.dir, c[0].File))
			if err != nil {
				t.Fatal(err)
			}
			var want []byte
			for _, v := range lost {
				want = append(want, v...)
			}
			if sum := sha256.Sum256(kept); string(kept) != string(want) || hex.EncodeToString(sum[:]) != c[0].SHA256 {
				t.Errorf("%d bytes are kept with digest %s, want the %d that were cut", len(kept), c[0].SHA256, len(want))
			}
			if state, _ := s.state("orders"); state != spec.Active {
				t.Errorf("the topic is %s", state)
			}
			// Again, now over two epochs at once.
			s.src.Unclean("orders", 0, 9, 1)
			s.src.Append("orders", 0, linktest.Batch{Records: 1})
			s.src.Unclean("orders", 0, 9, 2)
			s.src.AppendMany("orders", 0, 40, linktest.Batch{Records: 2})
			s.same("orders", 2)
			if n := len(s.gaps("orders")); n != 0 {
				t.Errorf("%d gaps recorded", n)
			}
		})
	}
}

// TestShorterUnderTheSameEpoch: a source that went back without an election is
// not followed; an operator decides, and the copy is as it was (S3).
func TestShorterUnderTheSameEpoch(t *testing.T) {
	s := newStory(t, linktest.Config{Brokers: 1}, nodeSetup{})
	s.src.CreateTopic("orders", 2)
	s.src.CreateTopic("other", 1)
	s.fill("orders", 2, 10)
	s.link("orders,other")
	s.same("orders", 2)
	before := s.read("orders", 0)
	s.src.Shorten("orders", 0, 12)
	s.eventually("the topic is stopped", func() bool {
		state, code := s.state("orders")
		return state == spec.Faulted && code == spec.SourceDiverged
	})
	s.src.AppendMany("orders", 0, 50, linktest.Batch{Records: 3})
	s.fill("other", 1, 5)
	s.same("other", 1)
	if after := s.read("orders", 0); len(after) != len(before) || s.part("orders", 0).LogEnd != 30 {
		t.Errorf("%d batches are left of %d", len(after), len(before))
	}
}

// TestHighWatermarkLags: after a restart the source hides a tail that was copied
// already. That is no divergence.
func TestHighWatermarkLags(t *testing.T) {
	for _, history := range []bool{true, false} {
		t.Run(fmt.Sprintf("history=%v", history), func(t *testing.T) {
			s := newStory(t, linktest.Config{Brokers: 2}, nodeSetup{})
			s.src.CreateTopic("orders", 1)
			s.fill("orders", 1, 10)
			s.link("orders")
			s.same("orders", 1)
			if !history {
				s.src.ForgetEpochs("orders", 0)
			}
			asked := s.src.Requests(kafkaproto.KeyListOffsets)
			s.src.SetHigh("orders", 0, 12)
			s.src.MoveLeader("orders", 0, 2)
			s.eventually("the move was noticed", func() bool { return s.src.Requests(kafkaproto.KeyListOffsets) > asked+1 })
			if state, code := s.state("orders"); state != spec.Active {
				t.Fatalf("the topic is %s (%s)", state, code)
			}
			s.src.SetHigh("orders", 0, 30)
			s.fill("orders", 1, 3)
			s.same("orders", 1)
			if len(s.cuts("orders")) != 0 || len(s.gaps("orders")) != 0 {
				t.Error("something was cut or skipped")
			}
		})
	}
}

// TestBackWithinOnePoll: a topic leaves the fetch session and comes back while
// one request is in flight. A source takes in what a request wants before it
// takes out what it forgets, so it must not be named as both.
func TestBackWithinOnePoll(t *testing.T) {
	for _, r := range []linktest.Release{linktest.Kafka21(), linktest.Kafka4x()} {
		t.Run(r.Name, func(t *testing.T) {
			s := newStory(t, linktest.Config{Brokers: 1, Release: r}, nodeSetup{})
			s.src.CreateTopic("orders", 2)
			s.src.CreateTopic("other", 2)
			s.fill("orders", 2, 3)
			s.link("orders,other", func(d *spec.Definition) { d.Options.FetchMaxWait = 2 * time.Second })
			s.same("orders", 2)
			s.eventually("all are followed", func() bool { return s.topic("other") != nil && s.following() == 4 })
			for range 3 {
				top := s.topic("orders")
				_, err := s.n.store.UpdateShadow(context.Background(), top.ID, top.Shadow.Term, func(t *metadata.Topic) error {
					t.Shadow.State, t.Shadow.Reason, t.Shadow.Term = spec.Faulted, spec.Reason{Code: spec.CorruptSource}, t.Shadow.Term+1
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
				s.eventually("it is not followed", func() bool { return s.following() == 2 })
				if err := s.n.manager.Resume(context.Background(), "dr"); err != nil {
					t.Fatal(err)
				}
				s.eventually("it is followed again", func() bool { return s.following() == 4 })
				s.src.Trim("orders", 0, s.part("orders", 0).LogEnd-2) // told once, perhaps in an answer that nobody takes in
				s.fill("orders", 2, 2)
				s.same("orders", 2)
			}
		})
	}
}

// TestWaitingWhileOthersLeave: a partition that waits to be asked for again is
// not forgotten when the last other partition leaves its broker.
func TestWaitingWhileOthersLeave(t *testing.T) {
	s := newStory(t, linktest.Config{Brokers: 2}, nodeSetup{refused: 2 * time.Second})
	s.src.CreateTopic("orders", 1)
	s.src.CreateTopic("other", 1)
	s.link("orders,other")
	s.same("orders", 1)
	s.same("other", 1)
	for round := range 3 {
		there := int32(2 - round%2)
		s.src.Refuse("orders", 0, kafkaproto.KafkaStorageError)
		s.fill("orders", 1, 3)
		s.eventually("it is refused", func() bool { _, code := s.state("orders"); return code == spec.SourceRefuses })
		s.src.MoveLeader("other", 0, there)
		s.fill("other", 1, 3)
		s.same("other", 1)
		s.src.Refuse("orders", 0, kafkaproto.None)
		s.same("orders", 1)
		s.src.MoveLeader("orders", 0, there)
		s.src.MoveLeader("other", 0, there)
		s.fill("orders", 1, 1)
		s.same("orders", 1)
	}
}
