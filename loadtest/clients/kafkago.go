package clients

import (
	"context"
	"fmt"
	"strings"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/compress"
)

// KafkaGo is kafka-go's Writer and Reader.
func KafkaGo() Client {
	return Client{
		Name:   "kafka-go",
		Codecs: AllCodecs(),
		Produce: func(ctx context.Context, t Target, records []Record) error {
			w := &kafkago.Writer{
				Addr:         kafkago.TCP(strings.Split(t.Bootstrap, ",")...),
				Topic:        t.Topic,
				Balancer:     kafkago.BalancerFunc(func(kafkago.Message, ...int) int { return int(t.Partition) }),
				RequiredAcks: kafkago.RequireAll,
				Compression:  kafkagoCodec(t.Codec),
			}
			if acks(t) == "1" {
				w.RequiredAcks = kafkago.RequireOne
			}
			defer w.Close()
			return w.WriteMessages(ctx, kafkagoMessages(records)...)
		},
		Consume: func(ctx context.Context, t Target, n int) ([]Record, error) {
			r := kafkago.NewReader(kafkago.ReaderConfig{Brokers: strings.Split(t.Bootstrap, ","), Topic: t.Topic, Partition: int(t.Partition),
				MaxWait: 250 * time.Millisecond}) // Close waits for the fetch in flight
			defer r.Close()
			if err := r.SetOffset(t.From); err != nil {
				return nil, err
			}
			var out []Record
			for len(out) < n {
				m, err := r.ReadMessage(ctx)
				if err != nil {
					return nil, fmt.Errorf("after %d records: %w", len(out), err)
				}
				out = append(out, Record{string(m.Key), string(m.Value)})
			}
			return out, nil
		},
	}
}

// KafkaGoConn is kafka-go's Conn, which speaks old hard-coded versions.
func KafkaGoConn() Client {
	dial := func(ctx context.Context, t Target) (*kafkago.Conn, error) {
		c, err := kafkago.DialLeader(ctx, "tcp", strings.Split(t.Bootstrap, ",")[0], t.Topic, int(t.Partition))
		if err != nil {
			return nil, err
		}
		if deadline, ok := ctx.Deadline(); ok {
			err = c.SetDeadline(deadline)
		}
		return c, err
	}
	return Client{
		Name:   "kafka-go-conn",
		Codecs: AllCodecs(),
		Produce: func(ctx context.Context, t Target, records []Record) error {
			c, err := dial(ctx, t)
			if err != nil {
				return err
			}
			defer c.Close()
			if err := c.SetRequiredAcks(map[string]int{"all": -1, "1": 1}[acks(t)]); err != nil {
				return err
			}
			if t.Codec == "none" {
				_, err = c.WriteMessages(kafkagoMessages(records)...)
			} else {
				_, err = c.WriteCompressedMessages(kafkagoCodec(t.Codec).Codec(), kafkagoMessages(records)...)
			}
			return err
		},
		Consume: func(ctx context.Context, t Target, n int) ([]Record, error) {
			c, err := dial(ctx, t)
			if err != nil {
				return nil, err
			}
			defer c.Close()
			if _, err := c.Seek(t.From, kafkago.SeekAbsolute); err != nil {
				return nil, err
			}
			var out []Record
			for len(out) < n {
				m, err := c.ReadMessage(1 << 20)
				if err != nil {
					return nil, fmt.Errorf("after %d records: %w", len(out), err)
				}
				out = append(out, Record{string(m.Key), string(m.Value)})
			}
			return out, nil
		},
	}
}

func kafkagoCodec(name string) kafkago.Compression {
	return map[string]kafkago.Compression{"none": compress.None, "gzip": compress.Gzip, "snappy": compress.Snappy,
		"lz4": compress.Lz4, "zstd": compress.Zstd}[name]
}

func kafkagoMessages(records []Record) []kafkago.Message {
	out := make([]kafkago.Message, len(records))
	for i, r := range records {
		out[i] = kafkago.Message{Key: []byte(r.Key), Value: []byte(r.Value)}
	}
	return out
}
