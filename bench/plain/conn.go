package plain

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"time"

	"umbra/kafkaproto"
)

// clientID is what every request of a bench says it comes from.
const clientID = "umbra-bench"

// answerBytesMax bounds an answer that is read in one piece.
const answerBytesMax = 64 << 20

// patience bounds the wait for an answer beyond what the request allows the broker.
const patience = 30 * time.Second

// A Conn is one connection to a broker. One goroutine may use it at a time; Close
// may come from any, and ends a call that waits.
type Conn struct {
	net.Conn
	correlation int32
	out         []byte
}

// Dial connects.
func Dial(ctx context.Context, addr string) (*Conn, error) {
	d := net.Dialer{Timeout: 10 * time.Second}
	c, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("connect to broker %s: %w", addr, err)
	}
	return &Conn{Conn: c}, nil
}

// Call sends a request and decodes the answer into resp, which then may hold views
// of a buffer of its own.
func (c *Conn) Call(key, version int16, req, resp kafkaproto.Message) error {
	if err := c.call(key, version, req, resp); err != nil {
		api, _ := kafkaproto.Lookup(key)
		return fmt.Errorf("%s v%d at %s: %w", api.Name, version, c.RemoteAddr(), err)
	}
	return nil
}

func (c *Conn) call(key, version int16, req, resp kafkaproto.Message) error {
	if err := c.send(key, version, req, 0); err != nil {
		return err
	}
	var prefix [kafkaproto.FramePrefix]byte
	if _, err := io.ReadFull(c, prefix[:]); err != nil {
		return err
	}
	if _, _, err := kafkaproto.FrameSize(prefix[:], answerBytesMax); err != nil {
		return err
	}
	frame := make([]byte, binary.BigEndian.Uint32(prefix[:]))
	if _, err := io.ReadFull(c, frame); err != nil {
		return err
	}
	r := kafkaproto.NewReader(frame, false)
	if got := kafkaproto.DecodeResponseHeader(&r, key, version); got != c.correlation {
		return fmt.Errorf("the answer is to request %d, not %d", got, c.correlation)
	}
	resp.Decode(&r, version)
	return r.Err()
}

// send writes a request whose answer may take wait and some patience.
func (c *Conn) send(key, version int16, req kafkaproto.Message, wait time.Duration) error {
	c.correlation++
	name := clientID
	w := kafkaproto.NewWriter(c.out[:0], false)
	start := w.BeginFrame()
	h := kafkaproto.RequestHeader{Key: key, Version: version, CorrelationID: c.correlation, ClientID: &name}
	h.Encode(&w)
	req.Encode(&w, version)
	w.EndFrame(start, 0)
	c.out = w.Bytes()
	if err := c.SetDeadline(time.Now().Add(wait + patience)); err != nil {
		return err
	}
	_, err := c.Write(c.out)
	return err
}
