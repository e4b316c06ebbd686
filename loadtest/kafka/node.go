package kafka

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"umbra/loadtest/proc"
)

// startLimit bounds one node's way to serving; two slow shared cores and several
// clusters at once are normal here.
const startLimit = 120 * time.Second

// A Node is one JVM of a cluster: broker, controller, both, or ZooKeeper. Its
// methods belong to one goroutine at a time.
type Node struct {
	ID   int
	Addr string // where clients connect; empty for a controller
	// Behind and Front are the ends of a test's proxy (Layout.Proxied), else empty.
	Behind, Front string

	dist    *Dist
	dir     string // properties, data, log
	heapMiB int
	class   string
	jvm     []string // further JVM flags
	props   map[string]string
	probe   string // address that accepts connections when the node is up
	proc    *proc.Process
}

// LogFile holds the node's output over all its starts.
func (n *Node) LogFile() string { return filepath.Join(n.dir, "server.log") }

// DataDir is the log.dirs folder: one folder per partition, Kafka's files.
func (n *Node) DataDir() string { return filepath.Join(n.dir, "data") }

// Running reports whether the process is there (it may still be starting).
func (n *Node) Running() bool {
	return n.proc != nil && n.proc.Running()
}

// Launch starts the process and does not wait until it serves.
func (n *Node) Launch() error {
	if n.Running() {
		return fmt.Errorf("start node %d: it runs already", n.ID)
	}
	file := filepath.Join(n.dir, "server.properties")
	if err := n.writeProperties(file); err != nil {
		return err
	}
	argv := n.dist.java(n.heapMiB, "INFO", n.class, n.jvm, file)
	p, err := proc.Start(proc.Command{
		Name: fmt.Sprintf("kafka %s node %d", n.dist.Version, n.ID), Argv: argv, Dir: n.dir, Log: n.LogFile()})
	if err != nil {
		return err
	}
	n.proc = p
	return nil
}

// Start starts the process and waits until it serves. A killed broker of a
// ZooKeeper release cannot register again until its old session has run out, and
// exits: it is started again until it can.
func (n *Node) Start(ctx context.Context) error {
	for {
		if err := n.Launch(); err != nil {
			return err
		}
		err := n.Ready(ctx)
		if err == nil || n.Running() || ctx.Err() != nil || !n.dist.ZooKeeper() || !strings.Contains(n.LogTail(100), "NodeExists") {
			return err
		}
	}
}

// Ready waits until the node serves: a broker answers Metadata with itself in
// it, anything else accepts connections.
func (n *Node) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	return n.proc.Until(ctx, 100*time.Millisecond, "wait until it serves", func() bool {
		if n.Addr == "" {
			return accepts(n.probe)
		}
		return accepts(n.Addr) && n.answers(ctx)
	})
}

// Stop ends the node cleanly (SIGTERM, then SIGKILL after 30 s).
func (n *Node) Stop() error {
	if !n.Running() {
		return nil
	}
	return n.proc.Stop(30 * time.Second)
}

// Kill ends the node with SIGKILL and waits until the process is gone.
func (n *Node) Kill() error {
	if !n.Running() {
		return nil
	}
	return n.proc.Kill()
}

// Restart stops the node cleanly and starts it on the same data and address.
func (n *Node) Restart(ctx context.Context) error {
	if err := n.Stop(); err != nil {
		return err
	}
	return n.Start(ctx)
}

// Pause stops the process without ending it (SIGSTOP), as a long GC pause does.
func (n *Node) Pause() error { return n.proc.Signal(syscall.SIGSTOP) }

// Resume lets a paused process go on.
func (n *Node) Resume() error { return n.proc.Signal(syscall.SIGCONT) }

// PID is the process id, 0 when the node does not run. Its group has the same id.
func (n *Node) PID() int {
	if !n.Running() {
		return 0
	}
	return n.proc.PID
}

// LogTail is the end of the node's output.
func (n *Node) LogTail(lines int) string {
	b, err := os.ReadFile(n.LogFile())
	if err != nil {
		return err.Error()
	}
	return proc.Tail(string(b), lines)
}

func (n *Node) writeProperties(file string) error {
	keys := make([]string, 0, len(n.props))
	for k := range n.props {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	var b strings.Builder
	for _, k := range keys {
		fmt.Fprintf(&b, "%s=%s\n", k, n.props[k])
	}
	return os.WriteFile(file, []byte(b.String()), 0o644)
}

// answers asks the node for Metadata and looks for its own id among the brokers.
func (n *Node) answers(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	meta, err := metadata(ctx, n.Addr)
	if err != nil {
		return false
	}
	for _, b := range meta.Brokers {
		if int(b.NodeID) == n.ID {
			return true
		}
	}
	return false
}

// metadata asks the broker at addr, and no other, for the brokers of its cluster.
func metadata(ctx context.Context, addr string) (*kmsg.MetadataResponse, error) {
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.DialTimeout(3*time.Second), kgo.RequestRetries(0))
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	seeds := cl.SeedBrokers()
	if len(seeds) != 1 {
		return nil, errors.New("BUG: one seed address gave other than one seed broker")
	}
	req := kmsg.NewPtrMetadataRequest()
	req.Topics = []kmsg.MetadataRequestTopic{}
	resp, err := seeds[0].Request(ctx, req)
	if err != nil {
		return nil, err
	}
	return resp.(*kmsg.MetadataResponse), nil
}

func accepts(addr string) bool {
	c, err := net.DialTimeout("tcp4", addr, time.Second)
	if err != nil {
		return false
	}
	c.Close()
	return true
}
