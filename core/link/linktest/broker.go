package linktest

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"

	"umbra/kafkaproto"
)

// broker is one broker. Its fields are guarded by the cluster.
type broker struct {
	c        *Cluster
	id       int32
	addr     string
	listener net.Listener // nil while it is down
	conns    map[net.Conn]struct{}
	sessions map[int32]*session
	hang     bool
	frame    func([]byte) ([]byte, bool)
}

func (b *broker) listen(addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("linktest broker %d: %w", b.id, err)
	}
	b.c.mu.Lock()
	b.listener, b.addr, b.conns, b.sessions = l, l.Addr().String(), map[net.Conn]struct{}{}, map[int32]*session{}
	b.c.mu.Unlock()
	b.c.wg.Go(func() { b.accept(l) })
	return nil
}

// kill is called with the cluster locked.
func (b *broker) kill() {
	if b.listener != nil {
		b.listener.Close()
		b.listener = nil
	}
	b.disconnect()
	b.sessions = map[int32]*session{}
}

func (b *broker) disconnect() {
	for nc := range b.conns {
		setNoLinger(nc)
		nc.Close()
	}
}

func (b *broker) accept(l net.Listener) {
	for {
		nc, err := l.Accept()
		if err != nil {
			return
		}
		b.c.mu.Lock()
		if b.listener != l {
			nc.Close()
		} else {
			b.conns[nc] = struct{}{}
			b.c.wg.Go(func() { b.serve(nc) })
		}
		b.c.mu.Unlock()
	}
}

// serve answers one connection's requests in order, until it breaks.
func (b *broker) serve(nc net.Conn) {
	defer func() {
		nc.Close()
		b.c.mu.Lock()
		delete(b.conns, nc)
		b.c.mu.Unlock()
	}()
	gone := make(chan struct{}) // closed when the peer or the script ends the connection
	frames := make(chan []byte)
	b.c.wg.Go(func() {
		defer close(gone)
		readFrames(nc, frames)
	})
	for {
		select {
		case f := <-frames:
			if err := b.answer(nc, f, gone); err != nil {
				nc.Close()
				for range frames { // lets the reader see the end
				}
				return
			}
		case <-gone:
			return
		}
	}
}

// readFrames ends, and closes frames, with the connection.
func readFrames(nc net.Conn, frames chan<- []byte) {
	defer close(frames)
	r := bufio.NewReaderSize(nc, 64<<10)
	for {
		var prefix [4]byte
		if _, err := io.ReadFull(r, prefix[:]); err != nil {
			return
		}
		n := binary.BigEndian.Uint32(prefix[:])
		if n > 64<<20 {
			return
		}
		frame := make([]byte, n)
		if _, err := io.ReadFull(r, frame); err != nil {
			return
		}
		frames <- frame
	}
}

var (
	errUnserved = errors.New("request not served by this release")
	errGone     = errors.New("the connection is gone")
)

func (b *broker) answer(nc net.Conn, frame []byte, gone <-chan struct{}) error {
	if frame == nil {
		return errGone
	}
	rd := kafkaproto.NewReader(frame, false)
	var h kafkaproto.RequestHeader
	h.Decode(&rd)
	if !b.c.cfg.Release.serves(h.Key, h.Version) {
		return fmt.Errorf("%w: key %d version %d", errUnserved, h.Key, h.Version)
	}
	req := kafkaproto.NewRequest(h.Key)
	req.Decode(&rd, h.Version)
	if err := rd.Err(); err != nil {
		return err
	}
	if heard := b.c.cfg.Heard; heard != nil {
		heard(h, req)
	}
	if err := b.waitWhile(gone, func() bool { return b.hang }); err != nil {
		return err
	}
	var resp kafkaproto.Message
	if f, ok := req.(*kafkaproto.FetchRequest); ok {
		answer, err := b.fetch(f, h.Version, nc, gone)
		if err != nil {
			return err
		}
		resp = answer
	} else {
		resp = b.control(req)
		if answered := b.c.cfg.Answered; answered != nil {
			answered(h)
		}
	}
	w := kafkaproto.NewWriter(nil, false)
	start := w.BeginFrame()
	kafkaproto.ResponseHeader(&w, h.Key, h.Version, h.CorrelationID)
	resp.Encode(&w, h.Version)
	w.EndFrame(start, 0)
	return b.send(nc, h.Key, w.Bytes())
}

func (b *broker) send(nc net.Conn, key int16, frame []byte) error {
	b.c.mu.Lock()
	b.c.requests[key]++
	alter := b.frame
	b.c.mu.Unlock()
	hangup := false
	if alter != nil && key == kafkaproto.KeyFetch {
		frame, hangup = alter(frame)
	}
	if _, err := nc.Write(frame); err != nil {
		return err
	}
	if hangup {
		setNoLinger(nc)
		return errGone
	}
	return nil
}

// waitWhile waits until the condition, which is asked with the cluster locked,
// is false.
func (b *broker) waitWhile(gone <-chan struct{}, is func() bool) error {
	for {
		b.c.mu.Lock()
		wait, moved := is(), b.c.moved
		b.c.mu.Unlock()
		if !wait {
			return nil
		}
		select {
		case <-moved:
		case <-gone:
			return errGone
		}
	}
}

// control answers everything but Fetch.
func (b *broker) control(req kafkaproto.Message) kafkaproto.Message {
	b.c.mu.Lock()
	defer b.c.mu.Unlock()
	switch req := req.(type) {
	case *kafkaproto.ApiVersionsRequest:
		return b.c.cfg.Release.versions()
	case *kafkaproto.MetadataRequest:
		return b.metadata(req)
	case *kafkaproto.ListOffsetsRequest:
		return b.listOffsets(req)
	case *kafkaproto.OffsetForLeaderEpochRequest:
		return b.epochEnds(req)
	case *kafkaproto.DescribeConfigsRequest:
		return b.describe(req)
	}
	panic(fmt.Sprintf("linktest: %T is served and not answered", req))
}

func (b *broker) metadata(req *kafkaproto.MetadataRequest) *kafkaproto.MetadataResponse {
	id := b.c.id
	resp := &kafkaproto.MetadataResponse{ClusterID: &id, ControllerID: b.id, AuthorizedOperations: kafkaproto.AuthorizedOperationsNone}
	for _, n := range b.c.alive() {
		host, port, _ := net.SplitHostPort(b.c.brokers[n].addr)
		p, _ := strconv.Atoi(port)
		resp.Brokers = append(resp.Brokers, kafkaproto.MetadataResponseBroker{NodeID: n, Host: host, Port: int32(p)})
	}
	if req.Topics == nil {
		for _, t := range b.c.topics {
			if !t.denied {
				resp.Topics = append(resp.Topics, b.c.describeTopic(t))
			}
		}
		slices.SortFunc(resp.Topics, func(x, y kafkaproto.MetadataResponseTopic) int {
			if *x.Topic < *y.Topic {
				return -1
			}
			return 1
		})
	}
	for _, want := range req.Topics {
		t := b.c.topics[*want.Topic]
		switch {
		case t == nil:
			resp.Topics = append(resp.Topics, kafkaproto.MetadataResponseTopic{ErrorCode: int16(kafkaproto.UnknownTopicOrPartition), Topic: want.Topic})
		case t.denied:
			resp.Topics = append(resp.Topics, kafkaproto.MetadataResponseTopic{ErrorCode: int16(kafkaproto.TopicAuthorizationFailed), Topic: want.Topic})
		default:
			resp.Topics = append(resp.Topics, b.c.describeTopic(t))
		}
	}
	return resp
}

func (c *Cluster) describeTopic(t *topic) kafkaproto.MetadataResponseTopic {
	name := t.name
	out := kafkaproto.MetadataResponseTopic{Topic: &name, TopicID: t.id, AuthorizedOperations: kafkaproto.AuthorizedOperationsNone}
	for i, p := range t.partitions {
		m := kafkaproto.MetadataResponseTopicPartition{Partition: int32(i), Leader: p.leader, LeaderEpoch: p.epoch, Replicas: []int32{p.leader}, ISR: []int32{p.leader}}
		if c.brokers[p.leader].listener == nil {
			m.ErrorCode, m.Leader = int16(kafkaproto.LeaderNotAvailable), -1
		}
		out.Partitions = append(out.Partitions, m)
	}
	return out
}

// check is what a leader says before it looks at a partition.
func (b *broker) check(t *topic, index, epoch int32) (*partition, kafkaproto.ErrorCode) {
	switch {
	case t == nil || index < 0 || int(index) >= len(t.partitions):
		return nil, kafkaproto.UnknownTopicOrPartition
	case t.denied || t.unreadable:
		return nil, kafkaproto.TopicAuthorizationFailed
	}
	p := t.partitions[index]
	switch {
	case p.leader != b.id:
		return p, kafkaproto.NotLeaderOrFollower
	case epoch >= 0 && epoch < p.epoch:
		return p, kafkaproto.FencedLeaderEpoch
	case epoch > p.epoch:
		return p, kafkaproto.UnknownLeaderEpoch
	}
	return p, kafkaproto.None
}

func (b *broker) listOffsets(req *kafkaproto.ListOffsetsRequest) *kafkaproto.ListOffsetsResponse {
	resp := &kafkaproto.ListOffsetsResponse{}
	for _, t := range req.Topics {
		out := kafkaproto.ListOffsetsResponseTopic{Topic: t.Topic}
		for _, q := range t.Partitions {
			a := kafkaproto.ListOffsetsResponseTopicPartition{Partition: q.Partition, Timestamp: -1, Offset: -1, LeaderEpoch: -1}
			p, code := b.check(b.c.topics[t.Topic], q.Partition, q.CurrentLeaderEpoch)
			if a.ErrorCode = int16(code); code == kafkaproto.None {
				a.LeaderEpoch = p.epoch
				switch q.Timestamp {
				case kafkaproto.TimestampEarliest:
					a.Offset = p.start
				case kafkaproto.TimestampLatest:
					a.Offset = p.high
				default:
					a.Offset, a.Timestamp = p.at(q.Timestamp)
				}
			}
			out.Partitions = append(out.Partitions, a)
		}
		resp.Topics = append(resp.Topics, out)
	}
	return resp
}

func (b *broker) epochEnds(req *kafkaproto.OffsetForLeaderEpochRequest) *kafkaproto.OffsetForLeaderEpochResponse {
	resp := &kafkaproto.OffsetForLeaderEpochResponse{}
	for _, t := range req.Topics {
		out := kafkaproto.OffsetForLeaderEpochResponseTopic{Topic: t.Topic}
		for _, q := range t.Partitions {
			a := kafkaproto.OffsetForLeaderEpochResponseTopicPartition{Partition: q.Partition, LeaderEpoch: -1, EndOffset: -1}
			p, code := b.check(b.c.topics[t.Topic], q.Partition, q.CurrentLeaderEpoch)
			if a.ErrorCode = int16(code); code == kafkaproto.None && !p.faults.noEpoch {
				a.LeaderEpoch, a.EndOffset = p.epochEnd(q.LeaderEpoch)
			}
			out.Partitions = append(out.Partitions, a)
		}
		resp.Topics = append(resp.Topics, out)
	}
	return resp
}

func (b *broker) describe(req *kafkaproto.DescribeConfigsRequest) *kafkaproto.DescribeConfigsResponse {
	resp := &kafkaproto.DescribeConfigsResponse{}
	for _, r := range req.Resources {
		out := kafkaproto.DescribeConfigsResponseResource{ResourceType: r.ResourceType, ResourceName: r.ResourceName}
		t := b.c.topics[r.ResourceName]
		switch {
		case t == nil:
			out.ErrorCode = int16(kafkaproto.UnknownTopicOrPartition)
		case t.denied:
			out.ErrorCode = int16(kafkaproto.TopicAuthorizationFailed)
		default:
			for k, v := range t.configs {
				out.Configs = append(out.Configs, kafkaproto.DescribeConfigsResponseResourceConfig{Name: k, Value: &v, Source: kafkaproto.ConfigSourceDynamicTopic})
			}
		}
		resp.Resources = append(resp.Resources, out)
	}
	return resp
}
