package metadata

import (
	"context"
	"errors"
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
	long := filepath.Join(tempDir(t), strings.Repeat("d", 120))
	open(t, Options{Dir: long})

	dir := filepath.Join(tempDir(t), "md")
	owner := open(t, Options{Dir: dir, BrokerID: 1, OpTimeout: patience})
	far := open(t, Options{Endpoints: []string{"unix://" + filepath.Join(dir, "client.sock")}, BrokerID: 2, OpTimeout: patience})
	ctx := deadline(t)
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

// A link and local topics it would take are created at the same moment, many
// times: whatever order results, no topic that was refused exists, and the
// link is never deleted from under a topic.
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
