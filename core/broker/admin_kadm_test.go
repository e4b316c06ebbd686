package broker_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// kadm gives an admin client and the client it works with.
func (n *adminNode) kadm(opts ...kgo.Opt) (*kadm.Client, *kgo.Client) {
	c := client(n.t, n.node, opts...)
	return kadm.NewClient(c), c
}

// TestKadmWholeLife: an independent client takes a topic through its life.
func TestKadmWholeLife(t *testing.T) {
	n := startAdmin(t, nil)
	c, producer := n.kadm(kgo.RecordPartitioner(kgo.ManualPartitioner()))
	ctx := t.Context()
	made, err := c.CreateTopic(ctx, 3, -1, map[string]*string{"retention.ms": kadm.StringPtr("86400000")}, "orders")
	check(t, err)
	if made.NumPartitions != 3 || made.ReplicationFactor != 1 || *made.Configs["retention.ms"].Value != "86400000" {
		t.Errorf("created %+v", made)
	}
	meta, err := c.Metadata(ctx, "orders")
	check(t, err)
	if meta.Cluster != n.store.Snapshot().ClusterID || meta.Controller != nodeID || len(meta.Topics["orders"].Partitions) != 3 || meta.Topics["orders"].ID != made.ID {
		t.Errorf("metadata %+v", meta)
	}
	for i := range int32(3) {
		check(t, producer.ProduceSync(ctx, &kgo.Record{Topic: "orders", Partition: i, Value: []byte("a")}, &kgo.Record{Topic: "orders", Partition: i, Value: []byte("b")}).FirstErr())
	}
	n.kadmConfigs(c)
	n.kadmPartitions(c)
	n.kadmRecords(c)
	dirs, err := c.DescribeAllLogDirs(ctx, nil)
	check(t, err)
	dir, ok := dirs[nodeID][n.dir+"/data"]
	if !ok || dir.Err != nil || len(dir.Topics["orders"]) != 5 {
		t.Errorf("log directories %+v", dirs)
	}
	gone, err := c.DeleteTopics(ctx, "orders", "nope")
	check(t, err)
	if gone["orders"].Err != nil || !errors.Is(gone["nope"].Err, kerr.UnknownTopicOrPartition) {
		t.Errorf("deleted %+v", gone)
	}
	left, err := c.ListTopics(ctx)
	check(t, err)
	if len(left) != 0 {
		t.Errorf("topics left: %v", left.Names())
	}
}

func (n *adminNode) kadmConfigs(c *kadm.Client) {
	n.t.Helper()
	ctx := n.t.Context()
	_, err := c.AlterTopicConfigs(ctx, []kadm.AlterConfig{
		{Op: kadm.SetConfig, Name: "segment.ms", Value: kadm.StringPtr("60000")},
		{Op: kadm.AppendConfig, Name: "cleanup.policy", Value: kadm.StringPtr("compact")},
		{Op: kadm.DeleteConfig, Name: "retention.ms"}}, "orders")
	check(n.t, err)
	got, err := c.DescribeTopicConfigs(ctx, "orders")
	check(n.t, err)
	values := map[string]string{}
	for _, one := range got[0].Configs {
		values[one.Key] = one.MaybeValue()
	}
	if values["segment.ms"] != "60000" || values["cleanup.policy"] != "delete,compact" || values["retention.ms"] != "604800000" {
		n.t.Errorf("configs after the change: %v", values)
	}
	bad, err := c.AlterTopicConfigs(ctx, []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "segment.ms", Value: kadm.StringPtr("x")}}, "orders")
	check(n.t, err)
	if !errors.Is(bad[0].Err, kerr.InvalidConfig) || !strings.Contains(bad[0].ErrMessage, "segment.ms") {
		n.t.Errorf("a bad value: %v %q", bad[0].Err, bad[0].ErrMessage)
	}
	broker, err := c.DescribeBrokerConfigs(ctx, nodeID)
	check(n.t, err)
	if len(broker) != 1 || broker[0].Err != nil || len(broker[0].Configs) < 30 {
		n.t.Errorf("broker configs %+v", broker)
	}
}

func (n *adminNode) kadmPartitions(c *kadm.Client) {
	n.t.Helper()
	grown, err := c.CreatePartitions(n.t.Context(), 2, "orders")
	check(n.t, err)
	check(n.t, grown["orders"].Err)
	same, err := c.UpdatePartitions(n.t.Context(), 5, "orders")
	check(n.t, err)
	if !errors.Is(same["orders"].Err, kerr.InvalidPartitions) {
		n.t.Errorf("the same count again: %v", same["orders"].Err)
	}
}

func (n *adminNode) kadmRecords(c *kadm.Client) {
	n.t.Helper()
	var to kadm.Offsets
	to.AddOffset("orders", 0, 1, -1)
	to.AddOffset("orders", 1, -1, -1)
	to.AddOffset("orders", 2, 3, -1)
	cut, err := c.DeleteRecords(n.t.Context(), to)
	check(n.t, err)
	got := cut["orders"]
	if got[0].LowWatermark != 1 || got[1].LowWatermark != 2 || !errors.Is(got[2].Err, kerr.OffsetOutOfRange) {
		n.t.Errorf("deleted records: %+v", got)
	}
	starts, err := c.ListStartOffsets(n.t.Context(), "orders")
	check(n.t, err)
	at := map[int32]int64{}
	starts.Each(func(o kadm.ListedOffset) { at[o.Partition] = o.Offset })
	if want := map[int32]int64{0: 1, 1: 2, 2: 0, 3: 0, 4: 0}; !maps.Equal(at, want) {
		n.t.Errorf("log starts %v, want %v", at, want)
	}
}

// TestKadmSeesRefusals: code and message reach a stock client.
func TestKadmSeesRefusals(t *testing.T) {
	n := startAdmin(t, nil)
	n.link("dr", "orders*")
	top := n.shadow("dr", "orders", 1)
	n.fill(top, 0, 4)
	c, _ := n.kadm()
	ctx := t.Context()
	f := func(what string, err error, message string) {
		t.Helper()
		if !errors.Is(err, kerr.PolicyViolation) || !strings.Contains(message, `link "dr"`) {
			t.Errorf("%s: %v %q", what, err, message)
		}
	}
	made, err := c.CreateTopics(ctx, 1, 1, nil, "orders-2")
	check(t, err)
	f("create", made["orders-2"].Err, made["orders-2"].ErrMessage)
	gone, err := c.DeleteTopics(ctx, "orders")
	check(t, err)
	f("delete", gone["orders"].Err, gone["orders"].ErrMessage)
	grown, err := c.CreatePartitions(ctx, 1, "orders")
	check(t, err)
	f("grow", grown["orders"].Err, grown["orders"].ErrMessage)
	changed, err := c.AlterTopicConfigs(ctx, []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "segment.ms", Value: kadm.StringPtr("60000")}}, "orders")
	check(t, err)
	f("alter", changed[0].Err, changed[0].ErrMessage)
	ends, err := c.ListEndOffsets(ctx, "orders")
	check(t, err)
	if end, _ := ends.Lookup("orders", 0); end.Offset != 4 {
		t.Errorf("the log ends at %d", end.Offset)
	}
}

// TestKadmAutoCreates: a producer that is allowed to makes its topic, except
// where a link takes the name.
func TestKadmAutoCreates(t *testing.T) {
	n := startAdmin(t, map[string]string{"auto.create.topics.enable": "true"})
	n.link("dr", "shadowed-*")
	_, c := n.kadm(kgo.AllowAutoTopicCreation(), kgo.UnknownTopicRetries(1))
	check(t, c.ProduceSync(t.Context(), &kgo.Record{Topic: "fresh", Value: []byte("a")}).FirstErr())
	err := c.ProduceSync(t.Context(), &kgo.Record{Topic: "shadowed-1", Value: []byte("a")}).FirstErr()
	if !errors.Is(err, kerr.UnknownTopicOrPartition) {
		t.Errorf("producing to a name that a link takes: %v", err)
	}
	if got := slices.Sorted(maps.Keys(n.store.Snapshot().Topics)); !slices.Equal(got, []string{"fresh"}) {
		t.Errorf("topics %q", got)
	}
}
