package e2e_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"umbra/admin/api"
	"umbra/loadtest/kafka"
	"umbra/loadtest/rawfetch"
	"umbra/loadtest/umbra"
	"umbra/loadtest/workload"
)

// What a source does to its topics: partitions grow, retention overtakes, topics go and
// come again under the same name.
func TestFollowsSourceEvents(t *testing.T) {
	ctx := within(t, 4*time.Minute)
	source := kafka.Run(t, kafka.Single())
	d := startUmbra(t, ctx)
	src, dst := reader(t, "source", source.Seeds()...), shadowReader(t, d)
	adm := adminOf(t, source.Seeds()...)
	for _, topic := range []string{"ev-grow", "ev-gap", "ev-again", "ev-gone"} {
		if err := workload.CreateTopic(ctx, source.Seeds(), topic, 2, 1, nil); err != nil {
			t.Fatal(err)
		}
		writeTo(t, ctx, source.Seeds(), topic, 2, 200)
	}
	do(t, ctx, d, "link", "create", "dr", "--from", source.Bootstrap(), "--topics", "ev-*")
	awaitEqual(t, ctx, src, dst, "ev-grow", "ev-gap", "ev-again", "ev-gone")

	t.Run("partitions added", func(t *testing.T) {
		grow(t, ctx, adm, "ev-grow", 3, 5)
		writeTo(t, ctx, source.Seeds(), "ev-grow", 5, 200)
		awaitEqual(t, ctx, src, dst, "ev-grow")
		grownIsTold(t, ctx, d)
	})
	t.Run("retention overtakes a paused link", func(t *testing.T) { retentionOvertakes(t, ctx, d, source, src, dst) })
	t.Run("topic created again", func(t *testing.T) {
		held := record(t, ctx, dst, "ev-again", 2)
		recreate(t, ctx, adm, source, "ev-again")
		row := awaitState(t, ctx, d, "dr", "ev-again", api.StateFaulted)
		if !isReason(row.Reason, "SOURCE_RECREATED") || row.Reason.Next == "" {
			t.Errorf("reason %+v, want SOURCE_RECREATED with a next step", row.Reason)
		}
		awaitSeries(t, ctx, d, `umbra_link_topic_faulted{link="dr",topic="ev-again",reason="SOURCE_RECREATED"}`, 1)
		awaitSeries(t, ctx, d, `umbra_link_topics{link="dr",state="FAULTED"}`, 1)
		stillHeld(t, ctx, dst, held)
	})
	t.Run("topic deleted", func(t *testing.T) {
		held := record(t, ctx, dst, "ev-gone", 2)
		if _, err := adm.DeleteTopics(ctx, "ev-gone"); err != nil {
			t.Fatal(err)
		}
		eventually(t, ctx, "status says that the topic is gone", func() string {
			row := topicState(linkStatus(t, ctx, d, "dr"), "ev-gone")
			if isReason(row.Reason, "SOURCE_DELETED") {
				return ""
			}
			return fmt.Sprintf("%+v, reason %+v", row, row.Reason)
		})
		awaitSeries(t, ctx, d, `umbra_link_topic_noted{link="dr",topic="ev-gone",reason="SOURCE_DELETED"}`, 1)
		stillHeld(t, ctx, dst, held)
	})
	t.Run("the rest goes on", func(t *testing.T) {
		writeTo(t, ctx, source.Seeds(), "ev-grow", 5, 100)
		writeTo(t, ctx, source.Seeds(), "ev-gap", 2, 100)
		awaitEqual(t, ctx, src, dst, "ev-grow", "ev-gap")
	})
	t.Run("metrics and receipt tell it", func(t *testing.T) {
		if n := sumSeries(t, ctx, d, "umbra_link_gap_records_total"); n == 0 {
			t.Error("umbra_link_gap_records_total is 0")
		}
		if n := sumSeries(t, ctx, d, "umbra_link_topic_faulted"); n != 1 {
			t.Errorf("umbra_link_topic_faulted sums to %v, want 1", n)
		}
		eventsAreOnTheReceipt(t, ctx, d, dst)
	})
}

// grownIsTold: the status counts the added partitions, and each has figures of its own.
func grownIsTold(t *testing.T, ctx context.Context, d *umbra.Daemon) {
	t.Helper()
	if row := topicState(linkStatus(t, ctx, d, "dr"), "ev-grow"); row.Partitions != 5 || row.State != api.StateActive || row.Reason != nil {
		t.Errorf("status %+v, want 5 partitions, ACTIVE, no reason", row)
	}
	dst := shadowReader(t, d)
	for p := range int32(5) {
		b, err := dst.Bounds(ctx, "ev-grow", p)
		if err != nil {
			t.Fatal(err)
		}
		if b.HighWatermark == 0 {
			t.Errorf("ev-grow/%d is empty: its figures show nothing", p)
		}
		awaitSeries(t, ctx, d, fmt.Sprintf(`umbra_partition_high_watermark{topic="ev-grow",partition="%d"}`, p), float64(b.HighWatermark))
		awaitSeries(t, ctx, d, fmt.Sprintf(`umbra_link_lag_records{link="dr",topic="ev-grow",partition="%d"}`, p), 0)
	}
}

// eventsAreOnTheReceipt fails over and looks for each event on the receipt.
func eventsAreOnTheReceipt(t *testing.T, ctx context.Context, d *umbra.Daemon, dst *rawfetch.Reader) {
	t.Helper()
	held := map[string]int{"ev-grow": 5, "ev-gap": 2, "ev-again": 2, "ev-gone": 2}
	reasons := map[string]string{"ev-again": "SOURCE_RECREATED", "ev-gone": "SOURCE_DELETED"}
	ends := map[string][]*rawfetch.Recording{}
	for topic, partitions := range held {
		ends[topic] = record(t, ctx, dst, topic, partitions)
	}
	receipt := failover(t, ctx, d, "dr")
	if gaps := receiptPartition(t, receipt, "ev-gap", 0).Gaps; len(gaps) != 1 {
		t.Errorf("receipt: gaps of ev-gap/0 %+v, want one", gaps)
	}
	if len(receipt.Topics) != len(held) {
		t.Errorf("receipt: %d topics, want %d", len(receipt.Topics), len(held))
	}
	for _, topic := range receipt.Topics {
		before := api.StateActive
		if topic.Topic == "ev-again" {
			before = api.StateFaulted
		}
		if topic.StateBefore != before || topic.State != api.StateFailedOver || len(topic.Partitions) != held[topic.Topic] {
			t.Errorf("receipt: topic %s was %s, is %s, with %d partitions; want %s, FAILED_OVER, %d", topic.Topic, topic.StateBefore, topic.State,
				len(topic.Partitions), before, held[topic.Topic])
		}
		if want := reasons[topic.Topic]; want != "" && !isReason(topic.ReasonBefore, want) {
			t.Errorf("receipt: topic %s had reason %+v before, want %s", topic.Topic, topic.ReasonBefore, want)
		}
		for _, rec := range ends[topic.Topic] {
			if got := receiptPartition(t, receipt, rec.Topic, rec.Partition).FinalOffset; got != rec.Bounds.HighWatermark {
				t.Errorf("receipt: %s/%d was cut at %d, the shadow had %d", rec.Topic, rec.Partition, got, rec.Bounds.HighWatermark)
			}
		}
	}
}

// awaitSeries waits until a series, named with its labels, has a value.
func awaitSeries(t *testing.T, ctx context.Context, d *umbra.Daemon, series string, want float64) {
	t.Helper()
	eventually(t, ctx, fmt.Sprintf("%s is %v", series, want), func() string {
		values, err := d.MetricValues(ctx)
		if err != nil {
			return err.Error()
		}
		if got, ok := values[series]; !ok || got != want {
			return fmt.Sprintf("%v, there: %v", got, ok)
		}
		return ""
	})
}

func retentionOvertakes(t *testing.T, ctx context.Context, d *umbra.Daemon, source *kafka.Cluster, src, dst *rawfetch.Reader) {
	do(t, ctx, d, "link", "pause", "dr")
	awaitState(t, ctx, d, "dr", "ev-gap", api.StatePaused)
	awaitNotFollowed(t, ctx, d, "ev-gap", 0)
	before, err := dst.Bounds(ctx, "ev-gap", 0)
	if err != nil {
		t.Fatal(err)
	}
	writeTo(t, ctx, source.Seeds(), "ev-gap", 2, 400)
	end, err := src.Bounds(ctx, "ev-gap", 0)
	if err != nil {
		t.Fatal(err)
	}
	start := end.HighWatermark - 20
	if err := workload.TrimTo(ctx, source.Seeds(), "ev-gap", 0, start); err != nil {
		t.Fatal(err)
	}
	do(t, ctx, d, "link", "resume", "dr")
	awaitEqual(t, ctx, src, dst, "ev-gap")
	var gaps []api.Gap
	eventually(t, ctx, "the gap is recorded", func() string {
		gaps = linkDescription(t, ctx, d, "dr").Gaps
		if len(gaps) == 0 {
			return "no gap in the status"
		}
		return ""
	})
	if g := gaps[0]; len(gaps) != 1 || g.Topic != "ev-gap" || g.Partition != 0 || g.From != before.HighWatermark || g.To != start {
		t.Errorf("gaps %+v, want one of ev-gap/0 from %d to %d", gaps, before.HighWatermark, start)
	}
}

// awaitNotFollowed waits until a partition is not copied any more. A topic is PAUSED as
// soon as that is decided; its shards hear of it a moment later, and until then what is
// written at the source is still copied. That a partition is let go is seen in its lag,
// which is exact only while it is followed and the source answers.
func awaitNotFollowed(t *testing.T, ctx context.Context, d *umbra.Daemon, topic string, partition int) {
	t.Helper()
	eventually(t, ctx, fmt.Sprintf("%s/%d is not followed", topic, partition), func() string {
		var desc api.TopicDescription
		if err := d.JSON(ctx, &desc, "topic", "describe", topic); err != nil {
			return err.Error()
		}
		if row := desc.PartitionRows[partition]; row.Lag == nil || row.Lag.Bound != api.AtLeast {
			return fmt.Sprintf("%s, lag %+v", row.State, row.Lag)
		}
		return ""
	})
}

// A source elects a leader that has not everything: what was mirrored of the lost tail is
// cut, kept aside, and replaced by what the source has now.
func TestUncleanElectionIsRepaired(t *testing.T) {
	ctx := within(t, 4*time.Minute)
	source := kafka.Run(t, kafka.Unclean())
	const topic = "unclean"
	createOn(t, ctx, source, topic, []int32{1, 2}, map[string]string{"unclean.leader.election.enable": "true", "min.insync.replicas": "1"})
	writeTo(t, ctx, source.Seeds(), topic, 1, 300)
	d := startUmbra(t, ctx)
	do(t, ctx, d, "link", "create", "dr", "--from", source.Bootstrap(), "--topics", topic)
	src, dst := reader(t, "source", source.Seeds()...), shadowReader(t, d)
	awaitEqual(t, ctx, src, dst, topic)

	if err := source.Broker(2).Kill(); err != nil {
		t.Fatal(err)
	}
	eventually(t, ctx, "broker 2 leaves the in-sync set", func() string { return inSync(ctx, source.Broker(1).Addr, topic, 1) })
	writeTo(t, ctx, []string{source.Broker(1).Addr}, topic, 1, 100)
	awaitEqual(t, ctx, src, dst, topic)
	mirrored, err := dst.Bounds(ctx, topic, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := source.Broker(1).Kill(); err != nil {
		t.Fatal(err)
	}
	if err := source.Broker(2).Start(ctx); err != nil {
		t.Fatal(err)
	}
	two := reader(t, "source", source.Broker(2).Addr)
	eventually(t, ctx, "broker 2 leads", func() string {
		if meta, err := two.Topic(ctx, topic); err != nil || meta.Partitions[0].Leader != 2 {
			return fmt.Sprintf("%+v, %v", meta, err)
		}
		return ""
	})
	shorter, err := two.Bounds(ctx, topic, 0)
	if err != nil {
		t.Fatal(err)
	}
	if shorter.HighWatermark >= mirrored.HighWatermark {
		t.Fatalf("the new leader has %d, the shadow %d: no tail was lost, the test shows nothing", shorter.HighWatermark, mirrored.HighWatermark)
	}
	writeTo(t, ctx, []string{source.Broker(2).Addr}, topic, 1, 250)
	awaitEqual(t, ctx, two, dst, topic)
	checkCut(t, ctx, d, topic, shorter.HighWatermark, mirrored.HighWatermark)
	if n := sumSeries(t, ctx, d, "umbra_link_cut_records_total"); n != float64(mirrored.HighWatermark-shorter.HighWatermark) {
		t.Errorf("umbra_link_cut_records_total sums to %v, want %d", n, mirrored.HighWatermark-shorter.HighWatermark)
	}
	if cuts := receiptPartition(t, failover(t, ctx, d, "dr"), topic, 0).Cuts; len(cuts) != 1 {
		t.Errorf("receipt: cuts %+v, want one", cuts)
	}
}

// checkCut looks for the cut in the status and for its bytes on disk.
func checkCut(t *testing.T, ctx context.Context, d *umbra.Daemon, topic string, from, to int64) {
	t.Helper()
	cuts := linkDescription(t, ctx, d, "dr").Cuts
	if len(cuts) != 1 || cuts[0].Topic != topic || cuts[0].From != from || cuts[0].To != to {
		t.Fatalf("cuts %+v, want one of %s/0 from %d to %d", cuts, topic, from, to)
	}
	file := cuts[0].File
	if !filepath.IsAbs(file) {
		file = filepath.Join(d.DataDir(), file)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b)
	if int64(len(b)) != cuts[0].Bytes || hex.EncodeToString(sum[:]) != cuts[0].SHA256 {
		t.Errorf("%s has %d bytes, sha256 %x; the status says %d, %s", file, len(b), sum, cuts[0].Bytes, cuts[0].SHA256)
	}
}

// inSync says what is missing until exactly the given brokers are in sync.
func inSync(ctx context.Context, addr, topic string, want ...int32) string {
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr))
	if err != nil {
		return err.Error()
	}
	defer cl.Close()
	meta, err := kadm.NewClient(cl).Metadata(ctx, topic)
	if err != nil {
		return err.Error()
	}
	if got := meta.Topics[topic].Partitions[0].ISR; len(got) != len(want) || got[0] != want[0] {
		return fmt.Sprintf("in sync: %v", got)
	}
	return ""
}

func adminOf(t *testing.T, seeds ...string) *kadm.Client {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(seeds...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return kadm.NewClient(cl)
}

// createOn creates a topic of one partition on the given replicas and waits for its leader.
func createOn(t *testing.T, ctx context.Context, c *kafka.Cluster, topic string, replicas []int32, configs map[string]string) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.Seeds()...))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	req := kmsg.NewPtrCreateTopicsRequest()
	rt := kmsg.NewCreateTopicsRequestTopic()
	rt.Topic, rt.NumPartitions, rt.ReplicationFactor = topic, -1, -1
	ra := kmsg.NewCreateTopicsRequestTopicReplicaAssignment()
	ra.Replicas = replicas
	rt.ReplicaAssignment = append(rt.ReplicaAssignment, ra)
	for k, v := range configs {
		rc := kmsg.NewCreateTopicsRequestTopicConfig()
		rc.Name, rc.Value = k, kmsg.StringPtr(v)
		rt.Configs = append(rt.Configs, rc)
	}
	req.Topics = append(req.Topics, rt)
	resp, err := req.RequestWith(ctx, cl)
	if err != nil {
		t.Fatal(err)
	}
	if err := kerr.ErrorForCode(resp.Topics[0].ErrorCode); err != nil {
		t.Fatal(err)
	}
	if err := workload.AwaitLeaders(ctx, kadm.NewClient(cl), topic, 1); err != nil {
		t.Fatal(err)
	}
}

// grow adds partitions to a topic and waits until the cluster serves all of them.
func grow(t *testing.T, ctx context.Context, adm *kadm.Client, topic string, add, total int) {
	t.Helper()
	resp, err := adm.CreatePartitions(ctx, add, topic)
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Error(); err != nil {
		t.Fatal(err)
	}
	if err := workload.AwaitLeaders(ctx, adm, topic, total); err != nil {
		t.Fatal(err)
	}
}

// writeTo writes n drawn records and waits for their acknowledgement.
func writeTo(t *testing.T, ctx context.Context, seeds []string, topic string, partitions int32, n int) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(seeds...), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.MetadataMinAge(100*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	maker := workload.NewMaker(7, uint64(time.Now().UnixNano()))
	for done := 0; done < n; done += 50 {
		var batch []*kgo.Record
		for i := range min(50, n-done) {
			batch = append(batch, maker.Record(topic, int32(i)%partitions))
		}
		if err := cl.ProduceSync(ctx, batch...).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
}

// record takes down what a cluster holds of a topic now.
func record(t *testing.T, ctx context.Context, r *rawfetch.Reader, topic string, partitions int) []*rawfetch.Recording {
	t.Helper()
	var out []*rawfetch.Recording
	for p := range partitions {
		rec, err := rawfetch.Record(ctx, r, topic, int32(p))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, rec)
	}
	return out
}

// stillHeld proves that the cluster holds what was recorded and nothing else.
func stillHeld(t *testing.T, ctx context.Context, r *rawfetch.Reader, held []*rawfetch.Recording) {
	t.Helper()
	for _, rec := range held {
		now, err := r.Bounds(ctx, rec.Topic, rec.Partition)
		if err != nil {
			t.Fatal(err)
		}
		if now != rec.Bounds {
			t.Errorf("%s/%d: bounds were %+v, are %+v", rec.Topic, rec.Partition, rec.Bounds, now)
		}
		if err := rec.HeldBy(ctx, r, rec.Bounds.Start, rec.Bounds.HighWatermark); err != nil {
			t.Error(err)
		}
	}
}

// recreate deletes a topic and makes another of its name, with other records.
func recreate(t *testing.T, ctx context.Context, adm *kadm.Client, source *kafka.Cluster, topic string) {
	t.Helper()
	if _, err := adm.DeleteTopics(ctx, topic); err != nil {
		t.Fatal(err)
	}
	eventually(t, ctx, "the topic can be made again", func() string {
		if err := workload.CreateTopic(ctx, source.Seeds(), topic, 2, 1, nil); err != nil {
			return err.Error()
		}
		return ""
	})
	writeTo(t, ctx, source.Seeds(), topic, 2, 500)
}
