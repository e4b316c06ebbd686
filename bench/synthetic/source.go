// Package synthetic is a source cluster that costs as little as a source can:
// one canned chunk of record batches in hot memory, sent over and over with the
// right offsets. It measures the reader, not the source. It speaks enough of
// the Kafka protocol for a link: ApiVersions, Metadata, ListOffsets,
// OffsetForLeaderEpoch, DescribeConfigs and Fetch with sessions.
package synthetic

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"

	"umbra/kafkaproto"
	"umbra/kafkaproto/batch"
	"umbra/kafkaproto/compress"
)

// Config shapes the source's data.
type Config struct {
	Topic      string
	Topics     int            // how many of them, see Names; 0 is 1
	Partitions int            // of each topic
	RecordSize int            // bytes of a record's value
	BatchSize  int            // most bytes of one record batch before compression; one record always fits
	Codec      compress.Codec // of the batches
	ChunkBytes int            // most bytes of one partition in an answer
	// Records is how many records each partition holds; with Grow it is where
	// the partition begins. Bytes is the same in bytes of record batches, and is
	// added to it.
	Records int64
	Bytes   int64
	// Advertise is the address that Metadata names, where clients come through a
	// proxy; empty: the source's own.
	Advertise string
	// Producer, when set, is in every batch. With Transactional its
	// transaction is open from the first batch on and never ends.
	Producer      *batch.Producer
	Transactional bool
	LeaderEpoch   int32
}

// Source is a running synthetic source.
type Source struct {
	cfg Config
	catalog
	batch []byte         // one batch at offset 0
	count int64          // records in it
	plain int            // bytes of it before compression
	high  []atomic.Int64 // by slot

	listener net.Listener
	wg       sync.WaitGroup
	mu       sync.Mutex // guards what follows: connections come, and wait for growth
	conns    map[net.Conn]struct{}
	closed   bool
	grown    chan struct{}
	sent     atomic.Int64
}

// Start listens on a free port of the loopback interface.
func Start(cfg Config) (*Source, error) {
	s := &Source{cfg: cfg, catalog: newCatalog(cfg), conns: map[net.Conn]struct{}{}, grown: make(chan struct{})}
	if err := s.can(); err != nil {
		return nil, err
	}
	s.high = make([]atomic.Int64, s.slots())
	for i := range s.high {
		s.high[i].Store((cfg.Records/s.count + cfg.Bytes/int64(len(s.batch))) * s.count)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s.listener = l
	s.wg.Go(s.accept)
	return s, nil
}

// can builds the batch that is sent.
func (s *Source) can() error {
	b := batch.Builder{LeaderEpoch: s.cfg.LeaderEpoch, Codec: s.cfg.Codec, Producer: s.cfg.Producer, Transactional: s.cfg.Transactional}
	Fill(&b, s.cfg.RecordSize, s.cfg.BatchSize)
	out, err := b.Build(nil)
	if err != nil {
		return fmt.Errorf("build the canned batch: %w", err)
	}
	s.batch, s.count, s.plain = out, int64(batch.View(out).Count()), b.Len()
	return nil
}

// Addr is the bootstrap address.
func (s *Source) Addr() string { return s.listener.Addr().String() }

// TopicID is the id of the first topic.
func (s *Source) TopicID() kafkaproto.TopicID { return s.ids[0] }

// BatchBytes and BatchRecords are the size of one canned batch; PlainBytes is what
// it would be without compression.
func (s *Source) BatchBytes() int     { return len(s.batch) }
func (s *Source) BatchRecords() int64 { return s.count }
func (s *Source) PlainBytes() int     { return s.plain }

// TotalBytes is what all partitions hold.
func (s *Source) TotalBytes() int64 {
	var n int64
	for i := range s.high {
		n += s.high[i].Load() / s.count * int64(len(s.batch))
	}
	return n
}

// SentBytes counts record bytes handed to sockets.
func (s *Source) SentBytes() int64 { return s.sent.Load() }

// Grow appends one batch to a partition and wakes who waits for it. It returns
// the new high watermark. The partitions of several topics are counted through:
// those of the first topic, then those of the second.
func (s *Source) Grow(slot int) int64 {
	high := s.high[slot].Add(s.count)
	s.mu.Lock()
	close(s.grown)
	s.grown = make(chan struct{})
	s.mu.Unlock()
	return high
}

// Close ends every connection and waits for their goroutines.
func (s *Source) Close() {
	s.listener.Close()
	s.mu.Lock()
	s.closed = true
	for c := range s.conns {
		c.Close()
	}
	s.mu.Unlock()
	s.wg.Wait()
}

func (s *Source) accept() {
	for {
		c, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		if s.closed { // it came while Close went through the others
			s.mu.Unlock()
			c.Close()
			return
		}
		s.conns[c] = struct{}{}
		s.mu.Unlock()
		s.wg.Go(func() {
			s.serve(c)
			c.Close()
			s.mu.Lock()
			delete(s.conns, c)
			s.mu.Unlock()
		})
	}
}

// serve answers one connection's requests in order.
func (s *Source) serve(c net.Conn) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	r := bufio.NewReaderSize(c, 64<<10)
	session := s.newSession()
	var frame []byte
	for {
		var prefix [4]byte
		if _, err := io.ReadFull(r, prefix[:]); err != nil {
			return
		}
		n := int(binary.BigEndian.Uint32(prefix[:]))
		if n > 8<<20 {
			return
		}
		if cap(frame) < n {
			frame = make([]byte, n)
		}
		frame = frame[:n]
		if _, err := io.ReadFull(r, frame); err != nil {
			return
		}
		if err := s.answer(ctx, c, session, frame); err != nil {
			return
		}
	}
}

var errUnknownAPI = errors.New("request not served by a synthetic source")

func (s *Source) answer(ctx context.Context, c net.Conn, ses *session, frame []byte) error {
	rd := kafkaproto.NewReader(frame, false)
	var h kafkaproto.RequestHeader
	h.Decode(&rd)
	if h.Key == kafkaproto.KeyFetch {
		return s.fetch(ctx, c, ses, h, &rd)
	}
	req := kafkaproto.NewRequest(h.Key)
	if req == nil {
		return errUnknownAPI
	}
	req.Decode(&rd, h.Version)
	resp := s.control(req)
	if resp == nil || rd.Err() != nil {
		return errUnknownAPI
	}
	w := kafkaproto.NewWriter(nil, false)
	start := w.BeginFrame()
	kafkaproto.ResponseHeader(&w, h.Key, h.Version, h.CorrelationID)
	resp.Encode(&w, h.Version)
	w.EndFrame(start, 0)
	_, err := c.Write(w.Bytes())
	return err
}
