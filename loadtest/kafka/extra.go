package kafka

import (
	"context"
	"errors"
	"fmt"
)

// AddBroker joins one more broker to a running KRaft cluster and returns when
// every broker sees it. It has the next free id and is no controller; topics that
// are there stay where they are. Of l, which may differ from the cluster's, HeapMiB,
// JVM, Config and Proxied count. Cluster.Close ends it with the others.
func (c *Cluster) AddBroker(ctx context.Context, l Layout) (*Node, error) {
	id := len(c.Brokers) + 1
	if c.id == "" {
		return nil, fmt.Errorf("add broker %d to a cluster of kafka %s: it has ZooKeeper, and that is not supported here", id, c.Dist.Version)
	}
	n, err := c.addBroker(ctx, l.withDefaults(), id)
	if err != nil {
		return nil, fmt.Errorf("add broker %d to a cluster of kafka %s: %w", id, c.Dist.Version, err)
	}
	return n, nil
}

func (c *Cluster) addBroker(ctx context.Context, l Layout, id int) (*Node, error) {
	ports, err := freePorts(1)
	if err != nil {
		return nil, err
	}
	n, err := c.kraftNode(l, id, local(ports[0]), c.voters)
	if err != nil {
		return nil, err
	}
	if err := n.format(ctx, c.id, l.Features); err != nil {
		return nil, err
	}
	if err := n.Start(ctx); err != nil {
		return nil, errors.Join(err, n.Kill())
	}
	c.Brokers = append(c.Brokers, n)
	return n, c.AwaitBrokers(ctx, len(c.Brokers))
}
