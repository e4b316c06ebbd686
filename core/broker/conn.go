package broker

import (
	"errors"
	"fmt"
	"io"
	"time"

	"umbra/kafkaproto"
	"umbra/shard"
)

const (
	// waitingBytesMax: a connection with as many bytes of whole requests
	// waiting for their turn is not read.
	waitingBytesMax = 1 << 20
	// queuedBytesMax: while more of a connection's responses are queued for
	// the socket, no further request of it is begun.
	queuedBytesMax = 1 << 20
)

// conn is one client connection. Loop only.
//
//	bytes -> frame (reader.go) -> begin -> handler -> ... -> finished -> order -> socket
//	               \-> waiting -/                    (any order)      (in order)
//
// A request begins at once unless the connection is blocked: an earlier one
// holds it, too many are unanswered, the client does not read its responses, or
// it has a fetch under way and this is another one.
type conn struct {
	broker *Broker
	loop   *loop
	sc     *shard.Conn

	// Receiving: the prefix of the next frame, or the frame under way.
	prefix   [kafkaproto.FramePrefix]byte
	prefixN  int
	header   kafkaproto.RequestHeader // the last one, for its client id
	frame    *frame
	left     []byte // bytes that could not be taken yet, at most scratchBytes; reading is paused
	starving bool   // for want of memory

	// Requests.
	waiting      queue[*frame] // whole, not begun
	waitingBytes int
	order        queue[*request] // begun, response not written
	held         int             // requests that hold back those behind them
	fetching     *fetch          // the one fetch under way
	draining     bool            // queuedBytesMax was passed
	queued       int64           // what was queued then
	pumping      bool
	pumpDue      bool

	// The end.
	broken  error // why nothing more is read; what came before it is still answered
	endDue  bool  // the end stands in order
	lingers *shard.Timer
	closed  bool // what is still under way ends unheard
}

func newConn(b *Broker, l *loop, sc *shard.Conn) *conn {
	l.stats.ConnsOpen++
	return &conn{broker: b, loop: l, sc: sc}
}

// blocked says whether the next request, of the given key, must wait.
func (c *conn) blocked(key int16) bool {
	return c.held > 0 || c.draining || c.order.len() >= c.broker.cfg.RequestsMax ||
		key == kafkaproto.KeyFetch && c.fetching != nil
}

// begin starts a request. b is the frame without its prefix; f owns it, or is
// nil and b is borrowed until begin returns. An error closes the connection.
func (c *conn) begin(b []byte, f *frame) error {
	r := &request{conn: c, loop: c.loop, broker: c.broker, frame: f, body: kafkaproto.NewReader(b, false), began: time.Now()}
	c.header.Decode(&r.body)
	r.header = c.header
	if err := r.body.Err(); err != nil {
		r.release()
		return fmt.Errorf("decode request header: %w", err)
	}
	key, version := r.header.Key, r.header.Version
	handle := handlerFor(key)
	api, _ := kafkaproto.Lookup(key)
	switch {
	case key == kafkaproto.KeyApiVersions && !api.Supports(version):
		handle = answerUnknownApiVersions
	case handle == nil:
		r.release()
		return fmt.Errorf("request of unknown API key %d version %d", key, version)
	case !api.Supports(version):
		r.release()
		return fmt.Errorf("%s request has version %d; %d to %d are served", api.Name, version, api.Min, api.Max)
	}
	if key >= 0 && key < keysMax {
		c.loop.stats.Requests[key]++
	}
	c.loop.stats.BytesIn += uint64(len(b) + kafkaproto.FramePrefix)
	c.order.push(r)
	handle(r)
	return nil
}

// finished takes a request that has ended, and writes what is next in order.
func (c *conn) finished(r *request) {
	c.loop.stats.observe(time.Since(r.began))
	if r.held {
		r.held = false
		c.held--
	}
	if c.closed {
		return
	}
	c.answer()
	c.pumpSoon()
}

// answer writes the responses that are next in order.
func (c *conn) answer() {
	for !c.closed && c.order.len() > 0 && c.order.front().done {
		r := c.order.pop()
		if r.last {
			c.end()
			return
		}
		c.write(r)
	}
}

func (c *conn) write(r *request) {
	for _, s := range r.out {
		c.loop.stats.BytesOut += uint64(len(s.Bytes))
	}
	c.sc.Write(r.out...)
	r.out = nil
	if !c.draining && c.sc.QueuedBytes() > queuedBytesMax {
		c.draining, c.queued = true, int64(c.sc.QueuedBytes())
		c.loop.queued += c.queued
		c.sc.OnDrained(func() {
			c.drained()
			c.pump()
		})
	}
}

func (c *conn) drained() {
	c.draining = false
	c.loop.queued -= c.queued
	c.queued = 0
}

// pumpSoon goes on with waiting requests, from pump itself when that runs.
func (c *conn) pumpSoon() {
	if c.pumping {
		return
	}
	if !c.pumpDue && (c.waiting.len() > 0 || c.sc.Paused()) {
		c.pumpDue = true
		c.loop.shard.AtTurnEnd(func() {
			c.pumpDue = false
			c.pump()
		})
	}
}

// pump begins waiting requests while nothing blocks, and then reads on.
func (c *conn) pump() {
	if c.pumping || c.closed {
		return
	}
	c.pumping = true
	defer func() { c.pumping = false }()
	for !c.closed && c.waiting.len() > 0 && !c.blocked(apiKeyOf(c.waiting.front().mem)) {
		f := c.waiting.pop()
		c.waitingBytes -= f.size
		if err := c.begin(f.mem, f); err != nil {
			c.dropWaiting()
			c.closeWith(err)
			return
		}
	}
	c.endInOrder()
	c.readOn()
}

// apiKeyOf peeks at a whole request's API key.
func apiKeyOf(b []byte) int16 {
	if len(b) < 2 {
		return -1
	}
	return int16(b[0])<<8 | int16(b[1])
}

// closeWith ends the connection for a reason that is the client's doing, or
// that the protocol gives no other way to tell. Nothing more is read. What waits
// and what is under way came before it and is answered first, as in Kafka, which
// looks at one request at a time; Config.Linger bounds that.
func (c *conn) closeWith(err error) {
	if c.closed || c.broken != nil {
		return
	}
	c.loop.stats.ClosedProtocol++
	c.loop.logs.say(c.broker.log, c.broker.now(), "client connection closed", "client", c.sc.RemoteAddr().String(), "reason", err)
	c.broken = err
	c.sc.Pause()
	c.dropInput()
	c.lingers = c.loop.shard.After(c.broker.cfg.Linger, func() {
		c.sc.Close(err)
		c.shut()
	})
	c.endInOrder()
}

// endInOrder puts the end of a broken connection behind all that is still to be
// answered, once that is begun.
func (c *conn) endInOrder() {
	if c.broken == nil || c.closed || c.endDue || c.waiting.len() > 0 {
		return
	}
	c.endDue = true
	c.order.push(&request{done: true, last: true})
	c.answer()
}

// end closes a broken connection when the client has taken what was written.
// Its queue counts as queued until then.
func (c *conn) end() {
	err := c.broken
	if c.sc.QueuedBytes() > 0 {
		c.sc.OnDrained(func() { c.sc.Close(err) })
	} else {
		c.sc.Close(err)
	}
	c.shut()
}

// Closed is the shard's word that the connection is gone.
func (c *conn) Closed(err error) {
	if err != nil && !errors.Is(err, io.EOF) {
		c.broker.log.Debug("client connection ended", "client", c.sc.RemoteAddr().String(), "reason", err)
	}
	c.shut()
	c.drained()
	c.lingers.Stop()
	c.loop.stats.ConnsOpen--
}

// shut lets go of everything; requests under way find closed and end unheard.
func (c *conn) shut() {
	if c.closed {
		return
	}
	c.closed = true
	c.dropInput()
	c.dropWaiting()
	if c.fetching != nil {
		c.fetching.cancel()
	}
	for c.order.len() > 0 {
		r := c.order.pop()
		for _, s := range r.out {
			s.Release()
		}
		r.out = nil
	}
}

// dropInput lets go of what has arrived in part.
func (c *conn) dropInput() {
	if c.frame != nil {
		c.frame.release(c.loop)
		c.frame = nil
	}
	c.left = nil
}

// dropWaiting lets go of requests that came and will not be begun.
func (c *conn) dropWaiting() {
	for c.waiting.len() > 0 {
		f := c.waiting.pop()
		c.waitingBytes -= f.size
		f.release(c.loop)
	}
}
