package plain

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"umbra/kafkaproto"
)

// readBytes is the size of the one buffer everything is read into.
const readBytes = 1 << 20

// A Reader fetches partitions of one topic over one connection, one request at a
// time, and throws the records away. It looks at what it needs to ask on: the
// heads of batches. One goroutine may use it at a time.
type Reader struct {
	conn  *Conn
	limit Limits
	req   kafkaproto.FetchRequest
	at    map[int32]int // index of a partition in the request

	stream kafkaproto.FetchStream
	walk   walker
	buf    []byte
	from   int // buf[from:to] was read and not used
	to     int

	// Total is what came since the Reader was made.
	Total Total
}

// Limits are what a fetch asks for.
type Limits struct {
	PartitionBytes int           // of one partition in an answer; one larger batch still comes whole
	AnswerBytes    int           // of one answer
	Wait           time.Duration // how long the broker may wait for the first byte
}

// Total counts what was fetched.
type Total struct {
	Bytes    int64 `json:"bytes"`    // of whole record batches
	Received int64 `json:"received"` // of everything read from the socket
	Answers  int64 `json:"answers"`
	Chunks   int64 `json:"chunks"` // partitions with records in answers
}

// Add sums two totals.
func (t Total) Add(o Total) Total {
	return Total{t.Bytes + o.Bytes, t.Received + o.Received, t.Answers + o.Answers, t.Chunks + o.Chunks}
}

// NewReader reads from the offsets in starts, over c, which it takes.
func NewReader(c *Conn, topic string, starts map[int32]int64, limit Limits) *Reader {
	r := &Reader{conn: c, limit: limit, buf: make([]byte, readBytes), at: map[int32]int{}}
	r.req = kafkaproto.NewFetchRequest()
	r.req.MaxWaitMillis, r.req.MinBytes, r.req.MaxBytes = int32(limit.Wait.Milliseconds()), 1, int32(limit.AnswerBytes)
	t := kafkaproto.FetchRequestTopic{Topic: topic}
	for p, offset := range starts {
		fp := kafkaproto.NewFetchRequestTopicPartition()
		fp.Partition, fp.FetchOffset, fp.PartitionMaxBytes = p, offset, int32(limit.PartitionBytes)
		r.at[p] = len(t.Partitions)
		t.Partitions = append(t.Partitions, fp)
	}
	r.req.Topics = []kafkaproto.FetchRequestTopic{t}
	return r
}

// Close ends the connection. Any goroutine may call it.
func (r *Reader) Close() error { return r.conn.Close() }

// Fetch sends one request and reads its answer. For every partition that moved it
// calls each with the next offset, when the last byte of its records has been read.
func (r *Reader) Fetch(each func(partition int32, next int64)) error {
	r.rotate()
	if err := r.fetch(each); err != nil {
		return fmt.Errorf("fetch topic %q at %s: %w", r.req.Topics[0].Topic, r.conn.RemoteAddr(), err)
	}
	return nil
}

// rotate moves the first partition to the end, so that none starves where the
// answer's limit is smaller than all of them together.
func (r *Reader) rotate() {
	p := r.req.Topics[0].Partitions
	if len(p) < 2 {
		return
	}
	first := p[0]
	copy(p, p[1:])
	p[len(p)-1] = first
	for i := range p {
		r.at[p[i].Partition] = i
	}
}

func (r *Reader) fetch(each func(int32, int64)) error {
	if err := r.conn.send(kafkaproto.KeyFetch, fetchVersion, &r.req, r.limit.Wait); err != nil {
		return err
	}
	if err := r.head(); err != nil {
		return err
	}
	r.Total.Answers++
	for {
		n, ev, err := r.stream.Step(r.buf[r.from:r.to])
		r.from += n
		switch {
		case err != nil:
			return err
		case ev == kafkaproto.FetchEnd:
			return nil
		case ev == kafkaproto.FetchNeedMore:
			err = r.fill()
		case ev == kafkaproto.FetchHead:
			err = kafkaproto.ErrorCode(r.stream.ErrorCode).Err()
		case ev == kafkaproto.FetchPartition:
			r.walk.reset()
			if err = kafkaproto.ErrorCode(r.stream.Partition.ErrorCode).Err(); err != nil {
				err = fmt.Errorf("partition %d: %w", r.stream.Partition.Partition, err)
			}
		case ev == kafkaproto.FetchRecords:
			err = r.records()
		case ev == kafkaproto.FetchPartitionEnd:
			err = r.moved(each)
		}
		if err != nil {
			return err
		}
	}
}

// head reads the frame's length and the response header, which in this version is
// the correlation id alone.
func (r *Reader) head() error {
	const size = kafkaproto.FramePrefix + 4
	for r.to-r.from < size {
		if err := r.fill(); err != nil {
			return err
		}
	}
	b := r.buf[r.from:]
	if _, _, err := kafkaproto.FrameSize(b[:kafkaproto.FramePrefix], 1<<30); err != nil {
		return err
	}
	if got := int32(binary.BigEndian.Uint32(b[kafkaproto.FramePrefix:])); got != r.conn.correlation {
		return fmt.Errorf("the answer is to request %d, not %d", got, r.conn.correlation)
	}
	r.stream.Reset(fetchVersion, int(binary.BigEndian.Uint32(b))-4)
	r.from += size
	return nil
}

// fill reads once more, behind what is not used yet.
func (r *Reader) fill() error {
	if r.from == r.to {
		r.from, r.to = 0, 0
	} else if r.from > 0 {
		r.to = copy(r.buf, r.buf[r.from:r.to])
		r.from = 0
	}
	if r.to == len(r.buf) {
		return errors.New("an element of the answer is larger than the read buffer")
	}
	n, err := r.conn.Read(r.buf[r.to:])
	r.to += n
	r.Total.Received += int64(n)
	if n > 0 {
		return nil
	}
	return err
}

func (r *Reader) records() error {
	if r.from == r.to {
		return r.fill()
	}
	n := min(r.stream.RecordsLeft(), r.to-r.from)
	r.walk.feed(r.buf[r.from : r.from+n])
	r.from += n
	r.stream.RecordsTaken(n)
	return nil
}

func (r *Reader) moved(each func(int32, int64)) error {
	p := r.stream.Partition.Partition
	i, ok := r.at[p]
	if !ok {
		return fmt.Errorf("the answer has partition %d, which was not asked for", p)
	}
	if r.walk.next < 0 {
		return nil
	}
	r.Total.Chunks++
	r.Total.Bytes += r.walk.bytes
	r.req.Topics[0].Partitions[i].FetchOffset = r.walk.next
	each(p, r.walk.next)
	return nil
}
