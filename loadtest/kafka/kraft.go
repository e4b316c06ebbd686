package kafka

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
)

const (
	serverClass  = "kafka.Kafka"
	storageClass = "kafka.tools.StorageTool"

	dedicatedController = 100 // its node id
	maxVoters           = 3   // combined nodes that are controllers
)

// planKRaft lays out the nodes and formats their storage.
func (c *Cluster) planKRaft(ctx context.Context, l Layout) error {
	ports, err := freePorts(2*l.Brokers + 1)
	if err != nil {
		return err
	}
	voters := map[int]string{}
	c.id, c.voters = clusterID(), voters
	if l.DedicatedController {
		voters[dedicatedController] = local(ports[2*l.Brokers])
	} else {
		for i := range min(l.Brokers, maxVoters) {
			voters[i+1] = local(ports[l.Brokers+i])
		}
	}
	if l.DedicatedController {
		if c.Controller, err = c.kraftNode(l, dedicatedController, "", voters); err != nil {
			return err
		}
	}
	for i := range l.Brokers {
		b, err := c.kraftNode(l, i+1, local(ports[i]), voters)
		if err != nil {
			return err
		}
		c.Brokers = append(c.Brokers, b)
	}
	return c.format(ctx, l)
}

// kraftNode is one node; addr is where clients connect, empty for a controller only.
func (c *Cluster) kraftNode(l Layout, id int, addr string, voters map[int]string) (*Node, error) {
	dir, err := c.nodeDir("node-" + strconv.Itoa(id))
	if err != nil {
		return nil, err
	}
	n := &Node{ID: id, Addr: addr, dist: c.Dist, dir: dir, heapMiB: l.HeapMiB, class: serverClass, jvm: l.JVM, probe: addr}
	var roles, listeners, quorum []string
	for v, a := range voters {
		quorum = append(quorum, fmt.Sprintf("%d@%s", v, a))
	}
	n.props = brokerProperties(l)
	if addr != "" {
		roles = append(roles, "broker")
		listeners = append(listeners, "PLAINTEXT://"+addr)
		n.props["advertised.listeners"] = "PLAINTEXT://" + addr
	}
	if a, ok := voters[id]; ok {
		roles = append(roles, "controller")
		listeners = append(listeners, "CONTROLLER://"+a)
		if addr == "" {
			n.probe, n.heapMiB, n.jvm = a, 256, nil
		}
	}
	maps.Copy(n.props, map[string]string{
		"process.roles":                  strings.Join(roles, ","),
		"node.id":                        strconv.Itoa(id),
		"controller.quorum.voters":       strings.Join(quorum, ","),
		"controller.listener.names":      "CONTROLLER",
		"listeners":                      strings.Join(listeners, ","),
		"listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
		"log.dirs":                       n.DataDir(),
		// A killed broker may register again only when its old session is over.
		"broker.session.timeout.ms":                        "4000",
		"broker.heartbeat.interval.ms":                     "500",
		"share.coordinator.state.topic.replication.factor": strconv.Itoa(min(l.Brokers, 3)),
		"share.coordinator.state.topic.min.isr":            "1",
	})
	if addr != "" {
		if err := n.listenTwice(l); err != nil {
			return nil, err
		}
	}
	maps.Copy(n.props, l.Config)
	return n, nil
}

// listenTwice adds the listener of Layout.Proxied to a broker's properties.
func (n *Node) listenTwice(l Layout) error {
	if !l.Proxied {
		return nil
	}
	ports, err := freePorts(2)
	if err != nil {
		return err
	}
	n.Behind, n.Front = local(ports[0]), local(ports[1])
	n.props["listeners"] += ",PROXIED://" + n.Behind
	n.props["advertised.listeners"] += ",PROXIED://" + n.Front
	n.props["listener.security.protocol.map"] = "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,PROXIED:PLAINTEXT"
	n.props["inter.broker.listener.name"] = "PLAINTEXT"
	return nil
}

// brokerProperties are the settings every release understands: small, quick to
// start, quick to rebalance.
func brokerProperties(l Layout) map[string]string {
	replicas := strconv.Itoa(min(l.Brokers, 3))
	return map[string]string{
		"offsets.topic.replication.factor":         replicas,
		"offsets.topic.num.partitions":             "4",
		"transaction.state.log.replication.factor": replicas,
		"transaction.state.log.num.partitions":     "4",
		"transaction.state.log.min.isr":            "1",
		"group.initial.rebalance.delay.ms":         "0",
		"auto.create.topics.enable":                "false",
		"num.network.threads":                      "2",
		"num.io.threads":                           "2",
		"log.cleaner.backoff.ms":                   "500",
		"log.cleaner.dedupe.buffer.size":           "8388608",
		"message.max.bytes":                        "8388608",
		"replica.fetch.max.bytes":                  "8388608",
		"log.retention.check.interval.ms":          "1000",
		"log.initial.task.delay.ms":                "500",
	}
}

// format gives every node of the cluster the same cluster id. The tools run two
// at a time: each costs a second or two of a core.
func (c *Cluster) format(ctx context.Context, l Layout) error {
	var wg sync.WaitGroup
	errs := make([]error, len(c.nodes()))
	slots := make(chan struct{}, 2)
	for i, n := range c.nodes() {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			errs[i] = n.format(ctx, c.id, l.Features)
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

func (n *Node) format(ctx context.Context, clusterID string, features map[string]string) error {
	file := filepath.Join(n.dir, "server.properties")
	if err := n.writeProperties(file); err != nil {
		return err
	}
	args := []string{"format", "--cluster-id", clusterID, "--config", file}
	for name, level := range features {
		args = append(args, "--feature", name+"="+level)
	}
	if _, err := n.dist.Tool(ctx, storageClass, args...); err != nil {
		return fmt.Errorf("format storage of node %d: %w", n.ID, err)
	}
	return nil
}

// clusterID draws a UUID in Kafka's text form.
func clusterID() string {
	var b [16]byte
	rand.Read(b[:])
	b[0] &= 0x7f // no leading '-', which tools would take for a flag
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return base64.RawURLEncoding.EncodeToString(b[:])
}

func local(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }
