package cluster

import (
	"context"
	"fmt"
	"time"

	"umbra/bench/plain"
	"umbra/bench/progress"
	"umbra/kafkaproto/batch"
	"umbra/kafkaproto/compress"
)

// Shape is the data of a topic.
type Shape struct {
	Partitions int
	Record     int            // bytes of a record's value
	Batch      int            // bytes of a batch before compression, about
	Codec      compress.Codec // of the batches
	Bytes      int64          // of record batches in all, about
}

// Fill makes a topic of one batch over and over, and returns how many bytes of
// record batches it holds.
func (c *Cluster) Fill(ctx context.Context, topic string, s Shape, p progress.Line) (int64, error) {
	canned, err := s.batch()
	if err != nil {
		return 0, err
	}
	leaders, err := c.Create(ctx, topic, s.Partitions)
	if err != nil {
		return 0, err
	}
	n := max(1, int(s.Bytes/int64(s.Partitions))/len(canned))
	bytes := int64(n) * int64(s.Partitions) * int64(len(canned))
	return bytes, plain.Fill(ctx, leaders, topic, canned, n, p.Counter("filling topic "+topic, bytes))
}

func (s Shape) batch() ([]byte, error) {
	b := batch.Builder{Codec: s.Codec}
	for b.Len() < s.Batch {
		b.Add(batch.Record{Value: make([]byte, s.Record), Timestamp: time.Now().UnixMilli()})
	}
	canned, err := b.Build(nil)
	if err != nil {
		return nil, fmt.Errorf("build the canned batch: %w", err)
	}
	return canned, nil
}
