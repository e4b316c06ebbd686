package wan

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// fastest is the line that the bytes in flight are reckoned for, in bytes a second:
// 2 Gbit/s. A faster one is filled only in part.
const fastest = 250e6

// acceptRetry is the wait after a connection that could not be accepted.
const acceptRetry = 10 * time.Millisecond

// Config is a way.
type Config struct {
	RTT  time.Duration // half of it is added in each direction
	Rate float64       // bits a second in each direction, of all connections together; 0: no limit
}

// flightBytes is how many bytes one connection may have under way in one direction.
func (c Config) flightBytes() int {
	const least = 8 << 20
	return max(least, int(2*fastest*c.RTT.Seconds()))
}

// Proxy is a running way. Its methods may be called from any goroutine.
type Proxy struct {
	cfg      Config
	listener net.Listener
	there    *line // from who connects to the target
	back     *line
	begin    time.Time
	slabs    sync.Pool
	stopped  chan struct{}
	wg       sync.WaitGroup

	mu     sync.Mutex // guards what follows: connections come and go
	target string
	pairs  map[*pair]struct{}
	closed bool
}

// Listen begins to accept on addr; empty is a free port of the loopback interface.
// Connections that come before Forward has named a target are closed.
func Listen(addr string, cfg Config) (*Proxy, error) {
	if cfg.RTT < 0 || cfg.Rate < 0 {
		return nil, fmt.Errorf("start a way with round trip %v and rate %v bit/s: want 0 or more", cfg.RTT, cfg.Rate)
	}
	l, err := net.Listen("tcp", cmp.Or(addr, "127.0.0.1:0"))
	if err != nil {
		return nil, fmt.Errorf("start a way: %w", err)
	}
	p := &Proxy{cfg: cfg, listener: l, there: newLine(cfg.RTT/2, cfg.Rate), back: newLine(cfg.RTT-cfg.RTT/2, cfg.Rate),
		begin: time.Now(), stopped: make(chan struct{}), pairs: map[*pair]struct{}{}}
	p.slabs.New = func() any { b := make([]byte, readBytes); return &b }
	p.wg.Go(p.accept)
	return p, nil
}

// Addr is where clients connect.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Forward names where new connections go.
func (p *Proxy) Forward(target string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = target
}

// Close ends every connection, with what is under way, and waits.
func (p *Proxy) Close() {
	p.listener.Close()
	p.mu.Lock()
	if !p.closed {
		p.closed = true
		close(p.stopped)
	}
	for pr := range p.pairs {
		pr.end()
	}
	p.mu.Unlock()
	p.wg.Wait()
}

func (p *Proxy) now() time.Duration { return time.Since(p.begin) }

func (p *Proxy) accept() {
	for {
		c, err := p.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			p.wg.Go(func() { p.connect(c.(*net.TCPConn)) })
		} else if !p.await(p.now() + acceptRetry) { // no descriptors, and they come back
			return
		}
	}
}

// connect forwards one connection until both directions are over.
func (p *Proxy) connect(client *net.TCPConn) {
	p.mu.Lock()
	target := p.target
	p.mu.Unlock()
	server, err := net.DialTimeout("tcp", target, 10*time.Second)
	if err != nil {
		client.Close() // as a refused connection looks from afar
		return
	}
	pr := &pair{client: client, server: server.(*net.TCPConn), there: newFlight(p.cfg.flightBytes()), back: newFlight(p.cfg.flightBytes())}
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		pr.end()
		return
	}
	p.pairs[pr] = struct{}{}
	p.mu.Unlock()
	var both sync.WaitGroup
	for _, way := range []struct {
		from, to *net.TCPConn
		line     *line
		flight   *flight
	}{{pr.client, pr.server, p.there, pr.there}, {pr.server, pr.client, p.back, pr.back}} {
		both.Go(func() { p.receive(pr, way.from, way.line, way.flight) })
		both.Go(func() { p.deliver(pr, way.to, way.flight) })
	}
	both.Wait()
	pr.end()
	p.mu.Lock()
	delete(p.pairs, pr)
	p.mu.Unlock()
}

// pair is one forwarded connection.
type pair struct {
	client, server *net.TCPConn
	there, back    *flight
}

// end closes both sides and forgets what is under way.
func (pr *pair) end() {
	pr.client.Close()
	pr.server.Close()
	pr.there.end()
	pr.back.end()
}
