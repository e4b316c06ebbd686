package plain

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"umbra/kafkaproto"
)

// writers is how many connections fill one broker at once: a broker answers the
// requests of a connection one after the other.
const writers = 3

// Fill appends the same batch n times to every partition of a topic; the broker
// gives it its offsets. wrote, which several goroutines call, counts the bytes.
func Fill(ctx context.Context, leaders Leaders, topic string, batch []byte, n int, wrote func(bytes int)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	var mu sync.Mutex
	var first error
	for addr, partitions := range leaders {
		for i := range writers {
			wg.Go(func() {
				share := (n + writers - 1 - i) / writers
				if err := fill(ctx, addr, topic, partitions, batch, share, wrote); err != nil {
					mu.Lock()
					if first == nil { // the others are cancelled for it
						first = err
					}
					mu.Unlock()
					cancel()
				}
			})
		}
	}
	wg.Wait()
	if first != nil {
		return fmt.Errorf("fill topic %q: %w", topic, first)
	}
	return nil
}

func fill(ctx context.Context, addr, topic string, partitions []int32, batch []byte, n int, wrote func(int)) error {
	c, err := Dial(ctx, addr)
	if err != nil {
		return err
	}
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	t := kafkaproto.ProduceRequestTopic{Topic: topic}
	for _, p := range partitions {
		t.Partitions = append(t.Partitions, kafkaproto.ProduceRequestTopicPartition{Partition: p, Records: batch})
	}
	req := &kafkaproto.ProduceRequest{Acks: -1, TimeoutMillis: 30_000, Topics: []kafkaproto.ProduceRequestTopic{t}}
	for range n {
		var resp kafkaproto.ProduceResponse
		if err := c.Call(kafkaproto.KeyProduce, produceVersion, req, &resp); err != nil {
			return errors.Join(err, ctx.Err())
		}
		for _, t := range resp.Topics {
			for _, p := range t.Partitions {
				if err := kafkaproto.ErrorCode(p.ErrorCode).Err(); err != nil {
					return fmt.Errorf("partition %d: %w", p.Partition, err)
				}
			}
		}
		wrote(len(batch) * len(partitions))
	}
	return nil
}
