package e2e_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"umbra/admin/api"
	"umbra/loadtest/hostile"
	"umbra/loadtest/rawfetch"
	"umbra/loadtest/umbra"
)

// The logs of each hostile source: partition 0 of a topic, which is lied about, its
// siblings, and those of another topic. One of each stands on the bad one's broker (and
// connection), one on the other broker.
const (
	faultAt = 100 // offset from which the bad one is lied about
	logEnd  = 300
)

// place is one healthy partition of a hostile source.
type place struct {
	topic     string
	partition int32
}

// beside is what must go on whatever is wrong with the bad partition: what the other
// broker leads, and where the lie is in the records of one partition, everything else.
func beside(k hostile.Kind) []place {
	out := []place{{badTopic(k), 2}, {goodTopic(k), 1}}
	if k.InRecords() {
		out = append(out, place{badTopic(k), 1}, place{goodTopic(k), 0})
	}
	return out
}

func badTopic(k hostile.Kind) string  { return "bad-" + string(k) }
func goodTopic(k hostile.Kind) string { return "good-" + string(k) }
func linkOf(k hostile.Kind) string    { return "link-" + string(k) }

// From a source that lies, nothing wrong is appended, memory stays in its bounds, the
// partitions beside the bad one go on, and when the source behaves again the link
// catches up (by itself, or once an operator resumes it).
func TestHostileSourcesCannotHarm(t *testing.T) {
	ctx := within(t, 5*time.Minute)
	d := newUmbra(t, "--set", "max.connections=256")
	d.Env = []string{"UMBRA_MEMORY_ARENA=16MiB"}
	if _, err := d.Start(ctx); err != nil {
		t.Fatal(err)
	}
	dst := shadowReader(t, d)
	sources := map[hostile.Kind]*hostile.Server{}
	for i, kind := range hostile.Kinds() {
		s, err := hostile.Start(hostile.NewTopic(badTopic(kind), byte(2*i+1), logEnd/10, 10, 1, 1, 2), hostile.NewTopic(goodTopic(kind), byte(2*i+2), logEnd/10, 10, 1, 2))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Close)
		s.SetFault(badTopic(kind), 0, hostile.Fault{Kind: kind, At: faultAt})
		sources[kind] = s
		do(t, ctx, d, "link", "create", linkOf(kind), "--from", strings.Join(s.Seeds(), ","), "--topics", "*-"+string(kind))
	}
	for _, kind := range hostile.Kinds() {
		awaitHeld(t, dst, badTopic(kind), 0, faultAt)
		for _, p := range beside(kind) {
			awaitHeld(t, dst, p.topic, p.partition, logEnd)
		}
		eventually(t, within(t, time.Minute), "the fault of "+string(kind)+" is met", func() string {
			if sources[kind].Faulted(badTopic(kind), 0) == 0 {
				return "no fetch reached it"
			}
			return ""
		})
	}
	// The others go on while the bad one is bad.
	for _, kind := range hostile.Kinds() {
		for _, p := range []place{{badTopic(kind), 1}, {badTopic(kind), 2}, {goodTopic(kind), 0}, {goodTopic(kind), 1}} {
			sources[kind].Append(p.topic, p.partition, 10)
		}
	}
	for _, kind := range hostile.Kinds() {
		for _, p := range beside(kind) {
			awaitHeld(t, dst, p.topic, p.partition, logEnd+10)
		}
		limit := int64(faultAt)
		if kind == hostile.Overlap {
			limit = logEnd // the first batch of every answer is right
		}
		nothingWrongIsHeld(t, sources[kind], dst, badTopic(kind), 0, limit)
		for p := range int32(2) {
			nothingWrongIsHeld(t, sources[kind], dst, badTopic(kind), 1+p, logEnd+10)
			nothingWrongIsHeld(t, sources[kind], dst, goodTopic(kind), p, logEnd+10)
		}
	}
	memoryInBudget(t, ctx, d)
	for _, kind := range hostile.Kinds() {
		t.Run(string(kind), func(t *testing.T) { recovers(t, d, dst, sources[kind], kind) })
	}
}

// memoryInBudget: seventeen sources have lied about lengths of up to 2 GiB, and the
// process never grew beyond the sum that the daemon has set aside for what a link uses.
// Unpacking is for producers' batches and is left out, with the garbage it may leave.
func memoryInBudget(t *testing.T, ctx context.Context, d *umbra.Daemon) {
	t.Helper()
	values, err := d.MetricValues(ctx)
	if err != nil {
		t.Fatal(err)
	}
	term := func(holder string) int64 {
		return int64(values[fmt.Sprintf("umbra_memory_budget_bytes{holder=%q}", holder)])
	}
	if term("slabs") == 0 || term("unpacking") == 0 {
		t.Fatalf("umbra_memory_budget_bytes: no slabs or no unpacking")
	}
	budget := int64(sumSeries(t, ctx, d, "umbra_memory_budget_bytes")) - term("unpacking")*5/4
	now, peak, err := d.MemoryBytes()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("memory %d MiB, at most %d MiB, of a budget of %d MiB", now>>20, peak>>20, budget>>20)
	if peak > budget {
		t.Errorf("memory grew to %d MiB, the budget is %d MiB", peak>>20, budget>>20)
	}
}

// awaitHeld waits until the shadow serves a partition up to an offset.
func awaitHeld(t *testing.T, dst *rawfetch.Reader, topic string, partition int32, offset int64) {
	t.Helper()
	ctx := within(t, time.Minute)
	eventually(t, ctx, fmt.Sprintf("%s/%d is copied up to %d", topic, partition, offset), func() string {
		if _, err := dst.Topic(ctx, topic); err != nil {
			return err.Error()
		}
		b, err := dst.Bounds(ctx, topic, partition)
		if err != nil {
			return err.Error()
		}
		if b.HighWatermark < offset {
			return fmt.Sprintf("it ends at %d", b.HighWatermark)
		}
		return ""
	})
}

// recovers lets the source behave again; a faulted topic names its reason and the next
// step, and takes a resume.
func recovers(t *testing.T, d *umbra.Daemon, dst *rawfetch.Reader, s *hostile.Server, kind hostile.Kind) {
	ctx := within(t, time.Minute)
	s.SetFault(badTopic(kind), 0, hostile.Fault{})
	row := topicState(linkStatus(t, ctx, d, linkOf(kind)), badTopic(kind))
	t.Logf("%s, reason %+v", row.State, row.Reason)
	if row.State == api.StateFaulted {
		if row.Reason == nil || row.Reason.Next == "" {
			t.Errorf("a faulted topic without a reason and a next step: %+v", row)
		}
		if kind.InRecords() { // else a connection's end may be laid to the siblings, too
			if len(row.Stopped) != 1 || row.Stopped[0].Partition != 0 || row.Stopped[0].Next == "" || row.OthersLag == nil {
				t.Errorf("%d stopped partitions, want the bad one alone: %+v", len(row.Stopped), row.Stopped)
			}
			awaitSeries(t, ctx, d, fmt.Sprintf("umbra_link_partitions_faulted{link=%q}", linkOf(kind)), 1)
		}
		do(t, ctx, d, "link", "resume", linkOf(kind))
	}
	awaitEqual(t, ctx, reader(t, "source", s.Seeds()...), dst, badTopic(kind), goodTopic(kind))
}

// nothingWrongIsHeld compares what lies on the shadow with what the source really has,
// of which it may hold nothing beyond limit.
func nothingWrongIsHeld(t *testing.T, s *hostile.Server, dst *rawfetch.Reader, topic string, p int32, limit int64) {
	t.Helper()
	ctx := within(t, time.Minute)
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
	if b.HighWatermark > limit {
		t.Errorf("%s/%d: the shadow has %d records, the source never gave more than %d in order", topic, p, b.HighWatermark, limit)
	}
}
