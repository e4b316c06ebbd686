package clients

import (
	"context"
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kversion"
)

// Franz is franz-go, idempotent producer and all. A nil max speaks the newest
// versions both sides have, else those of that release.
func Franz(name string, max *kversion.Versions) Client {
	open := func(t Target, opts ...kgo.Opt) (*kgo.Client, error) {
		opts = append(opts, kgo.SeedBrokers(strings.Split(t.Bootstrap, ",")...))
		if max != nil {
			opts = append(opts, kgo.MaxVersions(max))
		}
		return kgo.NewClient(opts...)
	}
	return Client{
		Name:   name,
		Codecs: AllCodecs(),
		Produce: func(ctx context.Context, t Target, records []Record) error {
			codec := map[string]kgo.CompressionCodec{"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(),
				"snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression()}[t.Codec]
			opts := []kgo.Opt{kgo.ProducerBatchCompression(codec), kgo.RecordPartitioner(kgo.ManualPartitioner())}
			if acks(t) == "1" {
				opts = append(opts, kgo.RequiredAcks(kgo.LeaderAck()), kgo.DisableIdempotentWrite())
			}
			cl, err := open(t, opts...)
			if err != nil {
				return err
			}
			defer cl.Close()
			var send []*kgo.Record
			for _, r := range records {
				send = append(send, &kgo.Record{Topic: t.Topic, Partition: t.Partition, Key: []byte(r.Key), Value: []byte(r.Value)})
			}
			return cl.ProduceSync(ctx, send...).FirstErr()
		},
		Consume: func(ctx context.Context, t Target, n int) ([]Record, error) {
			cl, err := open(t, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{t.Topic: {t.Partition: kgo.NewOffset().At(t.From)}}))
			if err != nil {
				return nil, err
			}
			defer cl.Close()
			var out []Record
			for len(out) < n {
				fetches := cl.PollFetches(ctx)
				if err := fetches.Err(); err != nil {
					return nil, fmt.Errorf("after %d records: %w", len(out), err)
				}
				for _, r := range fetches.Records() {
					out = append(out, Record{string(r.Key), string(r.Value)})
				}
			}
			return out, nil
		},
	}
}
