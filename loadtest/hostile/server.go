package hostile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// brokers is how many the cluster has: the bad partition's, and another.
const brokers = 2

// A Topic is what the server has under one name.
type Topic struct {
	Name       string
	ID         [16]byte
	Partitions []*Partition
}

// A Partition is one log. Its fields are read and changed through the Server.
type Partition struct {
	Leader  int32 // broker 1 or 2
	Epoch   int32
	Start   int64
	Fault   Fault
	batches [][]byte
	fetches int // that reached the fault, or all while there is none
}

// A Server is a hostile cluster. Its methods may be called from any goroutine.
type Server struct {
	clusterID string
	listeners [brokers]net.Listener

	mu     sync.Mutex
	topics []*Topic
	conns  map[net.Conn]struct{}
	closed chan struct{}
	wg     sync.WaitGroup
}

// Start listens on two free ports of 127.0.0.1. The topics are taken over.
func Start(topics ...*Topic) (*Server, error) {
	s := &Server{clusterID: "hostile-source", topics: topics, conns: map[net.Conn]struct{}{}, closed: make(chan struct{})}
	for i := range s.listeners {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			s.Close()
			return nil, fmt.Errorf("start hostile source: %w", err)
		}
		s.listeners[i] = l
	}
	for i, l := range s.listeners { // not before all are there: answers name all
		s.wg.Go(func() { s.accept(l, int32(i+1)) })
	}
	return s, nil
}

// NewTopic makes a topic whose partitions are led by the given brokers, each with
// batches of perBatch records.
func NewTopic(name string, id byte, batchesEach, perBatch int, leaders ...int32) *Topic {
	t := &Topic{Name: name, ID: [16]byte{0: 0xab, 6: 0x40, 8: 0x80, 15: id}}
	for _, leader := range leaders {
		p := &Partition{Leader: leader}
		for i := range batchesEach {
			p.batches = append(p.batches, Batch(int64(i*perBatch), 0, perBatch, 100, 1_750_000_000_000+int64(i)))
		}
		t.Partitions = append(t.Partitions, p)
	}
	return t
}

// Seeds is the brokers' addresses.
func (s *Server) Seeds() []string {
	var out []string
	for _, l := range s.listeners {
		out = append(out, l.Addr().String())
	}
	return out
}

// Close stops everything and waits for it.
func (s *Server) Close() {
	close(s.closed)
	for _, l := range s.listeners {
		if l != nil {
			l.Close()
		}
	}
	s.mu.Lock()
	for c := range s.conns {
		c.Close()
	}
	s.mu.Unlock()
	s.wg.Wait()
}

// SetFault begins or (with the zero Fault) ends a partition's misbehaviour.
func (s *Server) SetFault(topic string, partition int32, f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.find(topic, [16]byte{}, partition)
	p.Fault, p.fetches = f, 0
}

// Append adds a batch of n records to the end of a partition.
func (s *Server) Append(topic string, partition int32, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.find(topic, [16]byte{}, partition)
	p.batches = append(p.batches, Batch(p.end(), p.Epoch, n, 100, time.Now().UnixMilli()))
}

// End is the high watermark of a partition.
func (s *Server) End(topic string, partition int32) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.find(topic, [16]byte{}, partition).end()
}

// Faulted is how many fetches have met the partition's fault since it was set.
func (s *Server) Faulted(topic string, partition int32) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.find(topic, [16]byte{}, partition).fetches
}

func (p *Partition) end() int64 {
	if len(p.batches) == 0 {
		return p.Start
	}
	return lastOf(p.batches[len(p.batches)-1]) + 1
}

// find returns a partition by topic name or, where that is empty, id; nil if there is none.
func (s *Server) find(topic string, id [16]byte, partition int32) *Partition {
	for _, t := range s.topics {
		if (t.Name == topic || topic == "" && t.ID == id) && int(partition) < len(t.Partitions) && partition >= 0 {
			return t.Partitions[partition]
		}
	}
	return nil
}

func (s *Server) accept(l net.Listener, broker int32) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.conns[c] = struct{}{}
		s.mu.Unlock()
		s.wg.Go(func() {
			defer func() {
				s.mu.Lock()
				delete(s.conns, c)
				s.mu.Unlock()
				c.Close()
			}()
			for s.serveOne(c, broker) == nil {
			}
		})
	}
}

var errHangUp = errors.New("connection ended by script")

// serveOne reads one request and answers it.
func (s *Server) serveOne(c net.Conn, broker int32) error {
	var size [4]byte
	if _, err := io.ReadFull(c, size[:]); err != nil {
		return err
	}
	n := binary.BigEndian.Uint32(size[:])
	if n > 16<<20 {
		return fmt.Errorf("request of %d bytes", n)
	}
	frame := make([]byte, n)
	if _, err := io.ReadFull(c, frame); err != nil {
		return err
	}
	req, corr, err := parseRequest(frame)
	if err != nil {
		return err
	}
	if fetch, ok := req.(*kmsg.FetchRequest); ok {
		return s.answerFetch(c, broker, fetch, corr)
	}
	resp := s.answer(req)
	if resp == nil {
		return errHangUp
	}
	_, err = c.Write(encode(resp, corr))
	return err
}

// parseRequest reads the header (v1 or v2) and the body.
func parseRequest(frame []byte) (kmsg.Request, int32, error) {
	if len(frame) < 10 {
		return nil, 0, io.ErrUnexpectedEOF
	}
	key, version := int16(binary.BigEndian.Uint16(frame)), int16(binary.BigEndian.Uint16(frame[2:]))
	corr := int32(binary.BigEndian.Uint32(frame[4:]))
	body := frame[8:]
	client := int(int16(binary.BigEndian.Uint16(body)))
	body = body[2:]
	if client > len(body) {
		return nil, 0, io.ErrUnexpectedEOF
	}
	body = body[max(client, 0):]
	req := kmsg.RequestForKey(key)
	if req == nil {
		return nil, 0, fmt.Errorf("unknown request key %d", key)
	}
	req.SetVersion(version)
	if req.IsFlexible() {
		if len(body) == 0 || body[0] != 0 {
			return nil, 0, errors.New("tags in a request header")
		}
		body = body[1:]
	}
	return req, corr, req.ReadFrom(body)
}

// encode is the whole frame of a response.
func encode(resp kmsg.Response, corr int32) []byte {
	b := make([]byte, 4, 256)
	b = binary.BigEndian.AppendUint32(b, uint32(corr))
	if resp.IsFlexible() && resp.Key() != 18 {
		b = append(b, 0)
	}
	b = resp.AppendTo(b)
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	return b
}

// Truth is the batches a partition really holds, whatever is told about them.
func (s *Server) Truth(topic string, partition int32) ([][]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.find(topic, [16]byte{}, partition)
	if p == nil {
		return nil, fmt.Errorf("hostile source has no %s/%d", topic, partition)
	}
	return append([][]byte(nil), p.batches...), nil
}
