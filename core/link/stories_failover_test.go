package link_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"umbra/core/link"
	"umbra/core/link/linktest"
	"umbra/core/link/spec"
	"umbra/kafkaproto"
	"umbra/kafkaproto/batch"
	"umbra/shard"
)

// load appends to a topic's partitions until it is stopped.
func (s *story) load(topic string, partitions int) (stop func()) {
	quit := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-quit:
				return
			default:
				s.src.Append(topic, i%partitions, linktest.Batch{Records: 1 + i%5, Size: i * 37 % 3000})
			}
			time.Sleep(200 * time.Microsecond) // the pace of the load; nothing waits for it
		}
	})
	return sync.OnceFunc(func() { close(quit); wg.Wait() })
}

func (s *story) failover(topics ...string) *link.Receipt {
	s.t.Helper()
	r, err := s.dr().Failover(s.t.Context(), link.FailoverRequest{Topics: topics, Operation: fmt.Sprint("op-", time.Now().UnixNano())})
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

// frozen checks F2 and F3 of a topic that was failed over: the log ends where
// the receipt says, behind a prefix of the source, and does not change.
func (s *story) frozen(topic string, partitions int, r *link.Receipt) {
	s.t.Helper()
	t := s.topic(topic)
	if !t.Writable() {
		s.t.Fatalf("%s is %s", topic, t.Shadow.State)
	}
	for _, rt := range r.Topics {
		if rt.Topic != topic {
			continue
		}
		for i := range partitions {
			p, now := rt.Partitions[i], s.part(topic, i)
			if now.LogEnd != p.End || now.LogStart != p.LogStart || now.HighWatermark != p.End {
				s.t.Errorf("%s/%d holds %d..%d, the receipt says %d..%d", topic, i, now.LogStart, now.LogEnd, p.LogStart, p.End)
			}
			if now.LeaderEpoch <= p.LeaderEpoch {
				s.t.Errorf("%s/%d leads with epoch %d, the copy has %d", topic, i, now.LeaderEpoch, p.LeaderEpoch)
			}
		}
	}
}

// TestFailoverUnderLoad: topics are failed over while records arrive; what is
// here afterwards is an exact prefix and stays what it is, whatever the source
// does from then on (F2).
func TestFailoverUnderLoad(t *testing.T) {
	for round := range 8 {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			s := newStory(t, linktest.Config{Brokers: 2}, nodeSetup{})
			s.src.CreateTopic("orders", 4)
			s.src.CreateTopic("stays", 2)
			s.fill("orders", 4, 20)
			s.fill("stays", 2, 3)
			s.link("orders,stays")
			stop := s.load("orders", 4)
			defer stop()
			s.eventually("copying goes on", func() bool { return s.part("orders", round%4).LogEnd > int64(70+10*round) })
			r := s.failover("orders")
			copies := map[int][]batch.View{}
			for i := range 4 {
				copies[i] = s.read("orders", i)
				if err := prefixOf(copies[i], 0, s.src.Partition("orders", i).Batches); err != nil {
					t.Errorf("orders/%d: %v", i, err)
				}
			}
			stop()
			// Trimmed, elected uncleanly, deleted, made again: nothing of it arrives.
			s.src.Trim("orders", 0, 30)
			s.src.Unclean("orders", 1, 15, 1)
			s.src.AppendMany("orders", 1, 100, linktest.Batch{Records: 3})
			s.src.MoveLeader("orders", 2, 1)
			s.fill("stays", 2, 5)
			s.same("stays", 2)
			s.src.DeleteTopic("orders")
			s.src.CreateTopic("orders", 9)
			s.fill("orders", 9, 3)
			s.fill("stays", 2, 5)
			s.same("stays", 2)
			s.eventually("nobody asks for the topic", func() bool { return s.src.Following(1, "orders")+s.src.Following(2, "orders") == 0 })
			s.frozen("orders", 4, r)
			for i := range 4 {
				if got := s.read("orders", i); len(got) != len(copies[i]) {
					t.Errorf("orders/%d: %d batches, %d after the failover", i, len(got), len(copies[i]))
				}
			}
			if len(s.topic("orders").Partitions) != 4 || len(s.gaps("orders"))+len(s.cuts("orders")) != 0 {
				t.Error("the source still changes the topic")
			}
		})
	}
}

// TestFailoverMeetsRepairs: failovers while partitions are being cut, trimmed,
// skipped and moved. The fence waits for what is under way; nothing begins after.
func TestFailoverMeetsRepairs(t *testing.T) {
	for round := range 12 {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			s := newStory(t, linktest.Config{Brokers: 2}, nodeSetup{})
			s.src.CreateTopic("orders", 6)
			s.fill("orders", 6, 20)
			s.link("orders")
			s.same("orders", 6)
			for i := range 6 {
				switch i % 3 {
				case 0:
					s.src.Unclean("orders", i, int64(20+round), int32(1+round%2))
				case 1:
					s.src.Trim("orders", i, int64(10+round))
				case 2:
					s.src.MoveLeader("orders", i, int32(1+round%2))
				}
			}
			looks := 1 + round // somewhere on the way through a flight
			for range looks {
				s.src.Append("orders", 2, linktest.Batch{Records: 1})
			}
			r := s.failover()
			s.fill("orders", 6, 10)
			for i := range 6 {
				s.src.Trim("orders", i, 45)
			}
			seen := s.src.Requests(kafkaproto.KeyMetadata)
			s.eventually("the link looked twice since", func() bool { return s.src.Requests(kafkaproto.KeyMetadata) > seen+1 })
			s.frozen("orders", 6, r)
			for _, g := range s.gaps("orders") {
				t.Errorf("gap %+v", g)
			}
		})
	}
}

// TestFailoverWhileTheSourceIsAsked: what the source says of a partition that a
// failover has taken meanwhile moves no log, and leaves no gap in the ledger.
func TestFailoverWhileTheSourceIsAsked(t *testing.T) {
	var armed atomic.Pointer[func()]
	s := newStory(t, linktest.Config{Brokers: 1, Heard: func(h kafkaproto.RequestHeader, _ kafkaproto.Message) {
		if f := armed.Load(); f != nil && h.Key == kafkaproto.KeyListOffsets && armed.CompareAndSwap(f, nil) {
			(*f)()
		}
	}}, nodeSetup{})
	s.src.CreateTopic("orders", 1)
	s.fill("orders", 1, 10)
	s.link("orders")
	s.same("orders", 1)
	l := s.dr()
	receipt, failed := make(chan *link.Receipt, 1), make(chan error, 1)
	meanwhile := func() {
		r, err := l.Failover(context.Background(), link.FailoverRequest{Operation: "meanwhile"})
		s.fill("orders", 1, 10)
		s.src.Trim("orders", 0, 45)
		receipt <- r
		failed <- err
	}
	armed.Store(&meanwhile)
	s.src.MoveLeader("orders", 0, 1) // a new leader epoch: the source is asked anew
	s.eventually("it is failed over", func() bool { return len(failed) == 1 })
	if err := <-failed; err != nil {
		t.Fatal(err)
	}
	seen := s.src.Requests(kafkaproto.KeyMetadata)
	s.eventually("the link looked twice since", func() bool { return s.src.Requests(kafkaproto.KeyMetadata) > seen+1 })
	s.frozen("orders", 1, <-receipt)
	if g := s.gaps("orders"); len(g) != 0 {
		t.Errorf("gaps %+v", g)
	}
}

// TestFailoverOfStoppedTopics: every state may be failed over, with the source
// gone.
func TestFailoverOfStoppedTopics(t *testing.T) {
	s := newStory(t, linktest.Config{Brokers: 1}, nodeSetup{})
	for _, n := range []string{"active", "faulted", "deleted"} {
		s.src.CreateTopic(n, 2)
		s.fill(n, 2, 5)
	}
	s.src.CreateTopic("empty", 1)
	s.link("active,faulted,deleted,empty")
	for _, n := range []string{"active", "faulted", "deleted"} {
		s.same(n, 2)
	}
	s.src.Shorten("faulted", 0, 6)
	s.src.DeleteTopic("deleted")
	s.eventually("they are what they are called", func() bool {
		state, _ := s.state("faulted")
		_, code := s.state("deleted")
		return state == spec.Faulted && code == spec.SourceDeleted && s.topic("empty") != nil
	})
	if err := s.n.manager.Pause(t.Context(), "dr"); err != nil {
		t.Fatal(err)
	}
	s.src.Kill(1)
	r := s.failover()
	if r.Partial() || len(r.Topics) != 4 {
		t.Fatalf("receipt of %d topics, partial %v", len(r.Topics), r.Partial())
	}
	for _, rt := range r.Topics {
		s.frozen(rt.Topic, len(rt.Partitions), r)
		if want := map[string]spec.TopicState{"faulted": spec.Faulted}[rt.Topic]; want != 0 && rt.Before != want {
			t.Errorf("%s was %s before", rt.Topic, rt.Before)
		}
	}
	if _, err := s.dr().Failover(t.Context(), link.FailoverRequest{Operation: "again"}); !errors.Is(err, link.ErrNothingToDo) {
		t.Errorf("a second failover: %v", err)
	}
	s.eventually("the dead source does not count as reachable", func() bool { return !s.status().Reachable })
}

// seen is what the link has written down of how far its source had come.
func (s *story) seen() string {
	s.t.Helper()
	b, err := os.ReadFile(filepath.Join(s.setup.dir, "link", s.status().Link.ID, "seen.json"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.t.Fatal(err)
	}
	return string(b)
}

// TestLossIsKnownAfterARestart: the node starts again while the source is gone;
// lag and receipt say what was known last, and as of when.
func TestLossIsKnownAfterARestart(t *testing.T) {
	s := newStory(t, linktest.Config{Brokers: 1}, nodeSetup{})
	s.src.CreateTopic("orders", 2)
	s.fill("orders", 2, 5)
	s.link("orders")
	s.same("orders", 2)
	// The source has more than it hands out: the copy is behind, and knows it.
	s.src.Spoil("orders", 0, func([]byte) []byte { return nil })
	s.fill("orders", 2, 5)
	s.eventually("the copy is behind by 15", func() bool { return s.status().Lag.Records == 15 })
	s.eventually("it is written down", func() bool { return strings.Count(s.seen(), `"high":30,`) == 2 })
	s.src.Kill(1)
	s.restart()
	s.eventually("the logs are open", func() bool { return s.part("orders", 1).LogEnd == 30 })
	lag := s.status().Lag
	if lag.Records != 15 || lag.Bound != link.AtLeast || lag.AsOf.IsZero() || lag.AsOf.After(time.Now()) || lag.Seconds <= 0 {
		t.Errorf("lag %+v, want at least 15 records as of some time before the restart", lag)
	}
	r := s.failover()
	if r.Loss.Records != 15 || r.Loss.Bound != link.AtLeast || !r.Loss.AsOf.Equal(lag.AsOf) {
		t.Errorf("the receipt says %+v", r.Loss)
	}
}

// TestFailoverOnAFullDisk: what is on disk is failed over, at the end that a log
// has after it took back what did not fit.
func TestFailoverOnAFullDisk(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("mounting a small disk needs root")
	}
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	if err := os.MkdirAll(data, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("umbra-test", data, "tmpfs", 0, "size=24m"); err != nil {
		t.Skipf("mount a tmpfs: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(data, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	s := newStory(t, linktest.Config{Brokers: 1}, nodeSetup{dir: dir})
	s.src.CreateTopic("orders", 3)
	s.fill("orders", 3, 10)
	s.link("orders")
	s.same("orders", 3)
	fillDisk(t, filepath.Join(data, "ballast"))
	for i := range 3 {
		s.src.AppendMany("orders", i, 40, linktest.Batch{Records: 5, Size: 20 << 10})
	}
	s.eventually("the disk is full", func() bool { _, code := s.state("orders"); return code == spec.LocalStorageFull })
	r := s.failover()
	if r.Partial() {
		t.Fatalf("left out: %s", r.Topics[0].Failure)
	}
	s.frozen("orders", 3, r)
	s.prefix("orders", 3)
}

// TestAnInterruptedFailoverGoesOn: whoever asked for a failover goes away in the
// middle; the link finishes it (F1).
func TestAnInterruptedFailoverGoesOn(t *testing.T) {
	for _, step := range []spec.FailoverStep{spec.FailoverRecorded, spec.FailoverEpochs, spec.FailoverWritable, spec.FailoverReceipted} {
		t.Run(step.String(), func(t *testing.T) {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			s := newStory(t, linktest.Config{Brokers: 1}, nodeSetup{checkpoint: func(at spec.FailoverStep, persisted bool) error {
				if at == step && !persisted {
					cancel()
				}
				return nil
			}})
			s.src.CreateTopic("orders", 2)
			s.fill("orders", 2, 5)
			l := s.link("orders")
			s.same("orders", 2)
			if _, err := l.Failover(ctx, link.FailoverRequest{Operation: "op"}); !errors.Is(err, context.Canceled) {
				t.Fatalf("the failover ended with %v", err)
			}
			s.eventually("it is finished", func() bool {
				f := s.topic("orders").Shadow.Failover
				return f != nil && f.Step == spec.FailoverReceipted && s.topic("orders").Writable()
			})
			if r := storedReceipt(t, s.n); r.Operation != "op" || len(r.Topics) != 1 || r.Topics[0].Before != spec.Active {
				t.Errorf("receipt %+v", r)
			}
		})
	}
}

// TestLateAssignmentIsRefused: a plan made before a failover or a fault comes
// after it.
func TestLateAssignmentIsRefused(t *testing.T) {
	s := newStory(t, linktest.Config{Brokers: 1}, nodeSetup{})
	s.src.CreateTopic("orders", 1)
	s.fill("orders", 1, 5)
	l := s.link("orders")
	s.same("orders", 1)
	id := shard.PartitionID{Topic: s.topic("orders").ID}
	late := link.AssignmentOf(l, id)
	r := s.failover()
	if err := link.Reassign(l, s.topic("orders").Partitions[0].Shard, late); err == nil {
		t.Error("an assignment with the old term is accepted")
	}
	s.fill("orders", 1, 5)
	s.src.Trim("orders", 0, 12)
	s.frozen("orders", 1, r)
}
