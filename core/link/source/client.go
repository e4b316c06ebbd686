package source

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"sync"
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

// idleConnsMax bounds the connections to one broker that are kept for later.
const idleConnsMax = 2

// Client asks a source cluster about its topics, from any goroutine. Every call
// has a connection to itself while it lasts, so that one which hangs holds up no
// other; a connection is dropped after any error.
type Client struct {
	cfg Config

	mu      sync.Mutex         // guards the rest: calls run side by side
	idle    map[string][]*conn // by address
	cluster *Cluster           // of the last Metadata call, nil before
	closed  bool
}

// New makes a Client; it connects at the first call.
func New(cfg Config) *Client { return &Client{cfg: cfg, idle: map[string][]*conn{}} }

// Close closes the connections that are not in use; those in use close when
// their call ends.
func (c *Client) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for _, list := range c.idle {
		for _, cn := range list {
			cn.Close()
		}
	}
	clear(c.idle)
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

// metadataStagger is how long one address has to answer before the next one is
// asked as well. A broker that is gone without a trace answers nothing for as
// long as the request's timeout.
const metadataStagger = time.Second

// Metadata reads the cluster and, of all its topics, those the source lets us
// see. It asks the broker that answered last, the bootstrap addresses and the
// brokers known from before, in that order, the next when one fails or takes
// longer than metadataStagger; the first good answer counts.
func (c *Client) Metadata(ctx context.Context) (*Cluster, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type answer struct {
		cl  *Cluster
		err error
	}
	addrs := c.candidates()
	answers := make(chan answer, len(addrs))
	next, running := 0, 0
	ask := func() {
		addr := addrs[next]
		next, running = next+1, running+1
		go func() { // ends with its request, which ends with ctx
			cl, err := c.metadataFrom(ctx, addr)
			answers <- answer{cl, err}
		}()
	}
	var errs []error
	for ask(); running > 0; {
		timer := time.NewTimer(metadataStagger)
		select {
		case a := <-answers:
			timer.Stop()
			if a.err == nil {
				c.mu.Lock()
				c.cluster = a.cl
				c.mu.Unlock()
				return a.cl, nil
			}
			running--
			errs = append(errs, a.err)
			if ctx.Err() != nil {
				return nil, errors.Join(errs...)
			}
		case <-timer.C:
		}
		if next < len(addrs) {
			ask()
		}
	}
	return nil, errors.Join(errs...)
}

// candidates are the addresses to ask, each once.
func (c *Client) candidates() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []string
	add := func(addrs ...string) {
		for _, a := range addrs {
			if !slices.Contains(out, a) {
				out = append(out, a)
			}
		}
	}
	if c.cluster != nil {
		add(c.cluster.Via)
	}
	add(c.cfg.Bootstrap...)
	if c.cluster != nil {
		for _, id := range slices.Sorted(maps.Keys(c.cluster.Brokers)) {
			add(c.cluster.Brokers[id])
		}
	}
	return out
}

// Describe asks a broker about topics by name: one that is missing in the list
// of all topics may be gone or merely hidden. Err tells.
func (c *Client) Describe(ctx context.Context, addr string, names []string) ([]Topic, error) {
	req := kafkaproto.MetadataRequest{}
	for i := range names {
		req.Topics = append(req.Topics, kafkaproto.MetadataRequestTopic{Topic: &names[i]})
	}
	cl, err := c.askMetadata(ctx, addr, &req)
	if err != nil {
		return nil, err
	}
	return cl.Topics, nil
}

func (c *Client) metadataFrom(ctx context.Context, addr string) (*Cluster, error) {
	return c.askMetadata(ctx, addr, &kafkaproto.MetadataRequest{})
}

func (c *Client) askMetadata(ctx context.Context, addr string, req *kafkaproto.MetadataRequest) (*Cluster, error) {
	var resp kafkaproto.MetadataResponse
	v, err := c.call(ctx, addr, kafkaproto.KeyMetadata, req, &resp)
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
	cn, kept := c.take(addr)
	if !kept {
		var err error
		if cn, err = open(ctx, c.cfg.Dial, addr, c.cfg.ClientID, c.cfg.Timeout); err != nil {
			return 0, err
		}
	}
	v, err := cn.callUpTo(ctx, key, limit, req, resp)
	if err != nil && !errors.Is(err, ErrUnsupported) {
		cn.Close()
		if kept && ctx.Err() == nil && !isTimeout(err) {
			// A connection that lay idle may have been closed by the broker; that
			// says nothing about the broker now.
			return c.callUpTo(ctx, addr, key, limit, req, resp)
		}
		return v, err
	}
	c.keep(addr, cn)
	return v, err
}

func isTimeout(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}

func (c *Client) take(addr string) (*conn, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := c.idle[addr]
	if len(list) == 0 {
		return nil, false
	}
	cn := list[len(list)-1]
	c.idle[addr] = list[:len(list)-1]
	return cn, true
}

func (c *Client) keep(addr string, cn *conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || len(c.idle[addr]) >= idleConnsMax {
		cn.Close()
		return
	}
	c.idle[addr] = append(c.idle[addr], cn)
}

// Leader returns the address of a partition's leader as of the last Metadata.
func (cl *Cluster) Leader(p Partition) (addr string, ok bool) {
	addr, ok = cl.Brokers[p.Leader]
	return addr, ok
}
