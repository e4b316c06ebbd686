package clients

import (
	"context"
	"fmt"
	"strings"

	"github.com/IBM/sarama"
)

// Sarama is the sync producer and the partition consumer, at one configured
// protocol version.
func Sarama(version sarama.KafkaVersion) Client {
	config := func() *sarama.Config {
		c := sarama.NewConfig()
		c.Version = version
		return c
	}
	return Client{
		Name:   "sarama-" + version.String(),
		Codecs: AllCodecs(),
		Produce: func(_ context.Context, t Target, records []Record) error {
			c := config()
			if err := c.Producer.Compression.UnmarshalText([]byte(t.Codec)); err != nil {
				return err
			}
			c.Producer.CompressionLevel = sarama.CompressionLevelDefault
			c.Producer.Return.Successes = true
			c.Producer.Partitioner = sarama.NewManualPartitioner
			c.Producer.RequiredAcks = sarama.WaitForAll
			if acks(t) == "1" {
				c.Producer.RequiredAcks = sarama.WaitForLocal
			}
			p, err := sarama.NewSyncProducer(strings.Split(t.Bootstrap, ","), c)
			if err != nil {
				return err
			}
			defer p.Close()
			var send []*sarama.ProducerMessage
			for _, r := range records {
				send = append(send, &sarama.ProducerMessage{Topic: t.Topic, Partition: t.Partition,
					Key: sarama.StringEncoder(r.Key), Value: sarama.StringEncoder(r.Value)})
			}
			return p.SendMessages(send)
		},
		Consume: func(ctx context.Context, t Target, n int) ([]Record, error) {
			c, err := sarama.NewConsumer(strings.Split(t.Bootstrap, ","), config())
			if err != nil {
				return nil, err
			}
			defer c.Close()
			pc, err := c.ConsumePartition(t.Topic, t.Partition, t.From)
			if err != nil {
				return nil, err
			}
			defer pc.Close()
			var out []Record
			for len(out) < n {
				select {
				case m := <-pc.Messages():
					out = append(out, Record{string(m.Key), string(m.Value)})
				case <-ctx.Done():
					return nil, fmt.Errorf("after %d records: %w", len(out), ctx.Err())
				}
			}
			return out, nil
		},
	}
}
