package linktest

import (
	"fmt"
	"net"
	"slices"
	"sync"

	"umbra/kafkaproto"
	"umbra/kafkaproto/batch"
	"umbra/kafkaproto/compress"
)

// Config shapes a Cluster.
type Config struct {
	Brokers    int // at least 1; ids from 1 on
	Release    Release
	ClusterID  string // "" makes one up
	NoSessions bool   // answers with session id 0
	// Heard, when set, sees every request, on its connection's goroutine.
	Heard func(kafkaproto.RequestHeader, kafkaproto.Message)
	// Answered, when set, is called when the answer to a control request is made
	// and not yet sent.
	Answered func(kafkaproto.RequestHeader)
}

// Cluster is a scripted source. Its methods are for any goroutine; each change
// is atomic for the brokers and wakes fetches that wait.
type Cluster struct {
	cfg Config
	wg  sync.WaitGroup

	mu       sync.Mutex // guards everything below: the script and every connection meet here
	id       string
	brokers  map[int32]*broker
	topics   map[string]*topic
	byID     map[kafkaproto.TopicID]*topic // also those that are gone
	moved    chan struct{}                 // closed and replaced at each change
	closed   bool
	throttle int32
	requests map[int16]int // answered, by API key
	fetched  map[string]int
	sessions int32 // ids given out
}

// Start listens on free ports of the loopback interface.
func Start(cfg Config) (*Cluster, error) {
	if cfg.Brokers == 0 {
		cfg.Brokers = 1
	}
	if cfg.Release.max == nil {
		cfg.Release = Kafka4x()
	}
	if cfg.ClusterID == "" {
		cfg.ClusterID = "linktest-" + kafkaproto.NewTopicID().String()
	}
	c := &Cluster{cfg: cfg, id: cfg.ClusterID, brokers: map[int32]*broker{}, topics: map[string]*topic{}, byID: map[kafkaproto.TopicID]*topic{}, moved: make(chan struct{}),
		requests: map[int16]int{}, fetched: map[string]int{}}
	for i := range cfg.Brokers {
		b := &broker{c: c, id: int32(i + 1), sessions: map[int32]*session{}}
		if err := b.listen("127.0.0.1:0"); err != nil {
			c.Close()
			return nil, err
		}
		c.brokers[b.id] = b
	}
	return c, nil
}

// Close ends every connection and waits for their goroutines.
func (c *Cluster) Close() {
	c.change(func() {
		c.closed = true
		for _, b := range c.brokers {
			b.kill()
		}
	})
	c.wg.Wait()
}

// change runs f with the cluster locked and wakes who waits for something.
func (c *Cluster) change(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
	close(c.moved)
	c.moved = make(chan struct{})
}

func (c *Cluster) look(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
}

func (c *Cluster) part(name string, index int) *partition {
	t := c.topics[name]
	if t == nil || index >= len(t.partitions) {
		panic(fmt.Sprintf("linktest: no partition %d of topic %q", index, name))
	}
	return t.partitions[index]
}

// Addrs are the bootstrap addresses, by broker id.
func (c *Cluster) Addrs() (out []string) {
	c.look(func() {
		for i := range c.cfg.Brokers {
			out = append(out, c.brokers[int32(i+1)].addr)
		}
	})
	return out
}

// SetClusterID makes the same addresses another cluster.
func (c *Cluster) SetClusterID(id string) { c.change(func() { c.id = id }) }

// CreateTopic makes a topic with a new id, its leaders spread over the brokers
// that run.
func (c *Cluster) CreateTopic(name string, partitions int) {
	c.change(func() {
		t := &topic{name: name, id: kafkaproto.NewTopicID(), configs: map[string]string{}}
		if !c.cfg.Release.TopicIDs {
			t.id = kafkaproto.TopicID{}
		}
		c.topics[name], c.byID[t.id] = t, t
		c.grow(t, partitions)
	})
}

func (c *Cluster) grow(t *topic, to int) {
	ids := c.alive()
	for i := len(t.partitions); i < to; i++ {
		p := &partition{}
		p.lead(ids[i%len(ids)], 0)
		t.partitions = append(t.partitions, p)
	}
}

func (c *Cluster) alive() (ids []int32) {
	for id, b := range c.brokers {
		if b.listener != nil {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// DropID takes a topic's id away, as a topic made before an upgrade has none.
func (c *Cluster) DropID(topic string) {
	c.change(func() {
		delete(c.byID, c.topics[topic].id)
		c.topics[topic].id = kafkaproto.TopicID{}
	})
}

// GiveID gives a topic an id.
func (c *Cluster) GiveID(topic string) {
	c.change(func() {
		t := c.topics[topic]
		t.id = kafkaproto.NewTopicID()
		c.byID[t.id] = t
	})
}

// TopicID is the present id of a topic.
func (c *Cluster) TopicID(topic string) (id kafkaproto.TopicID) {
	c.look(func() { id = c.topics[topic].id })
	return id
}

// SetConfig sets a config on a topic.
func (c *Cluster) SetConfig(topic, key, value string) {
	c.change(func() { c.topics[topic].configs[key] = value })
}

// DeleteTopic removes a topic, data and all.
func (c *Cluster) DeleteTopic(name string) { c.change(func() { delete(c.topics, name) }) }

// AddPartitions grows a topic to a partition count.
func (c *Cluster) AddPartitions(topic string, total int) {
	c.change(func() { c.grow(c.topics[topic], total) })
}

// Batch is what Append writes.
type Batch struct {
	Records       int
	Size          int   // of a record's value, bytes
	Timestamp     int64 // of each record, ms; 0: some time in 2023
	Codec         compress.Codec
	Producer      *batch.Producer
	Transactional bool
	Gap           int64 // offsets left out in front of it
}

// Append writes one batch under the present leader epoch, committed at once,
// and returns its base offset.
func (c *Cluster) Append(topic string, index int, b Batch) (base int64) {
	c.change(func() { base = c.part(topic, index).write(topic, index, b) })
	return base
}

// AppendMany writes n batches as one change.
func (c *Cluster) AppendMany(topic string, index, n int, b Batch) {
	c.change(func() {
		p := c.part(topic, index)
		for range n {
			p.write(topic, index, b)
		}
	})
}

// AppendAll writes one batch to every partition of every topic, as one change.
func (c *Cluster) AppendAll(b Batch) {
	c.change(func() {
		for _, t := range c.topics {
			for i, p := range t.partitions {
				p.write(t.name, i, b)
			}
		}
	})
}

func (p *partition) write(topic string, index int, b Batch) int64 {
	if b.Timestamp == 0 {
		b.Timestamp = 1_700_000_000_000
	}
	bd := batch.Builder{BaseOffset: p.end + b.Gap, LeaderEpoch: p.epoch, Codec: b.Codec, Producer: b.Producer, Transactional: b.Transactional}
	value := make([]byte, b.Size)
	for i := range max(b.Records, 1) {
		for k := range value {
			value[k] = byte(int64(k)*31 + bd.BaseOffset + int64(i)*7 + int64(index))
		}
		// The key is a canary: whose record this is can be read off its bytes.
		bd.Add(batch.Record{Key: fmt.Appendf(nil, "%s/%d/%d@%d", topic, index, bd.BaseOffset+int64(i), p.epoch), Value: value, Timestamp: b.Timestamp})
	}
	out, err := bd.Build(nil)
	if err != nil {
		panic(fmt.Sprintf("linktest: %v", err))
	}
	p.append(out)
	return bd.BaseOffset
}

// AppendRaw appends a batch as it is.
func (c *Cluster) AppendRaw(topic string, index int, v batch.View) {
	c.change(func() { c.part(topic, index).append(v) })
}

// MoveLeader elects another broker under the next epoch.
func (c *Cluster) MoveLeader(topic string, index int, broker int32) {
	c.change(func() {
		p := c.part(topic, index)
		p.lead(broker, p.epoch+1)
	})
}

// Unclean elects a leader that lacks everything from the offset on: the tail is
// gone, and the next epoch begins there.
func (c *Cluster) Unclean(topic string, index int, at int64, broker int32) {
	c.change(func() {
		p := c.part(topic, index)
		p.truncate(at)
		p.lead(broker, p.epoch+1)
	})
}

// Shorten cuts a log without a new epoch: a broker restored from a backup.
func (c *Cluster) Shorten(topic string, index int, at int64) {
	c.change(func() { c.part(topic, index).truncate(at) })
}

// SetHigh moves the high watermark: below the end it hides the tail, as after
// a restart.
func (c *Cluster) SetHigh(topic string, index int, to int64) {
	c.change(func() { p := c.part(topic, index); p.high = min(to, p.end) })
}

// Trim moves a log's start.
func (c *Cluster) Trim(topic string, index int, to int64) {
	c.change(func() { c.part(topic, index).trim(to) })
}

// Kill ends a broker: its connections are reset, its address refuses. What it
// led has no leader until MoveLeader or Restart.
func (c *Cluster) Kill(broker int32) { c.change(func() { c.brokers[broker].kill() }) }

// Restart starts a broker again at its address; what it leads gets a new epoch,
// and its sessions are gone.
func (c *Cluster) Restart(broker int32) error {
	c.mu.Lock()
	b := c.brokers[broker]
	addr := b.addr
	c.mu.Unlock()
	if err := b.listen(addr); err != nil {
		return err
	}
	c.change(func() {
		for _, t := range c.topics {
			for _, p := range t.partitions {
				if p.leader == broker {
					p.lead(broker, p.epoch+1)
				}
			}
		}
	})
	return nil
}

// View is the truth about a partition.
type View struct {
	Start, End, High int64
	Leader, Epoch    int32
	Batches          []batch.View // not to be changed
}

// Partition is the truth about one partition now.
func (c *Cluster) Partition(topic string, index int) (v View) {
	c.look(func() {
		p := c.part(topic, index)
		v = View{p.start, p.end, p.high, p.leader, p.epoch, slices.Clone(p.batches)}
	})
	return v
}

// Requests counts the answered requests of an API.
func (c *Cluster) Requests(key int16) (n int) {
	c.look(func() { n = c.requests[key] })
	return n
}

// Fetched counts answers to a Fetch that asked for the topic, by its name.
func (c *Cluster) Fetched(topic string) (n int) {
	c.look(func() { n = c.fetched[topic] })
	return n
}

// Connections counts the open connections of a broker.
func (c *Cluster) Connections(broker int32) (n int) {
	c.look(func() { n = len(c.brokers[broker].conns) })
	return n
}

// Sessions counts the fetch sessions a broker holds.
func (c *Cluster) Sessions(broker int32) (n int) {
	c.look(func() { n = len(c.brokers[broker].sessions) })
	return n
}

// Following counts the partitions of a topic in those sessions of a broker
// whose connection is open. Others lie about until the broker evicts them.
func (c *Cluster) Following(broker int32, topic string) (n int) {
	c.look(func() {
		b := c.brokers[broker]
		for _, s := range b.sessions {
			if _, open := b.conns[s.by]; !open {
				continue
			}
			for _, w := range s.parts {
				if w.topic == topic {
					n++
				}
			}
		}
	})
	return n
}

// setNoLinger has Close send a reset.
func setNoLinger(nc net.Conn) {
	if tcp, ok := nc.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
}
