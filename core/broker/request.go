package broker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"umbra/core/metadata"
	"umbra/ioring/buf"
	"umbra/kafkaproto"
	"umbra/shard"
)

// request is one request of a connection, from its header to the bytes of its
// response. Loop only, except what offLoop runs.
type request struct {
	conn   *conn
	loop   *loop
	broker *Broker

	header kafkaproto.RequestHeader
	body   kafkaproto.Reader // behind the header; borrowed until the handler returns, see keep
	frame  *frame            // owns the body's bytes, nil when they lie in the loop's scratch
	began  time.Time         // when the request was begun, monotonic

	done bool
	held bool // holds back the requests behind it
	last bool // the connection ends here; nothing behind it is answered
	out  []buf.Span
}

// version is the request's API version, which the table has accepted.
func (r *request) version() int16 { return r.header.Version }

// snapshot is the cluster's metadata now. Take it once per request.
func (r *request) snapshot() *metadata.Snapshot { return r.broker.store.Snapshot() }

// decode reads the body. False: it was malformed, the connection closes, the
// handler returns. What is decoded holds no reference to the frame, except the
// records of a ProduceRequest.
func decode(r *request, m kafkaproto.Message) bool {
	m.Decode(&r.body, r.version())
	if err := r.body.Err(); err != nil {
		r.fail(fmt.Errorf("decode: %w", err))
		return false
	}
	return true
}

// reply ends the request with a response.
func (r *request) reply(m kafkaproto.Message) { r.replyAs(m, r.version()) }

// replyAs is reply in another version's layout.
func (r *request) replyAs(m kafkaproto.Message, version int16) {
	if r.done || r.conn.closed {
		r.finish()
		return
	}
	r.replySpans(buf.Span{Bytes: encodeResponse(m, r.header.Key, version, r.header.CorrelationID)})
}

// encodeResponse makes a whole response frame.
func encodeResponse(m kafkaproto.Message, key, version int16, correlationID int32) []byte {
	w := kafkaproto.NewWriter(make([]byte, 0, 128), false)
	start := w.BeginFrame()
	kafkaproto.ResponseHeader(&w, key, version, correlationID)
	m.Encode(&w, version)
	w.EndFrame(start, 0)
	return w.Bytes()
}

// replySpans ends the request with a response frame in pieces, which it takes.
func (r *request) replySpans(spans ...buf.Span) {
	if r.done || r.conn.closed {
		for _, s := range spans {
			s.Release()
		}
		r.finish()
		return
	}
	r.out = append(r.out, spans...)
	r.finish()
}

// noReply ends the request without a response (acks=0).
func (r *request) noReply() { r.finish() }

// fail ends the request by closing its connection behind the responses to those
// before it: the only answer where the protocol has no other. The reason is
// logged, rate-limited.
func (r *request) fail(err error) {
	r.last = true
	r.conn.dropWaiting()
	api, _ := kafkaproto.Lookup(r.header.Key)
	r.conn.closeWith(fmt.Errorf("%s v%d request: %w", api.Name, r.header.Version, err))
	r.finish()
}

func (r *request) finish() {
	if r.done {
		return
	}
	r.done = true
	r.release()
	r.conn.finished(r)
}

// release gives the frame's memory back; nothing may look at the body after it.
func (r *request) release() {
	if r.frame != nil {
		r.frame.release(r.loop)
		r.frame = nil
	}
}

// countError counts an error that the client is told, and logs one that is
// our own failure.
func (r *request) countError(act string, err error) {
	if err == nil {
		return
	}
	c := code(err)
	r.loop.stats.countError(c)
	if c == kafkaproto.UnknownServerError || c == kafkaproto.KafkaStorageError {
		r.loop.logs.say(r.broker.log, r.broker.now(), act+" failed", "error", err)
	}
}

// hold keeps the requests behind this one from being begun until unhold or the
// request's end: what they do must not overtake what this one does.
func (r *request) hold() {
	if !r.done && !r.held {
		r.held = true
		r.conn.held++
	}
}

func (r *request) unhold() {
	if r.held {
		r.held = false
		r.conn.held--
		r.conn.pumpSoon()
	}
}

// offLoop ends the request with the response that work returns. work runs on a
// goroutine of the control pool, where it may block; its context ends when the
// broker stops or after controlTimeout. It must not touch the request, the
// connection or anything else of a loop. Requests of the same connection wait,
// as they do in Kafka.
func (r *request) offLoop(work func(ctx context.Context) kafkaproto.Message) {
	r.hold()
	key, version, correlation := r.header.Key, r.version(), r.header.CorrelationID
	home := r.loop.shard
	taken := r.broker.control.run(func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, controlTimeout)
		defer cancel()
		frame := encodeResponse(work(ctx), key, version, correlation)
		postFrom(home, func() { r.replySpans(buf.Span{Bytes: frame}) })
	})
	if !taken {
		r.fail(errStopping)
	}
}

// controlTimeout bounds one request's work away from the loop.
const controlTimeout = time.Minute

// postFrom hands f to a loop from a goroutine that may wait while the mailbox
// is full. Without a loop to take it f is dropped: its connection is gone.
func postFrom(to *shard.Shard, f func()) {
	for errors.Is(to.Post(f), shard.ErrMailboxFull) {
		time.Sleep(postRetry)
	}
}
