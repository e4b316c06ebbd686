package metadata

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"umbra/core/link/spec"
	"umbra/kafkaproto"
)

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
