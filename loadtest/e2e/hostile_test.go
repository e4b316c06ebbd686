package e2e_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"umbra/loadtest/hostile"
	"umbra/loadtest/rawfetch"
)

// memoryLimit is what a daemon may grow to while seventeen sources lie to it about
// lengths of 2 GiB: its budget is far below, one believed length is above.
const memoryLimit = 1 << 30

// From a source that lies, nothing wrong is appended, memory stays in its bounds, the
// partitions beside the bad one go on, and when the source behaves again the link
// catches up (by itself, or once an operator resumes it).
func TestHostileSourcesCannotHarm(t *testing.T) {
	ctx := within(t, 5*time.Minute)
	d := startUmbra(t, ctx)
	dst := shadowReader(t, d)
	const bad, beside, other = 0, 1, 2 // on broker 1, 1 and 2
	const faultAt, end = 100, 300
	sources := map[hostile.Kind]*hostile.Server{}
	topicOf := func(kind hostile.Kind) string { return "hostile-" + string(kind) }
	for i, kind := range hostile.Kinds() {
		s, err := hostile.Start(hostile.NewTopic(topicOf(kind), byte(i+1), end/10, 10, 1, 1, 2))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Close)
		s.SetFault(topicOf(kind), bad, hostile.Fault{Kind: kind, At: faultAt})
		sources[kind] = s
		do(t, ctx, d, "link", "create", "link-"+string(kind), "--from", strings.Join(s.Seeds(), ","), "--topics", topicOf(kind))
	}
	held := func(kind hostile.Kind, partition int32, want int64) string {
		if _, err := dst.Topic(ctx, topicOf(kind)); err != nil {
			return err.Error()
		}
		b, err := dst.Bounds(ctx, topicOf(kind), partition)
		if err != nil {
			return err.Error()
		}
		if b.HighWatermark < want {
			return fmt.Sprintf("%s/%d: %d of %d", topicOf(kind), partition, b.HighWatermark, want)
		}
		return ""
	}
	for _, kind := range hostile.Kinds() {
		eventually(t, ctx, "the other broker's partition is copied", func() string { return held(kind, other, end) })
		if kind.InRecords() {
			eventually(t, ctx, "the partition beside the bad one is copied", func() string { return held(kind, beside, end) })
		}
		eventually(t, ctx, "the bad partition is copied up to the fault", func() string { return held(kind, bad, faultAt) })
		eventually(t, ctx, "the fault was met", func() string {
			if sources[kind].Faulted(topicOf(kind), bad) == 0 {
				return "no fetch reached it"
			}
			return ""
		})
	}
	// The other partition of every source goes on while the bad one is bad.
	for _, kind := range hostile.Kinds() {
		sources[kind].Append(topicOf(kind), other, 10)
	}
	for _, kind := range hostile.Kinds() {
		eventually(t, ctx, "the other broker's partition goes on", func() string { return held(kind, other, end+10) })
		limit := int64(faultAt)
		if kind == hostile.Overlap {
			limit = end // the first batch of every answer is right
		}
		nothingWrongIsHeld(t, sources[kind], dst, topicOf(kind), limit)
	}
	now, peak, err := d.MemoryBytes()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("memory %d MiB, at most %d MiB", now>>20, peak>>20)
	if peak > memoryLimit {
		t.Errorf("memory grew to %d MiB", peak>>20)
	}
	for _, kind := range hostile.Kinds() {
		t.Run(string(kind), func(t *testing.T) {
			sources[kind].SetFault(topicOf(kind), bad, hostile.Fault{})
			if row := topicState(linkStatus(t, ctx, d, "link-"+string(kind)), topicOf(kind)); row.State == "FAULTED" {
				t.Logf("faulted: %+v", row.Reason)
				if row.Reason == nil || row.Reason.Next == "" {
					t.Errorf("a faulted topic without a reason and a next step: %+v", row)
				}
				do(t, ctx, d, "link", "resume", "link-"+string(kind))
			}
			awaitEqual(t, within(t, time.Minute), reader(t, "source", sources[kind].Seeds()...), dst, topicOf(kind))
		})
	}
}

// nothingWrongIsHeld compares what lies on the shadow with what the source really has;
// of the bad partition it may hold nothing beyond limit.
func nothingWrongIsHeld(t *testing.T, s *hostile.Server, dst *rawfetch.Reader, topic string, limit int64) {
	t.Helper()
	ctx := within(t, time.Minute)
	for p := range int32(3) {
		b, err := dst.Bounds(ctx, topic, p)
		if err != nil {
			t.Fatal(err)
		}
		want, err := s.Truth(topic, p)
		if err != nil {
			t.Fatal(err)
		}
		i := 0
		for got, err := range dst.Batches(ctx, topic, p, b.Start, b.HighWatermark) {
			if err != nil {
				t.Fatal(err)
			}
			if i >= len(want) || string(want[i]) != string(got.Raw) {
				t.Fatalf("%s/%d: batch %d of the shadow is %v, not the source's", topic, p, i, &got)
			}
			i++
		}
		if p == 0 && b.HighWatermark > limit {
			t.Errorf("%s/0: the shadow has %d records, the source never gave more than %d in order", topic, b.HighWatermark, limit)
		}
	}
}
