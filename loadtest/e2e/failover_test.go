package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"umbra/admin/api"
	"umbra/loadtest/clients"
	"umbra/loadtest/hostile"
	"umbra/loadtest/kafka"
	"umbra/loadtest/rawfetch"
	"umbra/loadtest/umbra"
	"umbra/loadtest/workload"
)

// The day it is for: a real Kafka dies in the middle of writes, the shadow is failed
// over without it, and stock clients go on where they were.
func TestFailoverWithTheSourceDead(t *testing.T) {
	ctx := within(t, 6*time.Minute)
	source := kafka.Run(t, kafka.Single())
	mix, err := workload.Write(ctx, workload.Config{Seeds: source.Seeds(), Prefix: "fo-", Seed: 6, Records: 200})
	if err != nil {
		t.Fatal(err)
	}
	defer mix.Close()
	for _, topic := range []string{"fo-load", "fo-resume"} {
		if err := workload.CreateTopic(ctx, source.Seeds(), topic, 1, 1, nil); err != nil {
			t.Fatal(err)
		}
	}
	resume := clients.Records("before", 200)
	writer := clients.Franz("franz-go", nil)
	if err := writer.Produce(ctx, clients.Target{Bootstrap: source.Bootstrap(), Topic: "fo-resume", Codec: "lz4"}, resume); err != nil {
		t.Fatal(err)
	}
	d := startUmbra(t, ctx)
	do(t, ctx, d, "link", "create", "dr", "--from", source.Bootstrap(), "--topics", "fo-*")
	src, dst := reader(t, "source", source.Seeds()...), shadowReader(t, d)
	all := append(slices.Clone(mix.Topics), "fo-resume")
	awaitEqual(t, ctx, src, dst, all...)
	mirrored := lastBatch(t, ctx, src, "fo-idempotent", 0)

	load, err := workload.StartLoad(workload.LoadConfig{Seeds: source.Seeds(), Topic: "fo-load", Partitions: 1, Producers: 3, PerSecond: 900, Seed: 6})
	if err != nil {
		t.Fatal(err)
	}
	if err := load.AwaitAcked(ctx, 2000); err != nil {
		t.Fatal(err)
	}
	eventually(t, ctx, "the shadow has some of the load", func() string {
		if b, err := dst.Bounds(ctx, "fo-load", 0); err != nil || b.HighWatermark < 500 {
			return fmt.Sprintf("%+v, %v", b, err)
		}
		return ""
	})
	if err := source.Broker(1).Kill(); err != nil {
		t.Fatal(err)
	}
	load.Stop(0)
	receipt := failover(t, ctx, d, "dr")
	checkReceipt(t, receipt, mix)

	t.Run("consumers resume", func(t *testing.T) { consumersResume(t, ctx, d, resume) })
	t.Run("read_committed readers reach the end", func(t *testing.T) { committedReachesEnd(t, ctx, dst, d, mix, receipt) })
	t.Run("leader epochs and producer ids are above the mirrored", func(t *testing.T) { epochsAndIDsRise(t, ctx, src, dst, d, receipt) })
	t.Run("a mirrored producer goes on", func(t *testing.T) { mirroredProducerGoesOn(t, ctx, d, mirrored, receipt) })
	t.Run("new producers write and read back", func(t *testing.T) { newProducers(t, ctx, d) })
	t.Run("what was copied is the source's", func(t *testing.T) {
		if err := source.Broker(1).Start(ctx); err != nil {
			t.Fatal(err)
		}
		for _, topic := range append(all, "fo-load") {
			copiedIsEqual(t, ctx, src, dst, receipt, topic)
		}
		limit := func(tp workload.TopicPartition) int64 {
			return receiptPartition(t, receipt, tp.Topic, tp.Partition).FinalOffset
		}
		verdict, err := load.Ledger.Check(ctx, workload.Verify{Seeds: []string{d.Listen}, Below: limit})
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("acknowledged by the source before it died: %d; on the shadow and beyond its cut: %+v", load.Ledger.Len(), verdict)
	})
}

func lastBatch(t *testing.T, ctx context.Context, r *rawfetch.Reader, topic string, partition int32) rawfetch.Batch {
	t.Helper()
	b, err := r.Bounds(ctx, topic, partition)
	if err != nil {
		t.Fatal(err)
	}
	var last rawfetch.Batch
	for batch, err := range r.Batches(ctx, topic, partition, b.Start, b.HighWatermark) {
		if err != nil {
			t.Fatal(err)
		}
		last = batch
	}
	return last
}

func checkReceipt(t *testing.T, r api.Receipt, mix *workload.Mix) {
	t.Helper()
	if r.Outcome != api.OutcomeFailedOver || len(r.Topics) != len(mix.Topics)+2 || r.EstimatedLoss.Bound != api.AtLeast {
		t.Errorf("receipt: outcome %s, %d topics, loss %+v", r.Outcome, len(r.Topics), r.EstimatedLoss)
	}
	for _, rt := range r.Topics {
		if rt.State != api.StateFailedOver {
			t.Errorf("receipt: topic %s is %s, %+v", rt.Topic, rt.State, rt.Reason)
		}
		for _, p := range rt.Partitions {
			if p.EndOffset < p.FinalOffset || p.LeaderEpochAfter <= p.LeaderEpochBefore {
				t.Errorf("receipt: %s/%d: %+v", rt.Topic, p.Partition, p)
			}
		}
	}
	open := receiptPartition(t, r, mix.Open, 0)
	if len(open.Aborted) != 1 || open.EndOffset != open.FinalOffset+1 {
		t.Errorf("receipt: %s had one open transaction: %+v", mix.Open, open)
	}
	t.Logf("failover took %.3f s, at least %d records lost (%s)", r.Seconds, r.EstimatedLoss.Records, r.EstimatedLoss.Bound)
}

// consumersResume: each has read 80 records of the source and asks for the next.
func consumersResume(t *testing.T, ctx context.Context, d *umbra.Daemon, before []clients.Record) {
	dist, err := kafka.Fetch(ctx, kafka.Newest)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []clients.Client{clients.Franz("franz-go", nil), clients.Kcat(), clients.Java(dist), clients.Confluent()} {
		got, err := c.Consume(ctx, clients.Target{Bootstrap: d.Listen, Topic: "fo-resume", From: 80}, 120)
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		if !slices.Equal(got, before[80:]) {
			t.Errorf("%s: %d records from offset 80, not those of the source", c.Name, len(got))
		}
	}
}

// committedReachesEnd: nothing holds the last stable offset back, and a read_committed
// consumer sees the committed records to the end.
func committedReachesEnd(t *testing.T, ctx context.Context, dst *rawfetch.Reader, d *umbra.Daemon, mix *workload.Mix, r api.Receipt) {
	for _, topic := range append(slices.Clone(mix.Topics), "fo-load") {
		b, err := dst.Bounds(ctx, topic, 0)
		if err != nil {
			t.Fatal(err)
		}
		if b.LastStable != b.HighWatermark || b.HighWatermark != receiptPartition(t, r, topic, 0).EndOffset {
			t.Errorf("%s/0: %+v, receipt %+v", topic, b, receiptPartition(t, r, topic, 0))
		}
	}
	// 10 committed, 20 left open (aborted by the failover), 20 committed; then a marker each.
	cl, err := kgo.NewClient(kgo.SeedBrokers(d.Listen), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{mix.Open: {0: kgo.NewOffset().AtStart()}}))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	data, markers := 0, 0
	for markers < 3 {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("after %d records and %d markers: %v", data, markers, err)
		}
		for _, rec := range fetches.Records() {
			if rec.Attrs.IsControl() {
				markers++
			} else {
				data++
			}
		}
	}
	if data != 30 {
		t.Errorf("a read_committed consumer of %s saw %d records, want the 30 committed ones", mix.Open, data)
	}
}

func epochsAndIDsRise(t *testing.T, ctx context.Context, src, dst *rawfetch.Reader, d *umbra.Daemon, r api.Receipt) {
	highest := int64(-1)
	for _, rt := range r.Topics {
		meta, err := dst.Topic(ctx, rt.Topic)
		if err != nil {
			t.Fatal(err)
		}
		for p := range meta.Partitions {
			final := receiptPartition(t, r, rt.Topic, int32(p)).FinalOffset
			b, err := dst.Bounds(ctx, rt.Topic, int32(p))
			if err != nil {
				t.Fatal(err)
			}
			for batch, err := range dst.Batches(ctx, rt.Topic, int32(p), b.Start, final) {
				if err != nil {
					t.Fatal(err)
				}
				highest = max(highest, batch.ProducerID)
				if batch.LeaderEpoch >= meta.Partitions[p].LeaderEpoch {
					t.Errorf("%s/%d: leader epoch %d, not above %v", rt.Topic, p, meta.Partitions[p].LeaderEpoch, &batch)
				}
			}
		}
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(d.Listen))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	id, _, err := cl.ProducerID(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if highest < 0 || id <= highest || r.ProducerIDFloor <= highest {
		t.Errorf("new producer id %d, floor %d, highest mirrored %d", id, r.ProducerIDFloor, highest)
	}
}

// mirroredProducerGoesOn: an idempotent producer of the source sends its last batch
// again (a duplicate, answered with the old offset) and its next one.
func mirroredProducerGoesOn(t *testing.T, ctx context.Context, d *umbra.Daemon, last rawfetch.Batch, r api.Receipt) {
	cl, err := kgo.NewClient(kgo.SeedBrokers(d.Listen))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	end := receiptPartition(t, r, "fo-idempotent", 0).EndOffset
	send := func(what string, batch []byte, wantCode int16, wantOffset int64) {
		t.Helper()
		resp, err := produceRaw(ctx, cl, "fo-idempotent", 0, nil, -1, batch)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		p := resp.Topics[0].Partitions[0]
		if p.ErrorCode != wantCode || wantCode == 0 && p.BaseOffset != wantOffset {
			t.Errorf("%s: error %v, offset %d; want error %v, offset %d", what, kerr.ErrorForCode(p.ErrorCode), p.BaseOffset, kerr.ErrorForCode(wantCode), wantOffset)
		}
	}
	next := func(sequence int32) []byte {
		b := hostile.Batch(0, -1, 5, 50, time.Now().UnixMilli())
		hostile.SetProducer(b, last.ProducerID, last.ProducerEpoch, sequence, false)
		return b
	}
	after := last.BaseSequence + int32(last.Last-last.Base) + 1
	send("a gap in the sequence", next(after+100), kerr.OutOfOrderSequenceNumber.Code, 0)
	send("the mirrored batch again", hostile.AsSent(last.Raw), 0, last.Base)
	send("the next batch", next(after), 0, end)
	send("that one again", next(after), 0, end)
	send("the one after it", next(after+5), 0, end+5)
}

// newProducers: stock clients in every codec (the Java one, slow to start, in two), and a
// load whose every acknowledged record is found at its offset.
func newProducers(t *testing.T, ctx context.Context, d *umbra.Daemon) {
	dist, err := kafka.Fetch(ctx, kafka.Newest)
	if err != nil {
		t.Fatal(err)
	}
	java := clients.Java(dist)
	java.Codecs = []string{"none", "zstd"}
	for _, c := range []clients.Client{clients.Franz("franz-go", nil), clients.Kcat(), clients.KafkaGo(), clients.Confluent(), java} {
		for _, codec := range c.Codecs {
			if err := clients.RoundTrip(ctx, c, clients.Target{Bootstrap: d.Listen, Topic: "fo-resume", Codec: codec}, 20); err != nil {
				t.Error(err)
			}
		}
	}
	load, err := workload.StartLoad(workload.LoadConfig{Seeds: []string{d.Listen}, Topic: "fo-load", Partitions: 1, Producers: 3, PerSecond: 1000, Seed: 9})
	if err != nil {
		t.Fatal(err)
	}
	if err := load.AwaitAcked(ctx, 2000); err != nil {
		t.Fatal(err)
	}
	acked, failed := load.Stop(20 * time.Second)
	verdict, err := load.Ledger.Check(ctx, workload.Verify{Seeds: []string{d.Listen}})
	if err != nil || failed != 0 || verdict.Present != int(acked) {
		t.Errorf("%d acknowledged, %d failed, %+v, %v", acked, failed, verdict, errors.Join(err, load.Err()))
	}
}

// copiedIsEqual compares up to the cut the receipt names.
func copiedIsEqual(t *testing.T, ctx context.Context, src, dst *rawfetch.Reader, r api.Receipt, topic string) {
	t.Helper()
	for _, rt := range r.Topics {
		if rt.Topic != topic {
			continue
		}
		for _, p := range rt.Partitions {
			eq, err := rawfetch.CompareRange(ctx, src, dst, topic, p.Partition, p.StartOffset, p.FinalOffset)
			if err != nil {
				t.Error(err)
			} else {
				t.Log(eq)
			}
		}
	}
}

// failoverRounds is how often TestFailoverSurvivesKills cuts a failover short.
const failoverRounds = 12

// A failover that is killed anywhere on its way goes on after the restart, to the same
// end: every topic writable, nothing of the copy changed, epochs and ids above.
func TestFailoverSurvivesKills(t *testing.T) {
	ctx := within(t, 4*time.Minute)
	rng := rand.New(rand.NewPCG(11, 11))
	for round := range failoverRounds {
		d := startUmbra(t, ctx)
		source, err := hostile.Start(hostile.NewTopic("k-a", 1, 30, 10, 1, 2), hostile.NewTopic("k-b", 2, 30, 10, 2, 1))
		if err != nil {
			t.Fatal(err)
		}
		do(t, ctx, d, "link", "create", "dr", "--from", strings.Join(source.Seeds(), ","), "--topics", "k-*")
		dst := shadowReader(t, d)
		awaitEqual(t, ctx, reader(t, "source", source.Seeds()...), dst, "k-a", "k-b")
		source.Close()
		begun := make(chan error, 1)
		go func() {
			_, err := d.CLI(ctx, "failover", "dr", "--yes")
			begun <- err
		}()
		crash(t, ctx, d, time.Duration(20+rng.IntN(150))*time.Millisecond)
		if err := <-begun; err != nil {
			t.Fatal(err)
		}
		finishFailover(t, ctx, d)
		for _, topic := range []string{"k-a", "k-b"} {
			for p := range int32(2) {
				checkFailedOver(t, ctx, source, dst, d, topic, p)
			}
		}
		if err := d.Stop(); err != nil {
			t.Errorf("round %d: %v", round, err)
		}
	}
}

// finishFailover waits for a failover that had begun, or begins it (the kill may have
// come before anything was persisted).
func finishFailover(t *testing.T, ctx context.Context, d *umbra.Daemon) {
	t.Helper()
	s := linkStatus(t, ctx, d, "dr")
	if topicState(s, "k-a").State == api.StateActive && topicState(s, "k-b").State == api.StateActive {
		do(t, ctx, d, "failover", "dr", "--yes")
	}
	awaitState(t, ctx, d, "dr", "k-a", api.StateFailedOver)
	awaitState(t, ctx, d, "dr", "k-b", api.StateFailedOver)
}

// checkFailedOver proves that the copy is untouched and that the partition takes records.
func checkFailedOver(t *testing.T, ctx context.Context, s *hostile.Server, dst *rawfetch.Reader, d *umbra.Daemon, topic string, partition int32) {
	t.Helper()
	want, err := s.Truth(topic, partition)
	if err != nil {
		t.Fatal(err)
	}
	i := 0
	for b, err := range dst.Batches(ctx, topic, partition, 0, 300) {
		if err != nil {
			t.Fatal(err)
		}
		if i >= len(want) || string(b.Raw) != string(want[i]) {
			t.Fatalf("%s/%d: batch %d is %v, not the source's", topic, partition, i, &b)
		}
		i++
	}
	meta, err := dst.Topic(ctx, topic)
	if err != nil {
		t.Fatal(err)
	}
	if got := meta.Partitions[partition].LeaderEpoch; got < 1 {
		t.Errorf("%s/%d: leader epoch %d, want above the source's 0", topic, partition, got)
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(d.Listen), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	r := &kgo.Record{Topic: topic, Partition: partition, Value: []byte("after")}
	if err := cl.ProduceSync(ctx, r).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if r.Offset != 300 {
		t.Errorf("%s/%d: the first record after failover got offset %d, want 300", topic, partition, r.Offset)
	}
}
