package cluster

import (
	"context"

	"umbra/bench/plain"
	"umbra/bench/progress"
)

// Fill makes a topic of one batch over and over, about bytes of it in all.
func (c *Cluster) Fill(ctx context.Context, topic string, partitions int, batch []byte, bytes int64, p progress.Line) error {
	leaders, err := c.Create(ctx, topic, partitions)
	if err != nil {
		return err
	}
	n := max(1, int(bytes/int64(partitions))/len(batch))
	total := int64(n) * int64(partitions) * int64(len(batch))
	return plain.Fill(ctx, leaders, topic, batch, n, p.Counter("filling topic "+topic, total))
}
