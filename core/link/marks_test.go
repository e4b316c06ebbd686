package link

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"umbra/core/link/replicate"
	"umbra/core/metadata"
	"umbra/kafkaproto"
	"umbra/shard"
)

func TestMarksSurvive(t *testing.T) {
	dir := t.TempDir()
	now := time.Unix(1_700_000_000, 0).UTC()
	first := &metadata.Topic{Name: "orders", ID: kafkaproto.TopicID{1}, Created: now}
	again := &metadata.Topic{Name: "orders", ID: first.ID, Created: now.Add(time.Hour)}
	m, err := openMarks(dir, "L1")
	if err != nil {
		t.Fatal(err)
	}
	if m.contacted() || m.settled(first, 3) {
		t.Error("a new link has notes")
	}
	if err := m.settle(map[*metadata.Topic][]int32{first: {5, 3, 0}}); err != nil {
		t.Fatal(err)
	}
	if err := m.setContacted(); err != nil {
		t.Fatal(err)
	}
	id := shard.PartitionID{Topic: first.ID, Index: 3}
	parts := map[shard.PartitionID]replicate.PartitionStatus{id: {Partition: id, Progress: replicate.Progress{SourceHighWatermark: 42, SeenAt: now, CaughtUpAt: now}}}
	if err := m.note(parts, now); err != nil {
		t.Fatal(err)
	}
	if m, err = openMarks(dir, "L1"); err != nil {
		t.Fatal(err)
	}
	for index, want := range map[int32]bool{0: true, 1: false, 3: true, 5: true, 6: false} {
		if m.settled(first, index) != want {
			t.Errorf("partition %d settled: %v", index, !want)
		}
	}
	if !m.contacted() || m.settled(again, 3) {
		t.Error("a topic that was made again under its id is settled, or contact is forgotten")
	}
	p := neverSeen(id, "orders")
	if m.recall(&p); p.SourceHighWatermark != 42 || !p.SeenAt.Equal(now) {
		t.Errorf("recalled %+v", p)
	}
	later := neverSeen(id, "orders")
	later.SeenAt, later.SourceHighWatermark = now.Add(time.Minute), 50
	if m.recall(&later); later.SourceHighWatermark != 50 {
		t.Error("an old note replaced what was seen since")
	}
	m.prune([]*metadata.Topic{again})
	if m.settled(first, 3) {
		t.Error("a topic that is gone is still noted")
	}
}

// TestSeenIsWrittenNowAndThen: soon while the source moves on, seldom while only
// time does.
func TestSeenIsWrittenNowAndThen(t *testing.T) {
	m, err := openMarks(t.TempDir(), "L1")
	if err != nil {
		t.Fatal(err)
	}
	id := shard.PartitionID{Topic: kafkaproto.TopicID{1}}
	now := time.Unix(1_700_000_000, 0)
	writes, last := 0, time.Time{}
	step := func(high int64) {
		t.Helper()
		now = now.Add(time.Second)
		parts := map[shard.PartitionID]replicate.PartitionStatus{id: {Partition: id, Progress: replicate.Progress{SourceHighWatermark: high, SeenAt: now}}}
		if err := m.note(parts, now); err != nil {
			t.Fatal(err)
		}
		if m.wrote != last {
			writes, last = writes+1, m.wrote
		}
	}
	for i := range int64(20) {
		step(i)
	}
	if writes != 20 {
		t.Errorf("%d writes in 20 s of progress", writes)
	}
	writes = 0
	for range 30 {
		step(19)
	}
	if writes != 3 {
		t.Errorf("%d writes in 30 idle seconds", writes)
	}
}

// TestDamagedNotes: a damaged hint is a hint lost, a damaged decision is told.
func TestDamagedNotes(t *testing.T) {
	dir := t.TempDir()
	at := marksDir(dir, "L1")
	if err := os.MkdirAll(at, 0o750); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"seen.json", "begun.json"} {
		if err := os.WriteFile(filepath.Join(at, name), []byte(`{"contacted": tr`), 0o640); err != nil {
			t.Fatal(err)
		}
		_, err := openMarks(dir, "L1")
		if (err != nil) != (name == "begun.json") {
			t.Errorf("damaged %s: %v", name, err)
		}
	}
}
