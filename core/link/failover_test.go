package link_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"umbra/bench/synthetic"
	"umbra/core/link"
	"umbra/core/link/spec"
	"umbra/kafkaproto/batch"
	"umbra/shard"
)

var errCrash = errors.New("the test stops the failover here")

// TestFailoverResumesFromEveryCrashPoint stops the failover before and after
// each persisted step, starts everything again on the same directory with the
// source gone, and wants the same end every time (F1, F3, F4, F7, S7).
func TestFailoverResumesFromEveryCrashPoint(t *testing.T) {
	for _, step := range []spec.FailoverStep{spec.FailoverDecided, spec.FailoverRecorded, spec.FailoverProducerIDs,
		spec.FailoverEpochs, spec.FailoverAborted, spec.FailoverWritable, spec.FailoverReceipted} {
		for _, persisted := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/persisted=%v", step, persisted), func(t *testing.T) { crashAt(t, step, persisted) })
		}
	}
}

const (
	mirroredPID   = 4711
	mirroredEpoch = 9
)

func crashAt(t *testing.T, step spec.FailoverStep, persisted bool) {
	src, err := synthetic.Start(synthetic.Config{Topic: "load", Partitions: 3, RecordSize: 100, BatchSize: 2 << 10, ChunkBytes: 1 << 20, Records: 500,
		Producer: &batch.Producer{ID: mirroredPID, Epoch: 3}, Transactional: true, LeaderEpoch: mirroredEpoch})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	dir := t.TempDir()
	n := startNode(t, dir, "auto", func(s spec.FailoverStep, p bool) error {
		if s == step && p == persisted {
			return errCrash
		}
		return nil
	})
	l := n.link(t, src.Addr(), "load")
	copied := src.TotalBytes() / int64(src.BatchBytes()) * src.BatchRecords()
	eventually(t, "every record is here", func() bool { return n.ends("load") == copied })
	if _, err := l.Failover(t.Context(), link.FailoverRequest{Operation: "op", By: askedBy()}); !errors.Is(err, errCrash) {
		t.Fatalf("the failover ended with %v", err)
	}
	n.stop(t)
	src.Close()

	n = startNode(t, dir, "auto", nil)
	defer n.stop(t)
	if step == spec.FailoverDecided && !persisted {
		// Nothing was decided: the topic is still a shadow, and the operator asks again.
		eventually(t, "the link runs again", func() bool { l, err = n.manager.Link("dr"); return err == nil })
		if st := n.store.Snapshot().Topics["load"].Shadow.State; st != spec.Active {
			t.Fatalf("state is %s though nothing was persisted", st)
		}
		if _, err := l.Failover(t.Context(), link.FailoverRequest{Operation: "op2", By: askedBy()}); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the failover is finished", func() bool {
		f := n.store.Snapshot().Topics["load"].Shadow.Failover
		return f != nil && f.Step == spec.FailoverReceipted
	})
	checkFailedOver(t, n, copied)
}

func askedBy() spec.Caller { return spec.Caller{UID: 7, GID: 8, PID: 9} }

// storedReceipt is the only receipt that is kept.
func storedReceipt(t *testing.T, n *node) *link.Receipt {
	t.Helper()
	kept := 0
	for _, err := range n.store.Receipts(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		kept++
	}
	r, err := n.manager.Receipt(t.Context(), "dr", "")
	if err != nil || kept != 1 {
		t.Fatalf("%d receipts, %v", kept, err)
	}
	return r
}

// checkFailedOver checks what must hold after any failover.
func checkFailedOver(t *testing.T, n *node, copied int64) {
	t.Helper()
	snap := n.store.Snapshot()
	topic := snap.Topics["load"]
	if !topic.Writable() {
		t.Errorf("the topic is %s", topic.Shadow.State)
	}
	if snap.ProducerIDFloor <= mirroredPID {
		t.Errorf("the producer-id floor is %d, a copied batch has id %d", snap.ProducerIDFloor, mirroredPID)
	}
	if id, err := n.store.NextProducerID(context.Background()); err != nil || id <= mirroredPID {
		t.Errorf("the next producer id is %d, %v", id, err)
	}
	for i, p := range topic.Partitions {
		if p.LeaderEpoch != mirroredEpoch+1 {
			t.Errorf("partition %d: leader epoch %d, want exactly one above the mirrored %d", i, p.LeaderEpoch, mirroredEpoch)
		}
		final := topic.Shadow.Failover.Partitions[i]
		if final.LogEnd != copied/3 {
			t.Errorf("partition %d: cut at %d, copied %d", i, final.LogEnd, copied/3)
		}
		s := n.group.Shard(p.Shard)
		id := shard.PartitionID{Topic: topic.ID, Index: int32(i)}
		if err := s.Call(t.Context(), func() {
			log := s.Partition(id).Log
			if got := log.EndOffset(); got != final.LogEnd+1 {
				t.Errorf("partition %d: ends at %d, want the cut %d and one abort marker", i, got, final.LogEnd)
			}
			if lso := log.LastStableOffset(); lso != log.EndOffset() {
				t.Errorf("partition %d: last stable offset %d, end %d: a transaction hangs", i, lso, log.EndOffset())
			}
			if e, _ := log.LatestEpoch(); e != mirroredEpoch+1 {
				t.Errorf("partition %d: the marker has epoch %d", i, e)
			}
		}); err != nil {
			t.Error(err)
		}
	}
	r := storedReceipt(t, n)
	// Also what a crash took from memory is told: who asked, what the topic was, that
	// transactions were open.
	rt := r.Topics[0]
	if rt.Before != spec.Active || rt.State != spec.FailedOver || r.By != askedBy() {
		t.Errorf("the receipt: %+v by %+v", rt, r.By)
	}
	for i, p := range rt.Partitions {
		if p.LogEnd != copied/3 || p.End != p.LogEnd+1 || p.EpochAfter != mirroredEpoch+1 {
			t.Errorf("the receipt's partition %d: %+v", i, p)
		}
	}
}

// TestFailoverTwiceIsRefused: what is failed over stays as it is (F8).
func TestFailoverTwiceIsRefused(t *testing.T) {
	src, err := synthetic.Start(synthetic.Config{Topic: "load", Partitions: 3, RecordSize: 100, BatchSize: 2 << 10, ChunkBytes: 1 << 20, Records: 500,
		Producer: &batch.Producer{ID: mirroredPID, Epoch: 3}, Transactional: true, LeaderEpoch: mirroredEpoch})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	n := startNode(t, t.TempDir(), "auto", nil)
	defer n.stop(t)
	l := n.link(t, src.Addr(), "load")
	copied := src.TotalBytes() / int64(src.BatchBytes()) * src.BatchRecords()
	eventually(t, "every record is here", func() bool { return n.ends("load") == copied })
	if _, err := l.Failover(t.Context(), link.FailoverRequest{Operation: "one", By: askedBy()}); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Failover(t.Context(), link.FailoverRequest{Operation: "two"}); !errors.Is(err, link.ErrNothingToDo) {
		t.Errorf("a second failover: %v", err)
	}
	// The source goes on; nothing of it may arrive any more (F2).
	for i := range 3 {
		src.Grow(i)
	}
	checkFailedOver(t, n, copied)
}
