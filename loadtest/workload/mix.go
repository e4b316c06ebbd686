package workload

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// A Config says where a mix is written and how much of it.
type Config struct {
	Seeds    []string
	Prefix   string // of every topic's name
	Seed     uint64 // of the records' content
	Records  int    // per plain topic; default 400
	Replicas int16  // default 1
}

// A Mix is a set of topics that hold, together, everything a source can have.
type Mix struct {
	Ledger *Ledger
	Topics []string // in the order they were made
	// Compacted, Open and Trimmed are the topics of that name: the first has holes,
	// the second an open transaction, the third a log start inside a batch.
	Compacted, Open, Trimmed string

	cfg  Config
	open []*kgo.Client // with a transaction that has not ended
}

// codecs by the name of their topic.
func codecs() []struct {
	name  string
	codec kgo.CompressionCodec
} {
	return []struct {
		name  string
		codec kgo.CompressionCodec
	}{
		{"none", kgo.NoCompression()},
		{"gzip", kgo.GzipCompression()},
		{"snappy", kgo.SnappyCompression()},
		{"lz4", kgo.Lz4Compression()},
		{"zstd", kgo.ZstdCompression()},
	}
}

// Write makes the whole mix. Close must be called; it leaves the open transaction open.
func Write(ctx context.Context, cfg Config) (*Mix, error) {
	if cfg.Records == 0 {
		cfg.Records = 400
	}
	if cfg.Replicas == 0 {
		cfg.Replicas = 1
	}
	m := &Mix{Ledger: NewLedger(), cfg: cfg}
	steps := []struct {
		name string
		do   func(context.Context) error
	}{
		{"codecs", m.writeCodecs},
		{"idempotent", m.writeIdempotent},
		{"transactions", m.writeTransactions},
		{"open transaction", m.writeOpen},
		{"append time", m.writeAppendTime},
		{"large", m.writeLarge},
		{"trimmed", m.writeTrimmed},
		{"compacted", m.writeCompacted},
	}
	for _, s := range steps {
		if err := s.do(ctx); err != nil {
			m.Close()
			return nil, fmt.Errorf("write mix, %s: %w", s.name, err)
		}
	}
	return m, nil
}

// Close drops the clients that hold transactions open, without ending those.
func (m *Mix) Close() {
	for _, cl := range m.open {
		cl.CloseAllowingRebalance()
	}
	m.open = nil
}

// EndOpen commits the transactions that were left open.
func (m *Mix) EndOpen(ctx context.Context) error {
	for _, cl := range m.open {
		if err := cl.EndTransaction(ctx, kgo.TryCommit); err != nil {
			return fmt.Errorf("commit the open transaction of %s: %w", m.Open, err)
		}
	}
	return nil
}

// Verify is how this mix's ledger is held against a cluster.
func (m *Mix) Verify(seeds []string) Verify {
	return Verify{Seeds: seeds, Compacted: map[string]bool{m.Compacted: true}}
}

func (m *Mix) topic(ctx context.Context, name string, partitions int32, configs map[string]string) (string, error) {
	full := m.cfg.Prefix + name
	m.Topics = append(m.Topics, full)
	all := map[string]string{"retention.ms": "-1"}
	for k, v := range configs {
		all[k] = v
	}
	return full, CreateTopic(ctx, m.cfg.Seeds, full, partitions, m.cfg.Replicas, all)
}

// producer makes a client that sends to the partition a record names.
func (m *Mix) producer(opts ...kgo.Opt) (*kgo.Client, error) {
	return kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(m.cfg.Seeds...),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerLinger(2 * time.Millisecond),
		kgo.ProducerBatchMaxBytes(4 << 20),
		kgo.RecordDeliveryTimeout(2 * time.Minute),
	}, opts...)...)
}

// send produces n drawn records in bursts, each of which becomes batches of
// several records, and enters the acknowledged ones.
func (m *Mix) send(ctx context.Context, cl *kgo.Client, n int, draw func(i int) *kgo.Record) error {
	const burst = 25
	for done := 0; done < n; {
		var batch []*kgo.Record
		for range min(burst, n-done) {
			batch = append(batch, draw(done))
			done++
		}
		results := cl.ProduceSync(ctx, batch...)
		for _, r := range results {
			if r.Err == nil {
				m.Ledger.Ack(r.Record)
			}
		}
		if err := results.FirstErr(); err != nil {
			return err
		}
	}
	return nil
}

func (m *Mix) writeCodecs(ctx context.Context) error {
	for i, c := range codecs() {
		topic, err := m.topic(ctx, c.name, 2, nil)
		if err != nil {
			return err
		}
		cl, err := m.producer(kgo.ProducerBatchCompression(c.codec), kgo.DisableIdempotentWrite())
		if err != nil {
			return err
		}
		maker := NewMaker(m.cfg.Seed, uint64(i))
		err = m.send(ctx, cl, m.cfg.Records, func(i int) *kgo.Record { return maker.Record(topic, int32(i%2)) })
		cl.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

func (m *Mix) writeIdempotent(ctx context.Context) error {
	topic, err := m.topic(ctx, "idempotent", 2, nil)
	if err != nil {
		return err
	}
	for round := range 2 { // two producer ids
		cl, err := m.producer(kgo.ProducerBatchCompression(kgo.Lz4Compression()))
		if err != nil {
			return err
		}
		maker := NewMaker(m.cfg.Seed, uint64(10+round))
		err = m.send(ctx, cl, m.cfg.Records/2, func(i int) *kgo.Record { return maker.Record(topic, int32(i%2)) })
		cl.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

func (m *Mix) writeAppendTime(ctx context.Context) error {
	topic, err := m.topic(ctx, "appendtime", 1, map[string]string{"message.timestamp.type": "LogAppendTime"})
	if err != nil {
		return err
	}
	cl, err := m.producer(kgo.ProducerBatchCompression(kgo.ZstdCompression()))
	if err != nil {
		return err
	}
	defer cl.Close()
	maker := NewMaker(m.cfg.Seed, 20)
	return m.send(ctx, cl, m.cfg.Records, func(int) *kgo.Record { return maker.Record(topic, 0) })
}

func (m *Mix) writeLarge(ctx context.Context) error {
	topic, err := m.topic(ctx, "large", 1, map[string]string{"max.message.bytes": "4194304"})
	if err != nil {
		return err
	}
	cl, err := m.producer(kgo.ProducerBatchCompression(kgo.NoCompression()))
	if err != nil {
		return err
	}
	defer cl.Close()
	maker := NewMaker(m.cfg.Seed, 21)
	return m.send(ctx, cl, 6, func(i int) *kgo.Record {
		if i%3 == 2 {
			return maker.Record(topic, 0)
		}
		return maker.Large(topic, 0, 2<<20)
	})
}

// writeTrimmed ends with a log start that is not the first offset of a batch.
func (m *Mix) writeTrimmed(ctx context.Context) error {
	topic, err := m.topic(ctx, "trimmed", 1, nil)
	if err != nil {
		return err
	}
	m.Trimmed = topic
	cl, err := m.producer(kgo.ProducerBatchCompression(kgo.NoCompression()))
	if err != nil {
		return err
	}
	defer cl.Close()
	maker := NewMaker(m.cfg.Seed, 22)
	if err := m.send(ctx, cl, m.cfg.Records, func(int) *kgo.Record { return maker.Record(topic, 0) }); err != nil {
		return err
	}
	acks := m.Ledger.Of(TopicPartition{topic, 0})
	if len(acks) < 40 {
		return errors.New("too few records to trim inside a batch: raise Config.Records")
	}
	return TrimTo(ctx, m.cfg.Seeds, topic, 0, acks[len(acks)/2].Offset+3)
}
