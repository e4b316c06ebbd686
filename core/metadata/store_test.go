package metadata

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"umbra/core/link/spec"
	"umbra/kafkaproto"
)

func TestRestartKeepsEverything(t *testing.T) {
	ctx, dir := deadline(t), filepath.Join(tempDir(t), "md")
	begin := time.Now()
	s := open(t, Options{Dir: dir, BrokerID: 7, Shards: 3})
	t.Logf("embedded etcd ready on an empty directory in %v", time.Since(begin))
	if err := s.RegisterBroker(ctx, "kafka.example", 9092); err != nil {
		t.Fatal(err)
	}
	must(s.CreateLink(ctx, definition("dr", "shadow*")))(t)
	local := must(s.CreateTopic(ctx, NewTopic{Name: "local", Partitions: 5, Configs: map[string]string{"retention.ms": "1000"}}))(t)
	source := kafkaproto.NewTopicID()
	shadow := must(s.CreateShadowTopic(ctx, NewShadow{Name: "shadow-a", Link: "dr", Partitions: 2, SourceID: source, LeaderEpochs: []int32{4, 9}}))(t)
	if shadow.ID != source || shadow.Partitions[1].LeaderEpoch != 9 || shadow.Writable() || shadow.Term() != 1 {
		t.Fatalf("shadow: %+v", shadow)
	}
	block := must(s.AllocateProducerIDs(ctx, 10))(t)
	if err := s.RecordGap(ctx, spec.GapRecord{Topic: "shadow-a", TopicID: source, From: 3, To: 9, Why: spec.SourceRetentionGap}); err != nil {
		t.Fatal(err)
	}
	before := s.Snapshot()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	begin = time.Now()
	s = open(t, Options{Dir: dir, BrokerID: 7, Shards: 3})
	t.Logf("embedded etcd ready again in %v", time.Since(begin))
	after := s.Snapshot()
	if after.ClusterID != before.ClusterID || after.ClusterID == "" || after.Broker != before.Broker || after.Broker.Port != 9092 {
		t.Fatalf("identity changed: %+v %+v", before.Broker, after.Broker)
	}
	got := after.Topics["local"]
	if got.ID != local.ID || len(got.Partitions) != 5 || got.Configs["retention.ms"] != "1000" || after.ByID(local.ID) != got {
		t.Fatalf("local topic: %+v", got)
	}
	for i, p := range got.Partitions {
		if p != local.Partitions[i] || p.Shard < 0 || p.Shard >= 3 {
			t.Fatalf("partition %d: %+v, was %+v", i, p, local.Partitions[i])
		}
	}
	if l := after.Links["dr"]; l == nil || l.ID == "" || len(after.ShadowsOf(l)) != 1 {
		t.Fatalf("link: %+v", l)
	}
	if next := must(s.AllocateProducerIDs(ctx, 1))(t); next.First < block.First+block.Count {
		t.Fatalf("block %+v after %+v", next, block)
	}
	gaps := must(s.Gaps(ctx, source))(t)
	if len(gaps) != 1 || gaps[0].Offsets() != 6 || gaps[0].Why != spec.SourceRetentionGap {
		t.Fatalf("gaps: %+v", gaps)
	}
}

func TestSecondProcessIsRefused(t *testing.T) {
	dir := filepath.Join(tempDir(t), "md")
	open(t, Options{Dir: dir})
	_, err := Open(deadline(t), Options{Dir: dir, Log: quiet()})
	wantErr(t, err, ErrLocked)
}

func TestLongDirectoryAndExternalEndpoint(t *testing.T) {
	ctx := deadline(t)
	long := filepath.Join(tempDir(t), strings.Repeat("d", 120))
	open(t, Options{Dir: long})

	dir := filepath.Join(tempDir(t), "md")
	owner := open(t, Options{Dir: dir, BrokerID: 1})
	far := open(t, Options{Endpoints: []string{"unix://" + filepath.Join(dir, "client.sock")}, BrokerID: 2})
	if far.Snapshot().ClusterID != owner.Snapshot().ClusterID {
		t.Fatal("two cluster ids")
	}
	must(far.CreateTopic(ctx, NewTopic{Name: "a"}))(t)
	// Both count in the same place; no update is lost.
	increment := func(c map[string]string) error {
		n, _ := strconv.Atoi(c["retention.ms"])
		c["retention.ms"] = strconv.Itoa(n + 1)
		return nil
	}
	var wg sync.WaitGroup
	for range 10 {
		for _, s := range []*Store{owner, far} {
			wg.Go(func() {
				err := ErrNotFound // the owner may not have heard of the topic yet
				for errors.Is(err, ErrNotFound) && ctx.Err() == nil {
					_, err = s.SetConfigs(ctx, "a", increment)
				}
				if err != nil {
					t.Error(err)
				}
			})
		}
	}
	wg.Wait()
	for far.Snapshot().Topics["a"].Configs["retention.ms"] != "20" {
		if ctx.Err() != nil {
			t.Fatalf("retention.ms is %v after 20 increments", far.Snapshot().Topics["a"].Configs)
		}
		runtime.Gosched()
	}
	if _, err := Open(ctx, Options{Endpoints: []string{"unix://" + filepath.Join(dir, "none.sock")}, OpTimeout: 300 * time.Millisecond, Log: quiet()}); !errors.Is(err, ErrUnavailable) {
		t.Fatalf("unreachable endpoint: %v", err)
	}
}

func TestExternalEtcdWithPassword(t *testing.T) {
	ctx, dir := deadline(t), filepath.Join(tempDir(t), "md")
	owner := open(t, Options{Dir: dir})
	endpoint := []string{"unix://" + filepath.Join(dir, "client.sock")}
	for _, step := range []func() error{
		func() error { _, err := owner.client.UserAdd(ctx, "root", "pw"); return err },
		func() error { _, err := owner.client.UserGrantRole(ctx, "root", "root"); return err },
		func() error { _, err := owner.client.AuthEnable(ctx); return err },
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	far := open(t, Options{Endpoints: endpoint, User: "root", Password: "pw"})
	must(far.CreateTopic(ctx, NewTopic{Name: "a"}))(t)
	for _, o := range []Options{{User: "root", Password: "wrong"}, {}} {
		o.Endpoints, o.Log = endpoint, quiet()
		if s, err := Open(ctx, o); err == nil {
			s.Close()
			t.Errorf("user %q password %q was let in", o.User, o.Password)
		} else if strings.Contains(err.Error(), "wrong") {
			t.Errorf("the password is in the error: %v", err)
		}
	}
}

func TestTopicRules(t *testing.T) {
	ctx, s := deadline(t), open(t, Options{Shards: 4})
	create := func(n NewTopic, want error) {
		t.Helper()
		if _, err := s.CheckTopic(n); !errors.Is(err, want) {
			t.Errorf("CheckTopic(%+v) = %v, want %v", n, err, want)
		}
		topic, err := s.CreateTopic(ctx, n)
		if !errors.Is(err, want) {
			t.Errorf("CreateTopic(%+v) = %v, want %v", n, err, want)
		}
		if err == nil && s.Snapshot().Topics[n.Name] != topic {
			t.Errorf("%q is not in the snapshot when CreateTopic returns", n.Name)
		}
	}
	must(s.CreateLink(ctx, definition("dr", "pay*")))(t)
	create(NewTopic{Name: "a.b"}, nil)
	create(NewTopic{Name: "a.b"}, ErrExists)
	create(NewTopic{Name: "a_b"}, ErrCollision)
	create(NewTopic{Name: ".."}, ErrInvalidName)
	create(NewTopic{Name: "x", Partitions: -1}, ErrInvalidPartitions)
	create(NewTopic{Name: "x", Configs: map[string]string{"retention.ms": "soon"}}, ErrInvalidConfig)
	create(NewTopic{Name: "payments"}, ErrLinkOwned)
	create(NewTopic{Name: "pay-internal", Internal: true}, nil)

	topic := must(s.AddPartitions(ctx, "a.b", 6))(t)
	if len(topic.Partitions) != 6 {
		t.Fatalf("%d partitions", len(topic.Partitions))
	}
	seen := map[int]bool{}
	for _, p := range topic.Partitions {
		seen[p.Shard] = true
	}
	if len(seen) != 4 {
		t.Errorf("6 partitions on %d of 4 shards", len(seen))
	}
	_, err := s.AddPartitions(ctx, "a.b", 6)
	wantErr(t, err, ErrInvalidPartitions)
	_, err = s.AddPartitions(ctx, "nope", 6)
	wantErr(t, err, ErrNotFound)

	wantErr(t, s.DeleteTopic(ctx, "a.b", kafkaproto.NewTopicID()), ErrNotFound)
	if err := s.DeleteTopic(ctx, "a.b", topic.ID); err != nil {
		t.Fatal(err)
	}
	if s.Snapshot().Topics["a.b"] != nil || s.Snapshot().ByID(topic.ID) != nil {
		t.Fatal("deleted topic is still in the snapshot")
	}
	create(NewTopic{Name: "a_b"}, nil)
	if again := s.Snapshot().Topics["a_b"]; again.ID == topic.ID {
		t.Fatal("the topic id was used again")
	}
}

func TestShadowIsFencedByTerm(t *testing.T) {
	ctx, s := deadline(t), open(t, Options{})
	must(s.CreateLink(ctx, definition("dr", "*")))(t)
	topic := must(s.CreateShadowTopic(ctx, NewShadow{Name: "a", Link: "dr", Partitions: 2}))(t)
	wantErr(t, s.DeleteTopic(ctx, "a", topic.ID), ErrReadOnly)
	_, err := s.AddPartitions(ctx, "a", 9)
	wantErr(t, err, ErrReadOnly)
	_, err = s.SetConfigs(ctx, "a", func(map[string]string) error { return nil })
	wantErr(t, err, ErrReadOnly)
	if err := s.GrowShadow(ctx, topic.ID, 1, 3); err != nil {
		t.Fatal(err)
	}
	if err := s.GrowShadow(ctx, topic.ID, 1, 2); err != nil || len(s.Snapshot().Topics["a"].Partitions) != 3 {
		t.Fatalf("shrunk: %v", err)
	}
	if err := s.MirrorConfigs(ctx, topic.ID, 1, map[string]string{"retention.ms": "5", "confluent.x": "y"}); err != nil {
		t.Fatal(err)
	}
	if c := s.Snapshot().Topics["a"].Configs; len(c) != 1 || c["retention.ms"] != "5" {
		t.Fatalf("configs %v", c)
	}

	decide := func(t *Topic) error {
		next, err := spec.Next(t.Shadow.State, spec.EventFailover)
		t.Shadow.State, t.Shadow.Term = next, t.Shadow.Term+1
		t.Shadow.Failover = &spec.FailoverProgress{Step: spec.FailoverDecided, ProducerIDMax: -1}
		return err
	}
	// Many decide at once; the term lets exactly one through.
	var wins sync.Map
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			if _, err := s.UpdateShadow(ctx, topic.ID, 1, decide); err == nil {
				wins.Store(i, true)
			} else if !errors.Is(err, ErrStale) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	n := 0
	wins.Range(func(any, any) bool { n++; return true })
	if got := s.Snapshot().Topics["a"]; n != 1 || got.Term() != 2 || got.Shadow.State != spec.FailingOver {
		t.Fatalf("%d winners, %+v", n, got.Shadow)
	}
	wantErr(t, s.GrowShadow(ctx, topic.ID, 1, 5), ErrStale)
	wantErr(t, s.RaiseLeaderEpochs(ctx, topic.ID, 1, map[int32]int32{0: 1}), ErrStale)
	if err := s.RaiseLeaderEpochs(ctx, topic.ID, 2, map[int32]int32{0: 8, 2: 3}); err != nil {
		t.Fatal(err)
	}
	if err := s.RaiseLeaderEpochs(ctx, topic.ID, 2, map[int32]int32{0: 5}); err != nil || s.Snapshot().Topics["a"].Partitions[0].LeaderEpoch != 8 {
		t.Fatalf("epoch went down: %v", err)
	}
	refuse := func(want error, edit func(*Topic)) {
		t.Helper()
		_, err := s.UpdateShadow(ctx, topic.ID, 2, func(t *Topic) error { edit(t); return nil })
		if err == nil || want != nil && !errors.Is(err, want) {
			t.Errorf("accepted, or wrong error: %v", err)
		}
	}
	refuse(spec.ErrTransition, func(t *Topic) { t.Shadow.State = spec.Active })
	refuse(ErrStale, func(t *Topic) { t.Shadow.Term = 1 })
	refuse(nil, func(t *Topic) { t.Partitions[0].LeaderEpoch = 1 })
	refuse(nil, func(t *Topic) { t.Partitions = t.Partitions[:1] })
	refuse(nil, func(t *Topic) { t.Shadow.Link = "other" })
	refuse(nil, func(t *Topic) { t.Shadow = nil })
	done := must(s.UpdateShadow(ctx, topic.ID, 2, func(t *Topic) error { t.Shadow.State = spec.FailedOver; return nil }))(t)
	if !done.Writable() {
		t.Fatal("not writable")
	}
	if err := s.DeleteTopic(ctx, "a", topic.ID); err != nil {
		t.Fatal(err)
	}
}

func TestBatchUpdatesStandAlone(t *testing.T) {
	ctx, s := deadline(t), open(t, Options{})
	must(s.CreateLink(ctx, definition("dr", "*")))(t)
	const n = 600 // more than two batches
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := g; i < n; i += 8 {
				if _, err := s.CreateShadowTopic(ctx, NewShadow{Name: fmt.Sprintf("t%03d", i), Link: "dr", Partitions: 1}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	snap := s.Snapshot()
	var updates []ShadowUpdate
	for _, topic := range snap.ShadowsOf(snap.Links["dr"]) {
		u := ShadowUpdate{ID: topic.ID, Term: 1, Apply: func(t *Topic) error { t.Shadow.State = spec.Paused; return nil }}
		switch len(updates) {
		case 5:
			u.Term = 9
		case 300:
			u.Apply = func(*Topic) error { return errors.New("no") }
		case 599:
			u.ID = kafkaproto.NewTopicID()
		}
		updates = append(updates, u)
	}
	begin := time.Now()
	errs := s.UpdateShadows(ctx, updates)
	t.Logf("%d updates in %v", n, time.Since(begin))
	bad := 0
	for i, err := range errs {
		if err != nil {
			bad++
			if i != 5 && i != 300 && i != 599 {
				t.Errorf("update %d: %v", i, err)
			}
		}
	}
	paused := 0
	for _, topic := range s.Snapshot().Topics {
		if topic.Shadow.State == spec.Paused {
			paused++
		}
	}
	if bad != 3 || paused != n-3 {
		t.Fatalf("%d errors, %d of %d paused", bad, paused, n)
	}
}

func TestLinkLifeCycle(t *testing.T) {
	ctx, s := deadline(t), open(t, Options{})
	_, err := s.CreateLink(ctx, spec.Definition{Name: "x"})
	if err == nil || !strings.Contains(err.Error(), "bootstrap") {
		t.Fatalf("invalid definition: %v", err)
	}
	l := must(s.CreateLink(ctx, definition("dr", "pay*")))(t)
	_, err = s.CreateLink(ctx, definition("dr", "other"))
	wantErr(t, err, ErrExists)
	_, err = s.CreateShadowTopic(ctx, NewShadow{Name: "orders", Link: "dr", Partitions: 1})
	wantErr(t, err, ErrInvalidName)
	_, err = s.CreateShadowTopic(ctx, NewShadow{Name: "pay", Link: "none", Partitions: 1})
	wantErr(t, err, ErrNotFound)
	id := kafkaproto.NewTopicID()
	must(s.CreateShadowTopic(ctx, NewShadow{Name: "pay-1", Link: "dr", Partitions: 1, SourceID: id}))(t)
	_, err = s.CreateShadowTopic(ctx, NewShadow{Name: "pay-2", Link: "dr", Partitions: 1, SourceID: id})
	wantErr(t, err, ErrExists)

	got := must(s.UpdateLink(ctx, "dr", func(l *spec.Link) error { l.Paused, l.ID = true, "forged"; return nil }))(t)
	if !got.Paused || got.ID != l.ID || !s.Snapshot().Links["dr"].Paused {
		t.Fatalf("update: %+v", got)
	}
	_, err = s.UpdateLink(ctx, "dr", func(l *spec.Link) error { l.Filter.Include = nil; return nil })
	if err == nil {
		t.Fatal("invalid update accepted")
	}
	wantErr(t, s.DeleteLink(ctx, "dr", false), ErrInUse)
	wantErr(t, s.DeleteLink(ctx, "none", true), ErrNotFound)
	if err := s.DeleteLink(ctx, "dr", true); err != nil {
		t.Fatal(err)
	}
	orphan := s.Snapshot().Topics["pay-1"]
	if orphan.Shadow.State != spec.Faulted || orphan.Shadow.Reason.Code != spec.LinkDeleted || orphan.Writable() || orphan.Term() != 2 {
		t.Fatalf("orphan: %+v", orphan.Shadow)
	}
	// A later link of the same name is another link.
	again := must(s.CreateLink(ctx, definition("dr", "pay*")))(t)
	if len(s.Snapshot().ShadowsOf(again)) != 0 {
		t.Fatal("the new link owns the old link's topics")
	}
	_, err = s.UpdateShadow(ctx, id, 2, func(t *Topic) error { t.Shadow.State = spec.Active; return nil })
	wantErr(t, err, ErrNotFound)
	if err := s.DropShadow(ctx, "pay-1", id); err != nil {
		t.Fatal(err)
	}
	must(s.CreateShadowTopic(ctx, NewShadow{Name: "pay-1", Link: "dr", Partitions: 1, SourceID: id}))(t)
	wantErr(t, s.DropShadow(ctx, "pay-1", id), spec.ErrTransition)
}

// A link and local topics it would take are created at the same moment, many
// times: whatever order results, no topic that was refused exists, and the
// link is never deleted from under a topic.
func TestLinkAndTopicsRace(t *testing.T) {
	ctx, s := deadline(t), open(t, Options{})
	for round := range 20 {
		name := fmt.Sprintf("l%d", round)
		var wg sync.WaitGroup
		var linkErr, topicErr, shadowErr, deleteErr error
		wg.Go(func() { _, linkErr = s.CreateLink(ctx, definition(name, name+"*")) })
		wg.Go(func() { _, topicErr = s.CreateTopic(ctx, NewTopic{Name: name + "-t"}) })
		wg.Wait()
		if linkErr != nil || topicErr != nil && !errors.Is(topicErr, ErrLinkOwned) {
			t.Fatal(linkErr, topicErr)
		}
		wg.Go(func() {
			_, shadowErr = s.CreateShadowTopic(ctx, NewShadow{Name: name + "-s", Link: name, Partitions: 1})
		})
		wg.Go(func() { deleteErr = s.DeleteLink(ctx, name, false) })
		wg.Wait()
		if (shadowErr == nil) == (deleteErr == nil) {
			t.Fatalf("shadow topic: %v, delete link: %v; exactly one must succeed", shadowErr, deleteErr)
		}
	}
}

func TestProducerIDsNeverOverlap(t *testing.T) {
	ctx, dir := deadline(t), filepath.Join(tempDir(t), "md")
	var mu sync.Mutex
	given := map[int64]bool{}
	floor := int64(0) // everything handed out from now on must be at or above
	take := func(first, n, atLeast int64) {
		mu.Lock()
		defer mu.Unlock()
		for id := first; id < first+n; id++ {
			if given[id] || id < atLeast {
				t.Errorf("id %d given twice, or below the floor %d", id, atLeast)
			}
			given[id] = true
		}
	}
	for restart := range 3 {
		s := open(t, Options{Dir: dir})
		var wg sync.WaitGroup
		for g := range 6 {
			wg.Go(func() {
				for i := range 15 {
					mu.Lock()
					low := floor
					mu.Unlock()
					switch {
					case g == 0 && i%5 == 0:
						target := low + 700
						if err := s.RaiseProducerIDFloor(ctx, target); err != nil {
							t.Error(err)
						}
						mu.Lock()
						floor = max(floor, target)
						mu.Unlock()
					case g < 3:
						b, err := s.AllocateProducerIDs(ctx, int64(1+i))
						if err != nil {
							t.Error(err)
						}
						take(b.First, b.Count, low)
					default:
						id, err := s.NextProducerID(ctx)
						if err != nil {
							t.Error(err)
						}
						take(id, 1, low)
					}
				}
			})
		}
		wg.Wait()
		if s.Snapshot().ProducerIDFloor != floor {
			t.Errorf("restart %d: floor %d, want %d", restart, s.Snapshot().ProducerIDFloor, floor)
		}
		if err := s.RaiseProducerIDFloor(ctx, 1); err != nil || s.Snapshot().ProducerIDFloor != floor {
			t.Errorf("the floor went down: %v", err)
		}
		s.Close()
	}
	s := open(t, Options{Dir: dir})
	wantErr(t, s.RaiseProducerIDFloor(ctx, math.MaxInt64), ErrExhausted)
	if err := s.RaiseProducerIDFloor(ctx, math.MaxInt64-producerIDBlock); err != nil {
		t.Fatal(err)
	}
	must(s.AllocateProducerIDs(ctx, producerIDBlock))(t)
	_, err := s.AllocateProducerIDs(ctx, 1)
	wantErr(t, err, ErrExhausted)
}

func TestSubscribersSeeEveryStateInOrder(t *testing.T) {
	ctx, s := deadline(t), open(t, Options{})
	must(s.CreateTopic(ctx, NewTopic{Name: "first"}))(t)
	type step struct{ old, new *Snapshot }
	steps := make(chan step, 1000)
	cancel := s.Subscribe(func(old, new *Snapshot) {
		steps <- step{old, new}
		if len(new.Topics) == 2 {
			// A subscriber may change metadata itself.
			if _, err := s.CreateTopic(ctx, NewTopic{Name: "from-subscriber"}); err != nil && !errors.Is(err, ErrExists) {
				t.Error(err)
			}
		}
	})
	must(s.CreateTopic(ctx, NewTopic{Name: "second"}))(t)
	var last *Snapshot
	for last == nil || len(last.Topics) < 3 {
		select {
		case st := <-steps:
			if last == nil && (len(st.old.Topics) != 0 || st.old.ClusterID != "") {
				t.Fatalf("first call: old is not empty: %+v", st.old)
			}
			if last != nil && st.old != last || st.new.Revision < st.old.Revision {
				t.Fatal("a step was left out or went back")
			}
			last = st.new
		case <-ctx.Done():
			t.Fatal("subscriber not called")
		}
	}
	cancel()
}

func TestLedgersAndReceipts(t *testing.T) {
	ctx, s := deadline(t), open(t, Options{ReceiptsMax: 3})
	a, b := kafkaproto.NewTopicID(), kafkaproto.NewTopicID()
	gap := func(id kafkaproto.TopicID, p int32, from, to int64) {
		t.Helper()
		if err := s.RecordGap(ctx, spec.GapRecord{TopicID: id, Partition: p, From: from, To: to}); err != nil {
			t.Fatal(err)
		}
	}
	gap(a, 10, 5, 6)
	gap(a, 2, 100, 200)
	gap(a, 2, 9, 20)
	gap(a, 2, 9, 30) // the same gap, grown after a crash
	gap(b, 0, 1, 2)
	gaps := must(s.Gaps(ctx, a))(t)
	if len(gaps) != 3 || gaps[0].From != 9 || gaps[0].To != 30 || gaps[1].From != 100 || gaps[2].Partition != 10 {
		t.Fatalf("gaps %+v", gaps)
	}
	if all := must(s.Gaps(ctx, kafkaproto.TopicID{}))(t); len(all) != 4 {
		t.Fatalf("%d gaps in all", len(all))
	}
	if err := s.RecordGap(ctx, spec.GapRecord{TopicID: a, From: 5, To: 5}); err == nil {
		t.Fatal("empty gap accepted")
	}
	for i := range 2 {
		if err := s.RecordCut(ctx, spec.CutRecord{TopicID: a, From: 7, To: 9, At: time.Unix(int64(i), 0), Epochs: spec.CutEpochs{Local: 1, Source: 2}}); err != nil {
			t.Fatal(err)
		}
	}
	if cuts := must(s.Cuts(ctx, a))(t); len(cuts) != 2 || cuts[1].Epochs.Source != 2 {
		t.Fatalf("cuts %+v", cuts)
	}
	for i := range 5 {
		if err := s.SaveReceipt(ctx, Receipt{ID: fmt.Sprint("r", i), Link: "dr", Kind: "failover", At: time.Unix(int64(i), 0), Body: []byte(`{"x":1}`)}); err != nil {
			t.Fatal(err)
		}
	}
	if rs := must(s.Receipts(ctx))(t); len(rs) != 3 || rs[0].ID != "r2" || rs[2].ID != "r4" || string(rs[0].Body) != `{"x":1}` {
		t.Fatalf("receipts %+v", rs)
	}
	if err := s.SaveReceipt(ctx, Receipt{ID: "x", Body: []byte("{")}); err == nil {
		t.Fatal("broken body accepted")
	}
}

func TestReshardMovesPartitionsOnce(t *testing.T) {
	ctx, dir := deadline(t), filepath.Join(tempDir(t), "md")
	s := open(t, Options{Dir: dir, Shards: 8})
	must(s.CreateTopic(ctx, NewTopic{Name: "a", Partitions: 16}))(t)
	if err := s.Reshard(ctx); err != nil || s.Snapshot().Shards != 8 {
		t.Fatal(err)
	}
	s.Close()
	s = open(t, Options{Dir: dir, Shards: 2})
	if err := s.Reshard(ctx); err != nil {
		t.Fatal(err)
	}
	for i, p := range s.Snapshot().Topics["a"].Partitions {
		if p.Shard > 1 {
			t.Errorf("partition %d on shard %d of 2", i, p.Shard)
		}
	}
	revision := s.Snapshot().Revision
	if err := s.Reshard(ctx); err != nil || s.Snapshot().Revision != revision {
		t.Fatal("resharding twice wrote something", err)
	}
}

func TestClosedStoreRefuses(t *testing.T) {
	s := open(t, Options{})
	s.Close()
	_, err := s.CreateTopic(context.Background(), NewTopic{Name: "a"})
	wantErr(t, err, ErrClosed)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s.Snapshot().ClusterID == "" {
		t.Fatal("the last snapshot must stay readable")
	}
}

func TestStoredGarbageStopsTheStart(t *testing.T) {
	ctx, dir := deadline(t), filepath.Join(tempDir(t), "md")
	s := open(t, Options{Dir: dir})
	must(s.CreateTopic(ctx, NewTopic{Name: "a"}))(t)
	topic := s.Snapshot().Topics["a"]
	key := s.keys.topic(topic.ID)
	newer := strings.Replace(encode(topic), `{"v":1`, `{"v":2`, 1)
	if _, err := s.client.Put(ctx, key, newer); err != nil {
		t.Fatal(err)
	}
	// While running, the last readable value stays in force.
	must(s.CreateTopic(ctx, NewTopic{Name: "b"}))(t)
	if s.Snapshot().Topics["a"] != topic {
		t.Fatal("the unreadable value was taken")
	}
	s.Close()
	_, err := Open(ctx, Options{Dir: dir, Log: quiet()})
	wantErr(t, err, ErrFormat)
	if !strings.Contains(err.Error(), key) || !strings.Contains(err.Error(), "newer umbra") {
		t.Fatalf("error does not name key and remedy: %v", err)
	}
}
