package load

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"umbra/bench/plain"
	"umbra/kafkaproto"
	"umbra/kafkaproto/batch"
)

// produceVersion is of the Produce request: known to every broker, not flexible.
const produceVersion = 7

// posCorrelation is where a request's number stands: behind the frame's length, the
// key and the version.
const posCorrelation = kafkaproto.FramePrefix + 4

// A line is a connection that produces. One goroutine may send and another one
// receive. Its requests are numbered from 0, which is their correlation.
type line struct {
	*plain.Conn
	parts  []int32  // written to in turn
	frames [][]byte // a request for each
	bytes  int      // of the record batch in a request
	sent   int

	in       []byte
	have     int
	received int
	posError int // of the error code in an answer's frame; the offset follows it
}

// openLines connects.
func openLines(ctx context.Context, j Job) ([]*line, error) {
	records, err := Canned(j.Record, j.Batch)
	if err != nil {
		return nil, err
	}
	var out []*line
	for i := range j.Conns {
		c, err := plain.Dial(ctx, j.Addr)
		if err != nil {
			closeAll(out)
			return nil, err
		}
		// length, correlation, topics, name, partitions, partition
		l := &line{Conn: c, parts: j.partitionsOf(i), bytes: len(records), in: make([]byte, 4<<10), posError: kafkaproto.FramePrefix + 4 + 4 + 2 + len(j.Topic) + 4 + 4}
		for _, p := range l.parts {
			l.frames = append(l.frames, produceFrame(j.Topic, p, records))
		}
		out = append(out, l)
	}
	return out, nil
}

func closeAll(lines []*line) {
	for _, l := range lines {
		l.Close()
	}
}

// Canned is the batch that a load sends over and over: so many records of that size.
func Canned(record, records int) ([]byte, error) {
	var b batch.Builder
	now := time.Now().UnixMilli()
	for range records {
		b.Add(batch.Record{Value: make([]byte, record), Timestamp: now})
	}
	out, err := b.Build(nil)
	if err != nil {
		return nil, fmt.Errorf("build the canned batch: %w", err)
	}
	return out, nil
}

func produceFrame(topic string, partition int32, records []byte) []byte {
	req := kafkaproto.ProduceRequest{Acks: -1, TimeoutMillis: 30_000, Topics: []kafkaproto.ProduceRequestTopic{{Topic: topic,
		Partitions: []kafkaproto.ProduceRequestTopicPartition{{Partition: partition, Records: records}}}}}
	client := "umbra-bench"
	w := kafkaproto.NewWriter(nil, false)
	start := w.BeginFrame()
	h := kafkaproto.RequestHeader{Key: kafkaproto.KeyProduce, Version: produceVersion, ClientID: &client}
	h.Encode(&w)
	req.Encode(&w, produceVersion)
	w.EndFrame(start, 0)
	return w.Bytes()
}

// partition is where request n goes.
func (l *line) partition(n int) int32 { return l.parts[n%len(l.parts)] }

// send writes the next request.
func (l *line) send() error {
	f := l.frames[l.sent%len(l.frames)]
	binary.BigEndian.PutUint32(f[posCorrelation:], uint32(l.sent))
	l.sent++
	_, err := l.Write(f)
	return err
}

// receive waits for an answer and hands out all that are there, in order: each
// with its request's number and the offset behind its batch's first record.
func (l *line) receive(each func(n int, base int64)) error {
	for {
		k, err := l.Read(l.in[l.have:])
		l.have += k
		if any, e := l.take(each); any || e != nil {
			return e
		}
		if err != nil {
			return err
		}
	}
}

// take hands out the whole answers that were read.
func (l *line) take(each func(n int, base int64)) (any bool, err error) {
	b := l.in[:l.have]
	for len(b) >= kafkaproto.FramePrefix {
		size := kafkaproto.FramePrefix + int(binary.BigEndian.Uint32(b))
		if size < l.posError+2+8 || size > len(l.in) {
			return any, fmt.Errorf("an answer to Produce has %d bytes", size)
		}
		if len(b) < size {
			break
		}
		if n := int(int32(binary.BigEndian.Uint32(b[kafkaproto.FramePrefix:]))); n != l.received {
			return any, fmt.Errorf("the answer is to request %d, not %d", n, l.received)
		}
		if code := kafkaproto.ErrorCode(binary.BigEndian.Uint16(b[l.posError:])); code != kafkaproto.None {
			return any, fmt.Errorf("produce to partition %d: %w", l.partition(l.received), code)
		}
		each(l.received, int64(binary.BigEndian.Uint64(b[l.posError+2:])))
		l.received++
		b, any = b[size:], true
	}
	l.have = copy(l.in, b)
	return any, nil
}

// errUnanswered is what a broker that stands still comes to.
var errUnanswered = errors.New("the broker does not answer")
