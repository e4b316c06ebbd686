package placement_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"umbra/core/metadata"
	"umbra/core/placement"
	"umbra/kafkaproto"
	"umbra/kafkaproto/batch"
	"umbra/shard"
	"umbra/shard/segment"
)

// rig is a keeper with what it stands between.
type rig struct {
	t      *testing.T
	dir    string
	store  *metadata.Store
	group  *shard.Group
	keeper *placement.Keeper
}

func newRig(t *testing.T) *rig {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	dir := t.TempDir()
	store, err := metadata.Open(context.Background(), metadata.Options{Dir: filepath.Join(dir, "meta"), BrokerID: 1, Shards: 2, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	group, err := shard.Start(shard.Config{Shards: 2, Listen: "127.0.0.1:0", Engine: "auto", Log: log, ArenaBytes: 64 << 20}, func(*shard.Conn) shard.Protocol { return nil })
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, dir: filepath.Join(dir, "data"), store: store, group: group}
	r.keeper = placement.Start(store, group, placement.Config{Dir: r.dir, Log: log})
	t.Cleanup(func() {
		r.keeper.Stop()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := errors.Join(group.Stop(ctx), store.Close()); err != nil {
			t.Error(err)
		}
	})
	return r
}

func (r *rig) create(name string, partitions int) *metadata.Topic {
	r.t.Helper()
	top, err := r.store.CreateTopic(context.Background(), metadata.NewTopic{Name: name, Partitions: partitions})
	if err != nil {
		r.t.Fatal(err)
	}
	return top
}

func (r *rig) wait(id kafkaproto.TopicID, n int) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := r.keeper.Wait(ctx, id, n); err != nil {
		r.t.Fatal(err)
	}
}

// write appends one record and returns its offset.
func (r *rig) write(top *metadata.Topic, index int) (base int64) {
	r.t.Helper()
	bd := batch.Builder{}
	bd.Add(batch.Record{Value: []byte("x"), Timestamp: 1})
	b, err := bd.Build(nil)
	if err != nil {
		r.t.Fatal(err)
	}
	if doErr := r.group.Do(context.Background(), shard.PartitionID{Topic: top.ID, Index: int32(index)}, func(p *shard.Partition) {
		base, err = p.Log.Append(b, segment.AppendOptions{Now: time.Now()})
	}); doErr != nil || err != nil {
		r.t.Fatal(doErr, err)
	}
	return base
}

// TestATopicMadeAgainFindsNoOldFiles: deletion and creation of a name arrive
// together or apart; either way the new topic begins empty, and opens.
func TestATopicMadeAgainFindsNoOldFiles(t *testing.T) {
	r := newRig(t)
	for round := range 20 {
		top := r.create("orders", 3)
		r.wait(top.ID, 3)
		for i := range 3 {
			if err := r.keeper.Err(shard.PartitionID{Topic: top.ID, Index: int32(i)}); err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
			if base := r.write(top, i); base != 0 {
				t.Fatalf("round %d: the first record got offset %d", round, base)
			}
		}
		if err := r.store.DeleteTopic(context.Background(), "orders", top.ID); err != nil {
			t.Fatal(err)
		}
		if round%2 == 0 {
			r.wait(top.ID, 0)
			if left, err := os.ReadDir(r.dir); err != nil || len(left) != 0 {
				t.Fatalf("left of a deleted topic: %v, %v", left, err)
			}
		}
	}
}

// TestOneThatDoesNotOpenLeavesOthersAlone: the error is told, the rest serves.
func TestOneThatDoesNotOpenLeavesOthersAlone(t *testing.T) {
	r := newRig(t)
	if err := os.MkdirAll(r.dir, 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(r.dir, "orders-1"), []byte("not a directory"), 0o640); err != nil {
		t.Fatal(err)
	}
	top := r.create("orders", 3)
	r.wait(top.ID, 3)
	for i := range 3 {
		err := r.keeper.Err(shard.PartitionID{Topic: top.ID, Index: int32(i)})
		if (err != nil) != (i == 1) {
			t.Errorf("partition %d: %v", i, err)
		}
	}
	r.write(top, 0)
	r.write(top, 2)
	// Its state goes along with the topic when it grows.
	if _, err := r.store.AddPartitions(context.Background(), "orders", 5); err != nil {
		t.Fatal(err)
	}
	r.wait(top.ID, 5)
	if r.keeper.Err(shard.PartitionID{Topic: top.ID, Index: 1}) == nil {
		t.Error("the error is forgotten")
	}
	r.write(top, 4)
}

// TestManyTopicsOpenOneByOne: a topic is there when its own partitions are, not
// when the last of all is.
func TestManyTopicsOpenOneByOne(t *testing.T) {
	r := newRig(t)
	var last *metadata.Topic
	for i := range 40 {
		last = r.create(fmt.Sprint("t", i), 4)
	}
	for n := 0; !r.keeper.Opened(last); n++ {
		moved := r.keeper.Moved()
		if r.keeper.Opened(last) {
			break
		}
		select {
		case <-moved:
		case <-time.After(time.Minute):
			t.Fatal("nothing moves and the topic is not open")
		}
	}
	later := *last
	later.Created = later.Created.Add(time.Nanosecond)
	if r.keeper.Opened(&later) {
		t.Error("a topic is open before it is: an earlier life of it is")
	}
	for _, top := range r.store.Snapshot().Topics {
		r.wait(top.ID, 4)
		r.write(top, 3)
	}
}

// TestEpochsReachTheLogs: a raised leader epoch is the partition's.
func TestEpochsReachTheLogs(t *testing.T) {
	r := newRig(t)
	top := r.create("orders", 2)
	r.wait(top.ID, 2)
	if err := r.store.RaiseLeaderEpochs(context.Background(), top.ID, 0, map[int32]int32{1: 7}); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); ; {
		p, ok := r.group.Published(shard.PartitionID{Topic: top.ID, Index: 1})
		if ok && p.LeaderEpoch == 7 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("leader epoch is %d", p.LeaderEpoch)
		}
		time.Sleep(time.Millisecond)
	}
	if p, _ := r.group.Published(shard.PartitionID{Topic: top.ID, Index: 0}); p.LeaderEpoch != 0 {
		t.Errorf("the other partition has epoch %d", p.LeaderEpoch)
	}
}
