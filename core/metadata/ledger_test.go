package metadata

import (
	"fmt"
	"math"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"umbra/core/link/spec"
	"umbra/kafkaproto"
)

func TestProducerIDsNeverOverlap(t *testing.T) {
	dir := filepath.Join(tempDir(t), "md")
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
		s := open(t, Options{Dir: dir, OpTimeout: patience})
		ctx := deadline(t)
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
	ctx := deadline(t)
	wantErr(t, s.RaiseProducerIDFloor(ctx, math.MaxInt64), ErrExhausted)
	if err := s.RaiseProducerIDFloor(ctx, math.MaxInt64-producerIDBlock); err != nil {
		t.Fatal(err)
	}
	must(s.AllocateProducerIDs(ctx, producerIDBlock))(t)
	_, err := s.AllocateProducerIDs(ctx, 1)
	wantErr(t, err, ErrExhausted)
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
	var rs []Receipt
	for r, err := range s.Receipts(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		rs = append(rs, r)
	}
	if len(rs) != 3 || rs[0].ID != "r4" || rs[2].ID != "r2" || string(rs[0].Body) != `{"x":1}` {
		t.Fatalf("receipts %+v", rs)
	}
	if err := s.SaveReceipt(ctx, Receipt{ID: "x", Body: []byte("{")}); err == nil {
		t.Fatal("broken body accepted")
	}
}
