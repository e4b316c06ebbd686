// Package client calls the admin API over its Unix socket. An error is an
// *api.Problem when the daemon answered with one, an *Unreachable when there
// is no daemon that answers, or wraps the error of the caller's context.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"umbra/admin/api"
)

// answerBytesMax bounds one answer; a list of 100,000 partitions is below it.
const answerBytesMax = 128 << 20

// Client talks to one daemon. Any goroutine may use it.
type Client struct {
	socket string
	http   *http.Client
}

// Unreachable is the error of a daemon that does not answer.
type Unreachable struct {
	Socket string
	Err    error
}

func (e *Unreachable) Error() string {
	return fmt.Sprintf("no answer on admin socket %s: %v", e.Socket, e.Err)
}

func (e *Unreachable) Unwrap() error { return e.Err }

// New makes a client of the socket at address, a path or "unix://" and a path.
// It does not connect yet.
func New(address string) (*Client, error) {
	path, _ := strings.CutPrefix(address, "unix://")
	if path == "" || strings.Contains(path, "://") {
		return nil, fmt.Errorf("admin address %q: want the path of a Unix socket, such as /run/umbra/admin.sock", address)
	}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		d := net.Dialer{Timeout: 5 * time.Second}
		return d.DialContext(ctx, "unix", path)
	}
	return &Client{socket: path, http: &http.Client{Transport: &http.Transport{DialContext: dial, MaxIdleConns: 4}}}, nil
}

// Socket is the path of the daemon's socket.
func (c *Client) Socket() string { return c.socket }

// Close drops the idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// call is one request and where its answer goes.
type call struct {
	method, path string
	query        url.Values
	body         any    // nil: none
	key          string // Idempotency-Key
	into         any    // nil: the answer has no document
}

func (c *Client) do(ctx context.Context, r call) error {
	var body io.Reader
	if r.body != nil {
		b, err := json.Marshal(r.body)
		if err != nil {
			return fmt.Errorf("encode %s %s: %w", r.method, r.path, err)
		}
		body = bytes.NewReader(b)
	}
	address := "http://umbra" + r.path
	if len(r.query) > 0 {
		address += "?" + r.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, r.method, address, body)
	if err != nil {
		return fmt.Errorf("%s %s: %w", r.method, r.path, err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if r.key != "" {
		req.Header.Set("Idempotency-Key", r.key)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return c.failed(ctx, err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, answerBytesMax))
	if err != nil {
		return c.failed(ctx, err)
	}
	if resp.StatusCode/100 != 2 {
		return problem(resp, answer)
	}
	if r.into == nil {
		return nil
	}
	if err := json.Unmarshal(answer, r.into); err != nil {
		return fmt.Errorf("%s %s: the answer cannot be read: %w", r.method, r.path, err)
	}
	return nil
}

// failed says why there is no answer: the caller's own patience, or the
// daemon. It takes the URL, which means nothing here, out of the error.
func (c *Client) failed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("gave up waiting for an answer on admin socket %s: %w", c.socket, ctx.Err())
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return &Unreachable{Socket: c.socket, Err: err}
}

// problem reads a problem+json answer, or makes one of whatever else came.
func problem(resp *http.Response, body []byte) error {
	var p api.Problem
	if err := json.Unmarshal(body, &p); err == nil && p.Code != "" {
		return &p
	}
	text := strings.TrimSpace(string(body[:min(len(body), 200)]))
	out := api.NewProblem(api.CodeInternal, "the daemon answered "+resp.Status, text, "is this the admin socket of umbra?")
	out.Status = resp.StatusCode
	return out
}

// get fetches one document.
func get[T any](ctx context.Context, c *Client, path string, query url.Values) (*T, error) {
	out := new(T)
	if err := c.do(ctx, call{method: http.MethodGet, path: path, query: query, into: out}); err != nil {
		return nil, err
	}
	return out, nil
}

// post sends body and fetches the document that answers it.
func post[T any](ctx context.Context, c *Client, r call) (*T, error) {
	out := new(T)
	r.method, r.into = http.MethodPost, out
	if err := c.do(ctx, r); err != nil {
		return nil, err
	}
	return out, nil
}
