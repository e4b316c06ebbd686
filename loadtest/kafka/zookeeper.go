package kafka

import (
	"maps"
	"strconv"
)

const zooKeeperClass = "org.apache.zookeeper.server.quorum.QuorumPeerMain"

// planZooKeeper lays out one ZooKeeper and the brokers that use it.
func (c *Cluster) planZooKeeper(l Layout) error {
	ports, err := freePorts(l.Brokers + 1)
	if err != nil {
		return err
	}
	dir, err := c.nodeDir("zookeeper")
	if err != nil {
		return err
	}
	zk := local(ports[l.Brokers])
	c.ZooKeeper = &Node{ID: 0, dist: c.Dist, dir: dir, heapMiB: 128, class: zooKeeperClass, probe: zk}
	c.ZooKeeper.props = map[string]string{
		"dataDir":                c.ZooKeeper.DataDir(),
		"clientPort":             strconv.Itoa(ports[l.Brokers]),
		"clientPortAddress":      "127.0.0.1",
		"admin.enableServer":     "false",
		"maxClientCnxns":         "0",
		"tickTime":               "1000",
		"forceSync":              "no", // the data is thrown away with the test
		"4lw.commands.whitelist": "srvr",
	}
	for i := range l.Brokers {
		dir, err := c.nodeDir("node-" + strconv.Itoa(i+1))
		if err != nil {
			return err
		}
		addr := local(ports[i])
		b := &Node{ID: i + 1, Addr: addr, dist: c.Dist, dir: dir, heapMiB: l.HeapMiB, class: serverClass, probe: addr}
		b.props = brokerProperties(l)
		maps.Copy(b.props, map[string]string{
			"broker.id":                       strconv.Itoa(b.ID),
			"listeners":                       "PLAINTEXT://" + addr,
			"advertised.listeners":            "PLAINTEXT://" + addr,
			"zookeeper.connect":               zk,
			"zookeeper.connection.timeout.ms": "30000",
			"zookeeper.session.timeout.ms":    "4000",
			"log.dirs":                        b.DataDir(),
		})
		if err := b.listenTwice(l); err != nil {
			return err
		}
		maps.Copy(b.props, l.Config)
		c.Brokers = append(c.Brokers, b)
	}
	return nil
}
