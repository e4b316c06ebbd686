package backend

import (
	"strings"
	"testing"

	"umbra/admin/api"
	"umbra/core/link/linktest"
	"umbra/core/link/spec"
)

// TestPartlyStoppedTopic: one partition of three is stopped, and every document
// says which, why, and how the others do.
func TestPartlyStoppedTopic(t *testing.T) {
	b, src := newNode(t), newSource(t)
	ctx := t.Context()
	if _, err := b.CreateLink(ctx, create(src)); err != nil {
		t.Fatal(err)
	}
	b.showsCopy(t)
	src.Spoil("orders", 1, func(b []byte) []byte { b[len(b)-1] ^= 1; return b })
	for i := range 3 {
		src.AppendMany("orders", i, 2, linktest.Batch{Records: 5, Size: 100})
	}
	var st *api.LinkStatus
	eventually(t, "the partition is stopped and the others have everything", func() bool {
		var err error
		st, err = b.Link(ctx, "dr")
		row := st.TopicRows[0]
		return err == nil && row.State == api.StateFaulted && row.OthersLag != nil && row.OthersLag.Records == 0 && row.OthersLag.Bound == api.Exact && row.Lag.Records == 10
	})
	row := st.TopicRows[0]
	if st.State != api.StateFaulted || st.Faulted != 1 || st.Healthy() || row.Lag.Bound != api.AtLeast || st.Lag.Bound != api.AtLeast {
		t.Errorf("%+v", st.LinkSummary)
	}
	stopped := func(what string, list []api.StoppedPartition) {
		t.Helper()
		if len(list) != 1 || list[0].Partition != 1 || list[0].Code != string(spec.CorruptSource) || list[0].Detail == "" || list[0].Next == "" || list[0].Since.IsZero() {
			t.Errorf("%s: stopped %+v", what, list)
		}
	}
	stopped("link", row.Stopped)
	if row.Reason == nil || !strings.HasPrefix(row.Reason.Detail, "1 of 3 partitions stopped: partition 1: ") {
		t.Errorf("%+v", row.Reason)
	}

	parts, err := b.Partitions(ctx, "dr")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range parts.Partitions[:3] {
		bad := p.Partition == 1
		if (p.State == api.StateFaulted) != bad || (p.Reason != nil) != bad || (p.Lag.Bound == api.AtLeast) != bad || (p.Lag.Records == 10) != bad {
			t.Errorf("%+v", p)
		}
	}

	one, err := b.Topic(ctx, "orders")
	if err != nil || one.State != api.StateFaulted || one.Faulted != 1 || one.Lag == nil || one.OthersLag == nil || one.OthersLag.Records != 0 {
		t.Fatalf("%+v, %v", one, err)
	}
	stopped("topic", one.Stopped)
	for _, p := range one.PartitionRows {
		bad := p.Partition == 1
		if (p.State == api.StateFaulted) != bad || (p.Reason != nil) != bad || p.Lag == nil || (p.Lag.Records == 10) != bad {
			t.Errorf("%+v", p)
		}
	}
	all, err := b.Topics(ctx)
	if err != nil || all.Topics[0].Faulted != 1 || all.Topics[1].Faulted != 0 {
		t.Errorf("%+v, %v", all, err)
	}

	plan, err := b.PlanFailover(ctx, "dr", api.Failover{})
	if err != nil || plan.Topics[0].OthersLag == nil || levels(plan.Checks)["topics"] != api.CheckWarn {
		t.Fatalf("%+v, %v", plan, err)
	}
	stopped("plan", plan.Topics[0].Stopped)
	var told []api.Step
	r, err := b.Failover(ctx, "dr", api.Failover{}, steps(&told))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range r.Topics[0].Partitions {
		if bad := p.Partition == 1; (p.Stopped != nil) != bad || (p.Loss.Bound == api.AtLeast && p.Loss.Records == 10) != bad {
			t.Errorf("receipt of partition %d: stopped %+v, loss %+v", p.Partition, p.Stopped, p.Loss)
		}
	}
	if one, err = b.Topic(ctx, "orders"); err != nil || one.State != api.StateFailedOver || one.Faulted != 0 || len(one.Stopped) != 0 || one.Lag != nil || one.PartitionRows[1].State != api.StateFailedOver {
		t.Errorf("%+v, %v", one, err)
	}
}
