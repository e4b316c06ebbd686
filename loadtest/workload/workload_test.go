package workload_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"umbra/loadtest/kafka"
	"umbra/loadtest/rawfetch"
	"umbra/loadtest/workload"
)

func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

// The mix is written to every release, holds what it promises, and a log compared
// with itself is equal.
func TestMixOnEveryRelease(t *testing.T) {
	kafka.NeedHarness(t)
	for _, l := range []kafka.Layout{{Version: kafka.Newest}, kafka.Old(kafka.ZK28), kafka.Old(kafka.ZK21)} {
		t.Run(l.Version, func(t *testing.T) {
			c := kafka.Run(t, l)
			ctx := within(t, 3*time.Minute)
			begin := time.Now()
			mix, err := workload.Write(ctx, workload.Config{Seeds: c.Seeds(), Prefix: "mix.", Seed: 1})
			if err != nil {
				t.Fatal(err)
			}
			defer mix.Close()
			t.Logf("mix of %d records written in %v", mix.Ledger.Len(), time.Since(begin).Round(time.Millisecond))
			r, err := rawfetch.Open("source", c.Seeds()...)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			var seen content
			for _, topic := range mix.Topics {
				equals, err := rawfetch.CompareTopic(ctx, r, r, topic, rawfetch.Exact)
				if err != nil {
					t.Fatal(err)
				}
				for _, e := range equals {
					t.Log(e)
					seen.read(ctx, t, r, topic, e)
				}
			}
			seen.check(t)
			open, err := r.Bounds(ctx, mix.Open, 0)
			if err != nil {
				t.Fatal(err)
			}
			if open.LastStable >= open.HighWatermark {
				t.Errorf("topic with an open transaction: %+v, want the last stable offset below the high watermark", open)
			}
			trimmed, err := r.Bounds(ctx, mix.Trimmed, 0)
			if err != nil {
				t.Fatal(err)
			}
			if trimmed.Start == 0 {
				t.Error("trimmed topic starts at 0")
			}
			verdict, err := mix.Ledger.Check(ctx, mix.Verify(c.Seeds()))
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%+v", verdict)
			if verdict.Present+verdict.Trimmed+verdict.Compacted != mix.Ledger.Len() || verdict.Trimmed == 0 || verdict.Compacted == 0 {
				t.Errorf("verdict %+v of %d records", verdict, mix.Ledger.Len())
			}
		})
	}
}

// content is what was met in the batches of a mix.
type content struct {
	codecs                                  [5]int
	control, txn, appendTime, holes, plain  int
	idempotent, multi, insideStart, twoMega int
}

func (c *content) read(ctx context.Context, t *testing.T, r *rawfetch.Reader, topic string, e rawfetch.Equal) {
	for b, err := range r.Batches(ctx, topic, e.Partition, e.From, e.To) {
		if err != nil {
			t.Fatal(err)
		}
		c.codecs[b.Codec()]++
		count := func(n *int, is bool) {
			if is {
				*n++
			}
		}
		count(&c.control, b.Control())
		count(&c.txn, b.Transactional())
		count(&c.appendTime, b.LogAppendTime())
		count(&c.holes, b.Holes())
		count(&c.plain, b.ProducerID < 0)
		count(&c.idempotent, b.ProducerID >= 0 && !b.Transactional())
		count(&c.multi, b.Count > 5)
		count(&c.insideStart, b.Base < e.From)
		count(&c.twoMega, len(b.Raw) > 2<<20)
	}
}

func (c *content) check(t *testing.T) {
	t.Helper()
	t.Logf("%+v", *c)
	for codec, n := range c.codecs {
		if n == 0 {
			t.Errorf("no batch with codec %d", codec)
		}
	}
	for _, n := range []int{c.control, c.txn, c.appendTime, c.holes, c.plain, c.idempotent, c.multi, c.insideStart, c.twoMega} {
		if n == 0 {
			t.Errorf("a kind of batch is missing: %+v", *c)
		}
	}
}

// A ledger that claims what the cluster does not have is refused, so the checker
// can say no.
func TestLedgerRefuses(t *testing.T) {
	kafka.NeedHarness(t)
	c := kafka.Run(t, kafka.Single())
	ctx := within(t, time.Minute)
	if err := workload.CreateTopic(ctx, c.Seeds(), "t", 2, 1, nil); err != nil {
		t.Fatal(err)
	}
	load, err := workload.StartLoad(workload.LoadConfig{Seeds: c.Seeds(), Topic: "t", Partitions: 2, Producers: 3, PerSecond: 2000, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := load.AwaitAcked(ctx, 1000); err != nil {
		t.Fatal(err)
	}
	acked, failed := load.Stop(10 * time.Second)
	if failed != 0 || acked < 1000 || load.Ledger.Len() != int(acked) {
		t.Fatalf("%d acknowledged, %d failed (%v), %d in the ledger", acked, failed, load.Err(), load.Ledger.Len())
	}
	verify := workload.Verify{Seeds: c.Seeds()}
	verdict, err := load.Ledger.Check(ctx, verify)
	if err != nil || verdict.Present != int(acked) {
		t.Fatalf("verdict %+v of %d, %v", verdict, acked, err)
	}
	acks := load.Ledger.Of(workload.TopicPartition{Topic: "t", Partition: 0})
	refuses := func(offset int64, value, want string) {
		t.Helper()
		l := workload.NewLedger()
		l.Ack(&kgo.Record{Topic: "t", Partition: 0, Offset: offset, Value: []byte(value)})
		short, cancel := context.WithTimeout(ctx, 3*time.Second)
		defer cancel()
		if _, err := l.Check(short, verify); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ledger with a record at %d: %v, want an error with %q", offset, err, want)
		}
	}
	refuses(acks[0].Offset, "something else", "not the acknowledged one")
	refuses(acks[len(acks)-1].Offset+10, "beyond the end", "offset")
}
