package replicate

import (
	"encoding/binary"
	"fmt"

	"umbra/kafkaproto"
)

// stage is what the next bytes of a source connection are.
type stage uint8

const (
	quiet   stage = iota // nothing is asked; any byte is unsolicited
	size                 // the four bytes of the frame's length
	header               // correlation id, tags
	body                 // a small answer, decoded whole
	stream               // a fetch answer, decoded as it arrives
	records              // record bytes of one partition
)

const (
	// scratchSize bounds what is held of an answer besides records. The
	// largest single element of a fetch answer is far below it.
	scratchSize = 128 << 10
	// headSize is what is received at once where the head of a large chunk is next: what
	// comes of the records behind it is copied from scratch, so it is to be little. The
	// heads of one partition take some hundred bytes.
	headSize = 4 << 10
	// largeChunk is from which size on one receive more for each chunk costs less than
	// to copy what a whole scratch takes of it.
	largeChunk = 64 << 10
	// bodyMax bounds an answer that is decoded whole.
	bodyMax = 64 << 10
)

// inbound is the receiving half of one connection of a Fetcher: a shard.Protocol that says where
// the next bytes go. Heads are read into scratch; record bytes go from the
// socket straight to the place in the log's slab from which they are written.
//
//	| size | header | throttle, error, session | topic | partition head | RECORDS | tags | ..
//	'---------------- scratch, parsed by FetchStream -----------------' '-slab--' '- scratch
type inbound struct {
	f       *Fetcher
	scratch []byte
	pos     int // scratch[pos:fill] is not parsed yet
	fill    int

	stage   stage
	key     int16
	version int16
	corr    int32
	limit   int // of the frame that is expected, bytes
	left    int // bytes of the frame that are not consumed yet

	stream      kafkaproto.FetchStream
	target      *Replicator // whose records arrive; nil: they are thrown away
	recordsLeft int
	large       bool        // the last partition's records were, so the next one's are likely to be
	current     *Replicator // the partition the answer is speaking about, nil when we do not follow it
}

// abandon drops what is arriving.
func (in *inbound) abandon() {
	if in.target != nil {
		in.target.abandon()
	}
	in.target, in.current, in.recordsLeft = nil, nil, 0
}

// expect says which answer comes next, and how large it may be.
func (in *inbound) expect(key, version int16, corr int32, limit int) {
	in.key, in.version, in.corr, in.limit, in.stage = key, version, corr, limit, size
	in.large = in.large && key == kafkaproto.KeyFetch
}

// Buffers implements shard.Protocol.
func (in *inbound) Buffers() (first, then []byte) {
	if in.scratch == nil {
		in.scratch = make([]byte, scratchSize)
	}
	if in.stage == records && in.target != nil {
		room := in.target.room()
		if len(room) < in.recordsLeft {
			return room, nil // what follows belongs behind it, in memory that is reserved then
		}
		return room, in.heads()
	}
	return in.heads(), nil
}

// heads is where the next heads go, and what comes behind them. Records that nobody takes
// come there, too, and those are thrown away the sooner the more is received at once.
func (in *inbound) heads() []byte {
	b := in.scratch[in.fill:]
	if in.large && (in.stage != records || in.target != nil) {
		b = b[:min(len(b), headSize)]
	}
	return b
}

// Received implements shard.Protocol.
func (in *inbound) Received(n int) error {
	in.f.stats.ReceivedBytes += int64(n)
	if in.stage == records && in.target != nil {
		k := min(n, in.recordsLeft)
		in.arrived(k)
		n -= k
	}
	in.fill += n
	err := in.parse()
	if err == nil {
		err = in.compact()
	}
	if in.stage >= stream && in.f.conn != nil {
		in.f.conn.Expect(in.left)
	}
	in.f.relieve()
	if err != nil {
		return fmt.Errorf("%w: broker %d at %s: %w", ErrProtocol, in.f.broker.ID, in.f.broker.Addr, err)
	}
	return nil
}

// Closed implements shard.Protocol. A connection that came too late for its
// dial is closed by the Fetcher itself and is not the present one.
func (in *inbound) Closed(err error) {
	if in.f.in != in {
		return
	}
	if err == nil {
		err = fmt.Errorf("source broker %d at %s closed the connection", in.f.broker.ID, in.f.broker.Addr)
	}
	in.f.lost(err)
}

// compact moves what is not parsed yet to the front of scratch. It is a few
// hundred bytes at most unless the next element is large.
func (in *inbound) compact() error {
	if in.pos == in.fill {
		in.pos, in.fill = 0, 0
		return nil
	}
	if in.pos > 0 {
		copy(in.scratch, in.scratch[in.pos:in.fill])
		in.fill -= in.pos
		in.pos = 0
	}
	if in.fill == len(in.scratch) {
		return fmt.Errorf("one element of an answer is larger than %d bytes", scratchSize)
	}
	return nil
}

// pending is what can be parsed now: never more than the frame.
func (in *inbound) pending() []byte {
	return in.scratch[in.pos:min(in.fill, in.pos+in.left)]
}

func (in *inbound) consume(n int) {
	in.pos += n
	in.left -= n
}

// parse goes on until more bytes are needed.
func (in *inbound) parse() error {
	for {
		more, err := in.step()
		if err != nil || !more {
			return err
		}
	}
}

// step parses one element; more is false when it is not all here.
func (in *inbound) step() (more bool, err error) {
	switch in.stage {
	case size:
		return in.parseSize()
	case header:
		return in.parseHeader()
	case body:
		return in.parseBody()
	case stream:
		return in.parseStream()
	case records:
		return in.takeRecords(), nil
	}
	if in.fill > in.pos {
		return false, fmt.Errorf("%d bytes that nobody asked for", in.fill-in.pos)
	}
	return false, nil
}

func (in *inbound) parseSize() (bool, error) {
	b := in.scratch[in.pos:in.fill]
	if len(b) < 4 {
		return false, nil
	}
	n := int(int32(binary.BigEndian.Uint32(b)))
	if n < 4 || n > in.limit {
		return false, fmt.Errorf("an answer of %d bytes is announced, 4 to %d were expected", n, in.limit)
	}
	in.pos += 4
	in.left, in.stage = n, header
	in.f.firstAt = in.f.cfg.Now()
	return true, nil
}

// parseHeader needs the correlation id and, from flexible versions on, tags
// that in practice are one zero byte.
func (in *inbound) parseHeader() (bool, error) {
	b := in.pending()
	r := kafkaproto.NewReader(b, false)
	corr := kafkaproto.DecodeResponseHeader(&r, in.key, in.version)
	if r.Err() != nil {
		if len(b) == in.left || len(b) > 1<<10 {
			return false, fmt.Errorf("response header: %w", r.Err())
		}
		return false, nil
	}
	if corr != in.corr {
		return false, fmt.Errorf("request %d is answered, %d was asked", corr, in.corr)
	}
	in.consume(r.Offset())
	if in.key == kafkaproto.KeyFetch {
		in.stage = stream
		in.stream.Reset(in.version, in.left)
	} else {
		in.stage = body
	}
	return true, nil
}

func (in *inbound) parseBody() (bool, error) {
	b := in.pending()
	if len(b) < in.left {
		return false, nil
	}
	in.consume(len(b))
	in.stage = quiet
	return true, in.f.greeted(b)
}

func (in *inbound) parseStream() (bool, error) {
	n, ev, err := in.stream.Step(in.pending())
	if err != nil {
		return false, fmt.Errorf("fetch answer: %w", err)
	}
	in.consume(n)
	switch ev {
	case kafkaproto.FetchNeedMore:
		return false, nil
	case kafkaproto.FetchHead:
		in.f.answerHead(&in.stream)
	case kafkaproto.FetchPartition:
		return true, in.partition()
	case kafkaproto.FetchPartitionEnd:
		in.f.partitionEnd(in.current, &in.stream.Partition)
		in.current = nil
	case kafkaproto.FetchEnd:
		in.stage = quiet
		in.f.answered(&in.stream)
	}
	return true, nil
}

// partition decides where the records that follow go.
func (in *inbound) partition() error {
	h := &in.stream.Partition
	in.recordsLeft = h.RecordsLen
	in.target, in.current = in.f.partitionHead(&in.stream)
	in.large = in.recordsLeft >= largeChunk // behind heads without records come many more
	if in.recordsLeft > 0 {
		in.stage = records
	}
	return nil
}

// takeRecords moves record bytes that came into scratch with the head; the
// rest is received in place.
func (in *inbound) takeRecords() (more bool) {
	n := min(in.recordsLeft, in.fill-in.pos)
	if n == 0 {
		return false
	}
	if in.target != nil {
		n = copy(in.target.room(), in.scratch[in.pos:in.pos+n])
	} else {
		in.f.stats.DiscardedBytes += int64(n)
		in.f.count.DiscardedBytes += int64(n)
	}
	in.pos += n
	in.arrived(n)
	return true
}

// arrived accounts for n record bytes, wherever they were put.
func (in *inbound) arrived(n int) {
	in.left -= n
	in.recordsLeft -= n
	in.stream.RecordsTaken(n)
	in.f.count.FetchedBytes += int64(n)
	if in.target != nil {
		in.target = in.f.recordsArrived(in.target, n, in.recordsLeft == 0)
	}
	if in.recordsLeft == 0 {
		in.target = nil
		in.stage = stream
	}
}
