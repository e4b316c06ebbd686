package source

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"umbra/kafkaproto"
)

// frameMax bounds one answer of a source to a control request. Metadata of
// 100,000 partitions is about 10 MB.
const frameMax = 128 << 20

// Dialer opens a connection to a source broker, ready for Kafka requests. It
// is where transport security belongs.
type Dialer func(ctx context.Context, addr string) (net.Conn, error)

// PlainDialer dials TCP.
func PlainDialer(timeout time.Duration) Dialer {
	d := net.Dialer{Timeout: timeout, KeepAlive: 10 * time.Second}
	return func(ctx context.Context, addr string) (net.Conn, error) { return d.DialContext(ctx, "tcp", addr) }
}

// ErrUnsupported says that the source does not serve an API in a version that
// umbra speaks.
var ErrUnsupported = errors.New("not served by the source")

// conn is one connection with the versions its broker offered.
type conn struct {
	net.Conn
	addr     string
	clientID string
	timeout  time.Duration
	versions map[int16]kafkaproto.ApiVersionsResponseApiKey
	corr     int32
	buf      []byte
}

// open dials a broker and asks for its versions. v0 of ApiVersions is the one
// every broker answers.
func open(ctx context.Context, dial Dialer, addr, clientID string, timeout time.Duration) (*conn, error) {
	nc, err := dial(ctx, addr)
	if err != nil {
		return nil, fmt.Errorf("connect to source broker %s: %w", addr, err)
	}
	c := &conn{Conn: nc, addr: addr, clientID: clientID, timeout: timeout, versions: map[int16]kafkaproto.ApiVersionsResponseApiKey{}}
	var resp kafkaproto.ApiVersionsResponse
	if err := c.roundTrip(ctx, kafkaproto.KeyApiVersions, 0, &kafkaproto.ApiVersionsRequest{}, &resp); err != nil {
		nc.Close()
		return nil, err
	}
	if code := kafkaproto.ErrorCode(resp.ErrorCode); code != kafkaproto.None {
		nc.Close()
		return nil, fmt.Errorf("ApiVersions of source broker %s: %w", addr, code)
	}
	for _, k := range resp.ApiKeys {
		c.versions[k.ApiKey] = k
	}
	return c, nil
}

// version picks the highest version both sides speak, not above limit.
func (c *conn) version(key, limit int16) (int16, error) {
	api, ok := kafkaproto.Lookup(key)
	if !ok {
		panic(fmt.Sprintf("BUG: no codec for api key %d", key))
	}
	theirs, ok := c.versions[key]
	v := min(api.Max, theirs.MaxVersion, limit)
	if !ok || v < max(api.Min, theirs.MinVersion) {
		return 0, fmt.Errorf("%s %d to %d: %w (source broker %s)", api.Name, api.Min, min(api.Max, limit), ErrUnsupported, c.addr)
	}
	return v, nil
}

// callUpTo sends one request in the best version, not above limit, and decodes
// the answer.
func (c *conn) callUpTo(ctx context.Context, key, limit int16, req, resp kafkaproto.Message) (int16, error) {
	v, err := c.version(key, limit)
	if err != nil {
		return 0, err
	}
	return v, c.roundTrip(ctx, key, v, req, resp)
}

func (c *conn) roundTrip(ctx context.Context, key, version int16, req, resp kafkaproto.Message) error {
	deadline := time.Now().Add(c.timeout)
	if d, ok := ctx.Deadline(); ok && d.Before(deadline) {
		deadline = d
	}
	c.SetDeadline(deadline)
	stop := context.AfterFunc(ctx, func() { c.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	c.corr++
	if err := c.write(key, version, req); err != nil {
		return c.failed(ctx, key, err)
	}
	body, err := c.read()
	if err != nil {
		return c.failed(ctx, key, err)
	}
	r := kafkaproto.NewReader(body, false)
	if corr := kafkaproto.DecodeResponseHeader(&r, key, version); corr != c.corr {
		return c.failed(ctx, key, fmt.Errorf("request %d is answered, %d was asked", corr, c.corr))
	}
	resp.Decode(&r, version)
	if err := r.Err(); err != nil {
		return c.failed(ctx, key, err)
	}
	return nil
}

func (c *conn) failed(ctx context.Context, key int16, err error) error {
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	api, _ := kafkaproto.Lookup(key)
	return fmt.Errorf("%s from source broker %s: %w", api.Name, c.addr, err)
}

func (c *conn) write(key, version int16, req kafkaproto.Message) error {
	w := kafkaproto.NewWriter(c.buf[:0], false)
	start := w.BeginFrame()
	h := kafkaproto.RequestHeader{Key: key, Version: version, CorrelationID: c.corr, ClientID: &c.clientID}
	h.Encode(&w)
	req.Encode(&w, version)
	w.EndFrame(start, 0)
	c.buf = w.Bytes()
	_, err := c.Write(c.buf)
	return err
}

func (c *conn) read() ([]byte, error) {
	var prefix [kafkaproto.FramePrefix]byte
	if _, err := io.ReadFull(c, prefix[:]); err != nil {
		return nil, err
	}
	if _, _, err := kafkaproto.FrameSize(prefix[:], frameMax); err != nil {
		return nil, err
	}
	return readBody(c, int(binary.BigEndian.Uint32(prefix[:])))
}

// readBody grows with what really arrives: a length is a claim, not memory.
func readBody(r io.Reader, n int) ([]byte, error) {
	body := make([]byte, 0, min(n, 1<<20))
	for len(body) < n {
		if len(body) == cap(body) {
			body = append(body, 0)[:len(body)]
		}
		k, err := io.ReadFull(r, body[len(body):min(cap(body), n)])
		body = body[:len(body)+k]
		if err != nil {
			return nil, err
		}
	}
	return body, nil
}
