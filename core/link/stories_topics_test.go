package link_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"umbra/core/link"
	"umbra/core/link/linktest"
	"umbra/core/link/spec"
	"umbra/core/metadata"
	"umbra/kafkaproto"
)

// TestTopicCreatedAgain: a topic that was deleted and made again is not mixed
// into the copy of the first (S6): stopped, the old data kept.
func TestTopicCreatedAgain(t *testing.T) {
	for _, r := range linktest.Releases() {
		for _, longer := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/longer=%v", r.Name, longer), func(t *testing.T) {
				s := newStory(t, linktest.Config{Brokers: 1, Release: r}, nodeSetup{})
				s.src.CreateTopic("orders", 2)
				s.fill("orders", 2, 10)
				s.link("orders")
				s.same("orders", 2)
				before := s.read("orders", 1)
				s.src.DeleteTopic("orders")
				s.eventually("the deletion is said", func() bool { _, code := s.state("orders"); return code == spec.SourceDeleted })
				s.src.CreateTopic("orders", 2)
				n := 3
				if longer {
					n = 30
				}
				for i := range 2 {
					s.src.AppendMany("orders", i, n, linktest.Batch{Records: 2, Size: 333})
				}
				want := spec.SourceRecreated
				if !r.TopicIDs {
					want = spec.SourceDiverged // told by the log alone
				}
				s.eventually("the topic is stopped", func() bool {
					state, code := s.state("orders")
					return state == spec.Faulted && code == want
				})
				after := s.read("orders", 1)
				if len(after) != len(before) || s.part("orders", 1).LogEnd != 30 {
					t.Errorf("the copy ends at %d with %d batches, it had %d", s.part("orders", 1).LogEnd, len(after), len(before))
				}
				// The operator lets the copy go: the new topic is copied from its start.
				// Under the same name at once, and with a topic id of its own.
				if err := s.n.store.DropShadow(context.Background(), "orders", s.topic("orders").ID); err != nil {
					t.Fatal(err)
				}
				s.same("orders", 2)
			})
		}
	}
}

// TestQuickRecreation: the topic is gone and back between two looks.
func TestQuickRecreation(t *testing.T) {
	for _, r := range linktest.Releases() {
		t.Run(r.Name, func(t *testing.T) {
			s := newStory(t, linktest.Config{Brokers: 1, Release: r}, nodeSetup{})
			s.src.CreateTopic("orders", 1)
			s.fill("orders", 1, 5)
			s.link("orders", func(d *spec.Definition) { d.Options.MetadataRefresh = time.Minute })
			s.same("orders", 1)
			s.src.Hang(1, true)
			s.src.Reset(1) // no fetch of before may be answered from the new topic: by name there is no telling
			s.src.DeleteTopic("orders")
			s.src.CreateTopic("orders", 1)
			s.src.AppendMany("orders", 0, 20, linktest.Batch{Records: 3, Size: 99})
			s.src.Reset(1)
			s.src.Hang(1, false)
			s.eventually("the topic is stopped", func() bool { state, _ := s.state("orders"); return state == spec.Faulted })
			if end := s.part("orders", 0).LogEnd; end != 15 {
				t.Errorf("the copy ends at %d", end)
			}
		})
	}
}

// TestDroppedShadowIsCopiedAnew: a shadow that an operator drops comes back
// under the same topic id, and finds none of its old files.
func TestDroppedShadowIsCopiedAnew(t *testing.T) {
	s := newStory(t, linktest.Config{Brokers: 1}, nodeSetup{})
	s.src.CreateTopic("orders", 3)
	s.fill("orders", 3, 10)
	s.link("orders")
	s.same("orders", 3)
	for range 5 {
		s.src.Shorten("orders", 0, 12)
		s.eventually("the topic is stopped", func() bool { state, _ := s.state("orders"); return state == spec.Faulted })
		if err := s.n.store.DropShadow(context.Background(), "orders", s.topic("orders").ID); err != nil {
			t.Fatal(err)
		}
		s.src.AppendMany("orders", 0, 7, linktest.Batch{Records: 1, Size: 10})
		s.same("orders", 3)
	}
}

// TestTopicDeletedAtTheSource: the data is kept, the deletion is said, and
// nothing goes on asking for the topic.
func TestTopicDeletedAtTheSource(t *testing.T) {
	s := newStory(t, linktest.Config{Brokers: 2}, nodeSetup{})
	s.src.CreateTopic("orders", 4)
	s.src.CreateTopic("keeps", 2)
	s.fill("orders", 4, 10)
	s.link("orders,keeps")
	s.same("orders", 4)
	s.same("keeps", 2)
	s.src.DeleteTopic("orders")
	s.eventually("it is said", func() bool {
		state, code := s.state("orders")
		return state == spec.Active && code == spec.SourceDeleted
	})
	s.eventually("nobody asks for it", func() bool { return s.src.Following(1, "orders")+s.src.Following(2, "orders") == 0 })
	if n := len(s.read("orders", 2)); n != 10 {
		t.Errorf("%d batches are left", n)
	}
	s.fill("keeps", 2, 5)
	s.same("keeps", 2)
}

// TestNothingRunsOnAfterDeletion: topics that are deleted here leave no
// replicator, no fetcher and no connection behind (Redpanda #28869).
func TestNothingRunsOnAfterDeletion(t *testing.T) {
	s := newStory(t, linktest.Config{Brokers: 2}, nodeSetup{})
	for i := range 10 {
		name := fmt.Sprint("orders-", i)
		s.src.CreateTopic(name, 2)
		s.fill(name, 2, 2)
	}
	l := s.link("orders-*")
	for i := range 10 {
		s.same(fmt.Sprint("orders-", i), 2)
	}
	if _, err := l.Failover(t.Context(), link.FailoverRequest{Operation: "one"}); err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		name := fmt.Sprint("orders-", i)
		s.src.DeleteTopic(name)
		if err := s.n.store.DeleteTopic(context.Background(), name, kafkaproto.TopicID{}); err != nil {
			t.Fatal(err)
		}
	}
	s.eventually("nothing is left", func() bool {
		st := s.status()
		kept, brokers := link.Kept(l)
		// The control plane keeps a connection or two to ask for topics.
		return len(st.Topics) == 0 && kept == 0 && brokers == 0 && s.src.Connections(1)+s.src.Connections(2) <= 4
	})
}

// TestAnOldLookMakesNothing: a topic that is deleted at the source and here while
// a look at the source is under way is not made again from what the look saw.
func TestAnOldLookMakesNothing(t *testing.T) {
	for name, key := range map[string]int16{"Metadata": kafkaproto.KeyMetadata, "DescribeConfigs": kafkaproto.KeyDescribeConfigs} {
		t.Run(name, func(t *testing.T) {
			var armed atomic.Pointer[func()]
			s := newStory(t, linktest.Config{Answered: func(h kafkaproto.RequestHeader) {
				if f := armed.Load(); f != nil && h.Key == key && armed.CompareAndSwap(f, nil) {
					(*f)()
				}
			}}, nodeSetup{})
			s.src.CreateTopic("orders-old", 1)
			l := s.link("orders-*")
			s.same("orders-old", 1)
			if _, err := l.Failover(t.Context(), link.FailoverRequest{Operation: "one"}); err != nil {
				t.Fatal(err)
			}
			meanwhile := func() {
				s.src.DeleteTopic("orders-old")
				if err := s.n.store.DeleteTopic(context.Background(), "orders-old", kafkaproto.TopicID{}); err != nil {
					t.Error(err)
				}
			}
			armed.Store(&meanwhile)
			s.src.CreateTopic("orders-new", 1) // has a look ask for configs
			s.same("orders-new", 1)
			seen := s.src.Requests(kafkaproto.KeyMetadata)
			s.eventually("the look that saw it is acted on", func() bool { return s.src.Requests(kafkaproto.KeyMetadata) > seen+1 })
			if armed.Load() != nil || s.topic("orders-old") != nil {
				t.Errorf("deleted meanwhile: %v; made again: %v", armed.Load() == nil, s.topic("orders-old") != nil)
			}
		})
	}
}

// TestSeenStaysSeen: what is known of a silent partition's source is not forgotten when
// the link is paused or its source goes away: lag is as of the last answer.
func TestSeenStaysSeen(t *testing.T) {
	for name, leave := range map[string]func(s *story){
		"paused": func(s *story) {
			if err := s.n.manager.Pause(s.t.Context(), "dr"); err != nil {
				s.t.Fatal(err)
			}
		},
		"killed": func(s *story) { s.src.Kill(1) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newStory(t, linktest.Config{Brokers: 1}, nodeSetup{})
			s.src.CreateTopic("orders", 1)
			s.fill("orders", 1, 3)
			s.link("orders")
			s.same("orders", 1)
			first := s.status().Topics[0].Partitions[0].SeenAt
			s.eventually("answers come that leave the partition out", func() bool {
				return s.status().Topics[0].Partitions[0].SeenAt.Sub(first) > 500*time.Millisecond
			})
			before := s.status().Topics[0].Partitions[0]
			leave(s)
			s.eventually("nothing is followed", func() bool { return s.following() == 0 })
			now := s.status().Topics[0].Partitions[0]
			if now.SeenAt.Before(before.SeenAt) || now.CaughtUpAt.Before(before.CaughtUpAt) {
				t.Errorf("seen %v, caught up %v; were %v and %v", now.SeenAt, now.CaughtUpAt, before.SeenAt, before.CaughtUpAt)
			}
		})
	}
}

// TestOnlyAnswersAreNews: an answer says nothing of partitions that were taken in while it
// was on its way. They are asked for by the next request, and until that is answered, or if
// it never is, what is known of them is as old as it was: a lag of 0 as of now would be a lie.
func TestOnlyAnswersAreNews(t *testing.T) {
	const partitions = 8 // on both shards
	s := newStory(t, linktest.Config{Brokers: 1}, nodeSetup{})
	for _, topic := range []string{"orders", "pay"} {
		s.src.CreateTopic(topic, partitions)
		s.fill(topic, partitions, 3)
	}
	s.link("orders, pay", func(d *spec.Definition) { d.Options.FetchMaxWait = 20 * time.Second }) // answers wait for records
	s.same("orders", partitions)
	s.same("pay", partitions)
	refuse := func(code kafkaproto.ErrorCode) {
		for i := range partitions {
			s.src.Refuse("orders", i, code)
		}
	}
	refuse(kafkaproto.NotLeaderOrFollower)
	s.fill("pay", partitions, 1) // the answer takes orders out
	s.eventually("orders is not followed", func() bool { return s.following() == partitions })
	s.fill("orders", partitions, 3)
	refuse(kafkaproto.None)
	s.eventually("orders is followed again", func() bool { return s.following() == 2*partitions })
	appended := time.Now()
	honest := func() {
		t.Helper()
		topics := s.status().Topics
		at := slices.IndexFunc(topics, func(x link.TopicStatus) bool { return x.Topic.Name == "orders" })
		for i, p := range topics[at].Partitions {
			if high := s.src.Partition("orders", i).High; p.SeenAt.After(appended) && p.SourceHighWatermark < high {
				t.Fatalf("partition %d: the source's end was %d as of %v, and it had been %d at %v", i, p.SourceHighWatermark, p.SeenAt, high, appended)
			}
		}
	}
	var answers, held atomic.Int64
	release := make(chan struct{})
	letGo := sync.OnceFunc(func() { close(release) })
	t.Cleanup(letGo)
	s.src.Frame(1, func(frame []byte) ([]byte, bool) {
		if answers.Add(1) > 2 { // one is on each shard's way
			held.Add(1)
			<-release
		}
		return frame, false
	})
	s.fill("pay", partitions, 1)
	s.eventually("answers are held", func() bool { return held.Load() > 0 })
	honest()
	s.src.Reset(1) // they will never come
	s.eventually("the source is lost", func() bool { return s.following() == 0 })
	honest()
	s.src.Frame(1, nil)
	letGo()
	s.same("orders", partitions)
}

// TestMovedBeforeTheSessionIsKnown: partitions whose leader moves while the connection is
// made anew are in the session that the first request makes, and the source has an error to
// tell of each at once, for as long as they are in it: they are taken out of it.
func TestMovedBeforeTheSessionIsKnown(t *testing.T) {
	const partitions, rounds = 8, 50
	s := newStory(t, linktest.Config{Brokers: 2}, nodeSetup{})
	s.src.CreateTopic("orders", partitions)
	s.fill("orders", partitions, 3)
	s.link("orders", func(d *spec.Definition) { d.Options.FetchMaxWait = 20 * time.Second })
	s.same("orders", partitions)
	s.src.Reset(1) // and before it is connected again:
	stay := -1
	for i := range partitions {
		switch {
		case s.src.Partition("orders", i).Leader != 1:
		case stay < 0:
			stay = i
		default:
			s.src.MoveLeader("orders", i, 2)
		}
	}
	s.eventually("all are followed", func() bool { return s.following() == partitions })
	before := s.src.Requests(kafkaproto.KeyFetch)
	for range rounds {
		s.src.AppendMany("orders", stay, 1, linktest.Batch{Records: 1})
		s.same("orders", partitions)
	}
	if n := s.src.Requests(kafkaproto.KeyFetch) - before; n < rounds/2 || n > 10*rounds {
		t.Errorf("%d fetches for %d batches", n, rounds)
	}
}

// TestPartitionsGrow: added partitions are copied from their start, while others
// are being fetched.
func TestPartitionsGrow(t *testing.T) {
	for _, start := range []spec.StartKind{spec.StartEarliest, spec.StartLatest} {
		t.Run(string(start), func(t *testing.T) {
			s := newStory(t, linktest.Config{Brokers: 2}, nodeSetup{})
			s.src.CreateTopic("orders", 2)
			s.link("orders", func(d *spec.Definition) { d.Start = spec.Start{Kind: start} })
			s.eventually("both are followed", func() bool { return s.topic("orders") != nil && s.following() == 2 })
			for n := 3; n < 9; n++ {
				s.fill("orders", n-1, 3)
				s.src.AddPartitions("orders", n)
				s.src.AppendMany("orders", n-1, 4, linktest.Batch{Records: 2}) // before anybody here has seen it
			}
			s.same("orders", 8)
			if n := len(s.gaps("orders")); n != 0 {
				t.Errorf("%d gaps", n)
			}
			if got := len(s.topic("orders").Partitions); got != 8 {
				t.Errorf("%d partitions", got)
			}
		})
	}
}

// TestStartOption: latest and a time begin where they say, once; what is made
// later at the source is copied whole (Redpanda #29900).
func TestStartOption(t *testing.T) {
	at := func(ms int64) time.Time { return time.UnixMilli(ms) }
	for _, c := range []struct {
		name  string
		start spec.Start
		want  int64
	}{
		{"latest", spec.Start{Kind: spec.StartLatest}, 30},
		{"a time in the middle", spec.Start{Kind: spec.StartTimestamp, At: at(1_700_000_005_000)}, 15},
		{"a time past the end", spec.Start{Kind: spec.StartTimestamp, At: at(1_800_000_000_000)}, 30},
		{"a time before the start", spec.Start{Kind: spec.StartTimestamp, At: at(1_600_000_000_000)}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStory(t, linktest.Config{Brokers: 1}, nodeSetup{})
			s.src.CreateTopic("orders", 2)
			s.src.CreateTopic("empty", 1)
			for i := range 10 {
				s.src.Append("orders", 0, linktest.Batch{Records: 3, Timestamp: 1_700_000_000_000 + int64(i)*1000})
			}
			s.link("orders,empty,later", func(d *spec.Definition) { d.Start = c.start })
			s.eventually("the copy begins", func() bool { p := s.part("orders", 0); return p.LogStart == c.want && p.LogEnd == 30 })
			s.eventually("the others are followed", func() bool { return s.following() == 4-1 })
			s.fill("orders", 2, 2)
			s.eventually("it goes on", func() bool { return s.part("orders", 0).LogEnd == 36 && s.part("orders", 1).LogEnd == 6 })
			s.prefix("orders", 2)
			// A restart does not ask a second time: what came meanwhile is copied.
			s.n.stop(t)
			s.src.AppendMany("empty", 0, 5, linktest.Batch{Records: 2})
			s.src.CreateTopic("later", 1)
			s.src.AppendMany("later", 0, 5, linktest.Batch{Records: 2})
			s.n = s.setup.start(t)
			s.same("empty", 1)
			s.same("later", 1)
			if p := s.part("orders", 0); p.LogStart != c.want {
				t.Errorf("the copy begins at %d after a restart, it began at %d", p.LogStart, c.want)
			}
			if n := len(s.gaps("orders")) + len(s.gaps("empty")) + len(s.gaps("later")); n != 0 {
				t.Errorf("%d gaps, nothing was promised there", n)
			}
		})
	}
}

// TestTopicsWithAndWithoutID: a source where some topics have an id and some
// have none yet.
func TestTopicsWithAndWithoutID(t *testing.T) {
	s := newStory(t, linktest.Config{Brokers: 1}, nodeSetup{})
	s.src.CreateTopic("with", 2)
	s.src.CreateTopic("without", 2)
	s.src.DropID("without")
	s.fill("with", 2, 5)
	s.fill("without", 2, 5)
	s.link("with*")
	s.same("with", 2)
	s.same("without", 2)
	s.src.GiveID("without")
	s.eventually("the id is known", func() bool { return s.topic("without").Shadow.SourceID == s.src.TopicID("without") })
	s.fill("with", 2, 5)
	s.fill("without", 2, 5)
	s.same("with", 2)
	s.same("without", 2)
	s.src.CreateTopic("within", 1) // one without an id joins, and leaves
	s.src.DropID("within")
	s.src.AppendMany("within", 0, 5, linktest.Batch{Records: 1})
	s.eventually("it is here", func() bool { return s.topic("within") != nil })
	s.same("within", 1)
	s.fill("with", 2, 5)
	s.same("with", 2)
	s.src.DeleteTopic("within")
	s.eventually("it has left", func() bool {
		_, code := s.state("within")
		return code == spec.SourceDeleted && s.src.Following(1, "within") == 0 && s.following() == 4
	})
	s.fill("with", 2, 5)
	s.same("with", 2)
}

// TestAuthorization: a topic that the source hides is not taken for deleted; one
// that may not be read says so; both go on by themselves, others are untouched.
func TestAuthorization(t *testing.T) {
	s := newStory(t, linktest.Config{Brokers: 1}, nodeSetup{})
	for _, n := range []string{"hidden", "closed", "open"} {
		s.src.CreateTopic(n, 2)
		s.fill(n, 2, 5)
	}
	s.link("hidden,closed,open")
	for _, n := range []string{"hidden", "closed", "open"} {
		s.same(n, 2)
	}
	for range 2 {
		s.src.Deny("hidden", true)
		s.src.DenyRead("closed", true)
		for _, n := range []string{"hidden", "closed", "open"} {
			s.fill(n, 2, 5)
		}
		for _, n := range []string{"hidden", "closed"} {
			s.eventually("it is said of "+n, func() bool {
				state, code := s.state(n)
				return state == spec.Active && code == spec.SourceAuthorization
			})
		}
		s.same("open", 2)
		s.src.Deny("hidden", false)
		s.src.DenyRead("closed", false)
		for _, n := range []string{"hidden", "closed"} {
			s.same(n, 2)
			s.eventually("the reason is gone", func() bool { _, code := s.state(n); return code == "" })
		}
	}
}

// TestPartitionErrors: every error a source may answer a partition with is
// outlived.
func TestPartitionErrors(t *testing.T) {
	for _, code := range []kafkaproto.ErrorCode{kafkaproto.NotLeaderOrFollower, kafkaproto.OffsetNotAvailable, kafkaproto.KafkaStorageError, kafkaproto.UnknownServerError,
		kafkaproto.CorruptMessage, kafkaproto.FencedLeaderEpoch, kafkaproto.UnknownLeaderEpoch, kafkaproto.UnknownTopicOrPartition, kafkaproto.OffsetOutOfRange} {
		t.Run(code.Error(), func(t *testing.T) {
			s := newStory(t, linktest.Config{Brokers: 1}, nodeSetup{})
			s.src.CreateTopic("orders", 2)
			s.link("orders")
			s.same("orders", 2)
			s.src.Refuse("orders", 0, code)
			s.fill("orders", 2, 5)
			s.eventually("the other partition goes on", func() bool { return s.part("orders", 1).LogEnd == 15 })
			looks := s.src.Requests(kafkaproto.KeyMetadata)
			s.fill("orders", 2, 5)
			s.eventually("the other partition goes on", func() bool { return s.part("orders", 1).LogEnd == 30 })
			if more := s.src.Requests(kafkaproto.KeyMetadata) - looks; more > 20 {
				t.Errorf("the source was asked for its topics %d times meanwhile", more)
			}
			s.src.Refuse("orders", 0, kafkaproto.None)
			s.same("orders", 2)
			s.eventually("nothing is wrong any more", func() bool {
				state, code := s.state("orders")
				return state == spec.Active && code == ""
			})
		})
	}
}

// TestPauseAndResume: nothing arrives while a link is paused, also not from
// answers and flights that were under way.
func TestPauseAndResume(t *testing.T) {
	s := newStory(t, linktest.Config{Brokers: 2}, nodeSetup{})
	s.src.CreateTopic("orders", 4)
	s.fill("orders", 4, 5)
	s.link("orders")
	s.same("orders", 4)
	for range 5 {
		if err := s.n.manager.Pause(context.Background(), "dr"); err != nil {
			t.Fatal(err)
		}
		s.eventually("the status says so", func() bool { return s.status().Topics[0].State == spec.Paused && s.following() == 0 })
		s.eventually("no connection is left but the control plane's", func() bool { _, brokers := link.Kept(s.dr()); return brokers == 0 })
		end := s.part("orders", 0).LogEnd
		s.fill("orders", 4, 3)
		for i := range 4 {
			s.src.MoveLeader("orders", i, int32(1+i%2))
		}
		if got := s.part("orders", 0).LogEnd; got != end {
			t.Errorf("%d records arrived while the link is paused", got-end)
		}
		if err := s.n.manager.Resume(context.Background(), "dr"); err != nil {
			t.Fatal(err)
		}
		s.same("orders", 4)
	}
}

// TestHungBroker: a broker that takes requests and answers none holds up its own
// partitions only; pausing and deleting the link do not wait for it (Redpanda
// #30788).
func TestHungBroker(t *testing.T) {
	s := newStory(t, linktest.Config{Brokers: 3}, nodeSetup{})
	s.src.CreateTopic("orders", 3)
	s.link("orders", func(d *spec.Definition) { d.Options.RequestTimeout = 10 * time.Minute }) // longer than any of this may hang
	s.same("orders", 3)
	s.src.Hang(1, true) // leads partition 0, and is asked first
	s.src.Reset(1)
	s.fill("orders", 3, 5)
	for i := 1; i < 3; i++ {
		s.src.MoveLeader("orders", i, int32(4-i))
	}
	s.fill("orders", 3, 5)
	s.eventually("the others go on", func() bool { return s.part("orders", 1).LogEnd == 30 && s.part("orders", 2).LogEnd == 30 })
	if end := s.part("orders", 0).LogEnd; end != 0 {
		t.Errorf("partition 0 ends at %d", end)
	}
	// The cluster notices and elects another leader: the partition does not wait
	// for the hung one.
	s.src.MoveLeader("orders", 0, 2)
	s.same("orders", 3)
	s.src.Hang(2, true)
	s.src.Hang(3, true)
	s.src.Reset(2)
	s.src.Reset(3)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if err := s.n.manager.Pause(ctx, "dr"); err != nil {
		t.Fatal(err)
	}
	l := s.dr()
	s.eventually("nothing is fetched", func() bool { _, brokers := link.Kept(l); return brokers == 0 })
	if err := s.n.manager.Resume(ctx, "dr"); err != nil {
		t.Fatal(err)
	}
	if err := s.n.manager.Delete(ctx, "dr", true); err != nil {
		t.Fatal(err)
	}
	select {
	case <-link.Stopped(l):
	case <-ctx.Done():
		t.Fatal("the deleted link runs on")
	}
}

// TestForcedDeletion: the topics of a link that was deleted by force stay
// read-only, can be looked at and failed over.
func TestForcedDeletion(t *testing.T) {
	s := newStory(t, linktest.Config{Brokers: 1}, nodeSetup{})
	s.src.CreateTopic("orders", 2)
	s.fill("orders", 2, 5)
	s.link("orders")
	s.same("orders", 2)
	ctx := context.Background()
	if err := s.n.manager.Delete(ctx, "dr", false); !errors.Is(err, metadata.ErrInUse) {
		t.Fatalf("deletion without force: %v", err)
	}
	if err := s.n.manager.Delete(ctx, "dr", true); err != nil {
		t.Fatal(err)
	}
	s.eventually("the topic is an orphan", func() bool {
		state, code := s.state("orders")
		return state == spec.Faulted && code == spec.LinkDeleted
	})
	s.eventually("nobody is connected", func() bool { return s.src.Connections(1) == 0 })
	st := s.status()
	if st.Link.Reason.Code != spec.LinkDeleted || len(st.Topics) != 1 {
		t.Errorf("status of what is left: %+v", st.Link.Reason)
	}
	r, err := s.dr().Failover(ctx, link.FailoverRequest{Operation: "op"})
	if err != nil {
		t.Fatal(err)
	}
	if r.Partial() || len(r.Topics) != 1 || !s.topic("orders").Writable() {
		t.Errorf("receipt %+v, topic %s", r, s.topic("orders").Shadow.State)
	}
	if _, err := s.n.manager.Link("dr"); !errors.Is(err, link.ErrNotFound) {
		t.Errorf("a link with nothing left is found: %v", err)
	}
	s.restart()
	left, err := filepath.Glob(filepath.Join(s.setup.dir, "link", "*"))
	if err != nil || len(left) != 0 {
		t.Errorf("notes left behind: %v, %v", left, err)
	}
}
