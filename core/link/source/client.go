package source

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"umbra/kafkaproto"
)

// Config is how a Client reaches its source.
type Config struct {
	Bootstrap []string // host:port, tried in order
	ClientID  string
	Timeout   time.Duration // of one request
	Dial      Dialer
}

// Client asks a source cluster about its topics. It is for one goroutine. It
// keeps one connection per broker and drops a connection after any error.
type Client struct {
	cfg     Config
	conns   map[string]*conn
	cluster *Cluster // of the last Metadata call, nil before
}

// New makes a Client; it connects at the first call.
func New(cfg Config) *Client { return &Client{cfg: cfg, conns: map[string]*conn{}} }

// Close closes every connection; the Client may be used again.
func (c *Client) Close() {
	for addr, cn := range c.conns {
		cn.Close()
		delete(c.conns, addr)
	}
}

// Cluster is a source as its metadata describes it.
type Cluster struct {
	ID      string // "" when the source does not say
	Brokers map[int32]string
	Topics  []Topic
	Via     string // the broker that answered
	// TopicIDs reports whether the source speaks topic ids at all (KIP-516,
	// Kafka 2.8): without, a re-created topic cannot be told by its id.
	TopicIDs bool
}

// Topic is one topic of a source.
type Topic struct {
	Name       string
	ID         kafkaproto.TopicID // zero when the source has none
	Internal   bool
	Err        kafkaproto.ErrorCode
	Partitions []Partition // ordered by index, without holes
}

// Partition is one partition of a source topic.
type Partition struct {
	Index       int32
	Leader      int32 // broker id, -1 none
	LeaderEpoch int32 // -1 when the source does not say
	Err         kafkaproto.ErrorCode
}

// Metadata reads the cluster and, of all its topics, those the source lets us
// see. It tries the brokers known from before, then the bootstrap addresses.
func (c *Client) Metadata(ctx context.Context) (*Cluster, error) {
	var errs []error
	for _, addr := range c.candidates() {
		cl, err := c.metadataFrom(ctx, addr)
		if err == nil {
			c.cluster = cl
			return cl, nil
		}
		errs = append(errs, err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, errors.Join(errs...)
}

// candidates are the configured addresses first: they are what an operator
// changes when the source moves.
func (c *Client) candidates() []string {
	out := append([]string(nil), c.cfg.Bootstrap...)
	seen := map[string]bool{}
	for _, a := range out {
		seen[a] = true
	}
	if c.cluster != nil {
		for _, a := range c.cluster.Brokers {
			if !seen[a] {
				out = append(out, a)
			}
		}
	}
	return out
}

func (c *Client) metadataFrom(ctx context.Context, addr string) (*Cluster, error) {
	var resp kafkaproto.MetadataResponse
	v, err := c.call(ctx, addr, kafkaproto.KeyMetadata, &kafkaproto.MetadataRequest{}, &resp)
	if err != nil {
		return nil, err
	}
	cl := &Cluster{Brokers: map[int32]string{}, Via: addr, TopicIDs: v >= 10}
	if resp.ClusterID != nil {
		cl.ID = *resp.ClusterID
	}
	for _, b := range resp.Brokers {
		cl.Brokers[b.NodeID] = net.JoinHostPort(b.Host, strconv.Itoa(int(b.Port)))
	}
	for i := range resp.Topics {
		t, err := topicOf(&resp.Topics[i])
		if err != nil {
			return nil, fmt.Errorf("metadata of source broker %s: %w", addr, err)
		}
		cl.Topics = append(cl.Topics, t)
	}
	return cl, nil
}

func topicOf(t *kafkaproto.MetadataResponseTopic) (Topic, error) {
	out := Topic{ID: t.TopicID, Internal: t.IsInternal, Err: kafkaproto.ErrorCode(t.ErrorCode)}
	if t.Topic != nil {
		out.Name = *t.Topic
	}
	out.Partitions = make([]Partition, len(t.Partitions))
	for i := range out.Partitions {
		out.Partitions[i].Index = -1
	}
	for _, p := range t.Partitions {
		if p.Partition < 0 || int(p.Partition) >= len(out.Partitions) || out.Partitions[p.Partition].Index >= 0 {
			return out, fmt.Errorf("topic %q lists partition %d among %d", out.Name, p.Partition, len(out.Partitions))
		}
		out.Partitions[p.Partition] = Partition{Index: p.Partition, Leader: p.Leader, LeaderEpoch: p.LeaderEpoch, Err: kafkaproto.ErrorCode(p.ErrorCode)}
	}
	return out, nil
}

// call runs one request on the connection to addr, which is opened when
// needed and dropped after an error.
func (c *Client) call(ctx context.Context, addr string, key int16, req, resp kafkaproto.Message) (int16, error) {
	return c.callUpTo(ctx, addr, key, 1<<14, req, resp)
}

func (c *Client) callUpTo(ctx context.Context, addr string, key, limit int16, req, resp kafkaproto.Message) (int16, error) {
	cn, err := c.conn(ctx, addr)
	if err != nil {
		return 0, err
	}
	v, err := cn.callUpTo(ctx, key, limit, req, resp)
	if err != nil && !errors.Is(err, ErrUnsupported) {
		cn.Close()
		delete(c.conns, addr)
	}
	return v, err
}

func (c *Client) conn(ctx context.Context, addr string) (*conn, error) {
	if cn := c.conns[addr]; cn != nil {
		return cn, nil
	}
	cn, err := open(ctx, c.cfg.Dial, addr, c.cfg.ClientID, c.cfg.Timeout)
	if err != nil {
		return nil, err
	}
	c.conns[addr] = cn
	return cn, nil
}

// Leader returns the address of a partition's leader as of the last Metadata.
func (cl *Cluster) Leader(p Partition) (addr string, ok bool) {
	addr, ok = cl.Brokers[p.Leader]
	return addr, ok
}
