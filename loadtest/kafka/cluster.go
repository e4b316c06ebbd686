package kafka

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// A Cluster is a set of nodes on one machine. Nodes are stopped, killed and
// started one by one through Broker; the cluster's addresses never change.
type Cluster struct {
	Dist       *Dist
	Brokers    []*Node // by id, from 1
	Controller *Node   // the dedicated controller, nil otherwise
	ZooKeeper  *Node   // of old releases, nil otherwise

	dir     string
	ownsDir bool
	id      string         // cluster id, of KRaft
	voters  map[int]string // node id -> controller address, of KRaft
}

// Start runs the layout and returns when every broker serves and sees all the
// others. On an error nothing is left running.
func Start(ctx context.Context, l Layout) (*Cluster, error) {
	l = l.withDefaults()
	dist, err := Fetch(ctx, l.Version)
	if err != nil {
		return nil, err
	}
	c := &Cluster{Dist: dist, dir: l.Dir}
	if c.dir == "" {
		if c.dir, err = os.MkdirTemp("", "umbra-kafka-"); err != nil {
			return nil, err
		}
		c.ownsDir = true
	}
	if dist.ZooKeeper() {
		err = c.planZooKeeper(l)
	} else {
		err = c.planKRaft(ctx, l)
	}
	if err == nil {
		err = c.startAll(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start kafka %s: %w", l.Version, err), c.Close())
	}
	return c, nil
}

// Bootstrap is the brokers' addresses, as a client takes them.
func (c *Cluster) Bootstrap() string { return strings.Join(c.Seeds(), ",") }

// Seeds is the brokers' addresses.
func (c *Cluster) Seeds() []string {
	seeds := make([]string, len(c.Brokers))
	for i, b := range c.Brokers {
		seeds[i] = b.Addr
	}
	return seeds
}

// Broker is the broker with this node id.
func (c *Cluster) Broker(id int) *Node {
	for _, b := range c.Brokers {
		if b.ID == id {
			return b
		}
	}
	panic(fmt.Sprintf("BUG: kafka cluster has no broker %d", id))
}

// Close kills every node and removes the data if the cluster made its folder.
func (c *Cluster) Close() error {
	var errs []error
	for _, n := range c.nodes() {
		errs = append(errs, n.Kill())
	}
	if c.ownsDir {
		errs = append(errs, os.RemoveAll(c.dir))
	}
	return errors.Join(errs...)
}

// nodes lists all nodes in the order of their start.
func (c *Cluster) nodes() []*Node {
	var all []*Node
	for _, n := range append([]*Node{c.ZooKeeper, c.Controller}, c.Brokers...) {
		if n != nil {
			all = append(all, n)
		}
	}
	return all
}

func (c *Cluster) startAll(ctx context.Context) error {
	for _, n := range c.nodes() {
		if err := n.Launch(); err != nil {
			return err
		}
		if n == c.ZooKeeper {
			if err := n.Ready(ctx); err != nil {
				return err
			}
		}
	}
	for _, b := range c.Brokers {
		if err := b.Ready(ctx); err != nil {
			return err
		}
	}
	return c.AwaitBrokers(ctx, len(c.Brokers))
}

// AwaitBrokers waits until every running broker sees exactly want brokers alive.
func (c *Cluster) AwaitBrokers(ctx context.Context, want int) error {
	for _, b := range c.Brokers {
		if !b.Running() {
			continue
		}
		err := b.proc.Until(ctx, 100*time.Millisecond, fmt.Sprintf("wait until it sees %d brokers", want), func() bool {
			meta, err := metadata(ctx, b.Addr)
			return err == nil && len(meta.Brokers) == want && meta.ControllerID >= 0
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// nodeDir makes the folder of one node.
func (c *Cluster) nodeDir(name string) (string, error) {
	dir := filepath.Join(c.dir, name)
	return dir, os.MkdirAll(filepath.Join(dir, "data"), 0o755)
}

// LogTails is the end of every node's log, for a failed test's report.
func (c *Cluster) LogTails(lines int) string {
	var b strings.Builder
	for _, n := range c.nodes() {
		fmt.Fprintf(&b, "--- kafka %s node %d (%s), last %d lines\n%s\n", c.Dist.Version, n.ID, n.class, lines, n.LogTail(lines))
	}
	return b.String()
}
