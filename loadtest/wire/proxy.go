// Package wire is a TCP proxy that breaks connections on purpose: it resets them
// in the middle of a frame, refuses them, slows them down, and stands still, in both
// directions or one, as a dead network does.
package wire

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// A Proxy forwards connections from one address to another. Its methods may be
// called from any goroutine.
type Proxy struct {
	target string
	l      net.Listener
	wg     sync.WaitGroup

	mu     sync.Mutex
	thaw   *sync.Cond
	pairs  map[*pair]struct{}
	faults faults
	closed bool
	budget int64 // bytes from the target until the next reset; below 0: no limit
	resets int
}

// pair is one forwarded connection.
type pair struct{ client, server *net.TCPConn }

// Listen starts a proxy on address front that forwards to target, which need not be up.
func Listen(front, target string) (*Proxy, error) {
	l, err := net.Listen("tcp4", front)
	if err != nil {
		return nil, fmt.Errorf("start proxy to %s: %w", target, err)
	}
	p := &Proxy{target: target, l: l, pairs: map[*pair]struct{}{}, budget: -1}
	p.thaw = sync.NewCond(&p.mu)
	p.wg.Go(p.accept)
	return p, nil
}

// Addr is where clients connect.
func (p *Proxy) Addr() string { return p.l.Addr().String() }

// ResetAfter resets the connection that carries the n-th byte from the target from now
// on, both ways, wherever in a frame that is.
func (p *Proxy) ResetAfter(n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.budget = n
}

// Resets is how many connections were reset.
func (p *Proxy) Resets() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.resets
}

// Freeze stops (or lets go on) all forwarding; connections stay open and new ones
// are accepted, as behind a network that drops every packet.
func (p *Proxy) Freeze(stop bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults.frozen = stop
	p.thaw.Broadcast()
}

// Close ends all connections and waits for the copying to stop.
func (p *Proxy) Close() {
	p.l.Close()
	p.mu.Lock()
	p.closed = true
	for pr := range p.pairs {
		pr.close()
	}
	p.thaw.Broadcast()
	p.mu.Unlock()
	p.wg.Wait()
}

func (p *Proxy) accept() {
	for {
		c, err := p.l.Accept()
		if err != nil {
			return
		}
		p.wg.Go(func() { p.forward(c.(*net.TCPConn)) })
	}
}

func (p *Proxy) forward(client *net.TCPConn) {
	if !p.awaitThaw(false) {
		client.Close()
		return
	}
	if p.refused(client) {
		return
	}
	s, err := net.DialTimeout("tcp4", p.target, 5*time.Second)
	if err != nil {
		client.SetLinger(0)
		client.Close()
		return
	}
	pr := &pair{client: client, server: s.(*net.TCPConn)}
	p.mu.Lock()
	if p.closed || p.faults.refuse {
		p.mu.Unlock()
		pr.reset()
		return
	}
	p.pairs[pr] = struct{}{}
	p.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() { p.copy(pr, pr.server, pr.client, false) })
	both.Go(func() { p.copy(pr, pr.client, pr.server, true) })
	both.Wait()
	p.mu.Lock()
	delete(p.pairs, pr)
	p.mu.Unlock()
}

// copy moves bytes one way until either side ends; counted bytes come from the target.
func (p *Proxy) copy(pr *pair, dst, src *net.TCPConn, counted bool) {
	buf := make([]byte, 32<<10)
	for {
		n, err := src.Read(buf)
		if n > 0 && !p.awaitThaw(counted) {
			return
		}
		reset := false
		if counted {
			p.pace(n)
			n, reset = p.spend(n)
		}
		if n > 0 {
			if _, werr := dst.Write(buf[:n]); werr != nil {
				err = werr
			}
		}
		switch {
		case reset:
			pr.reset()
			return
		case errors.Is(err, io.EOF):
			dst.CloseWrite()
			return
		case err != nil:
			pr.close()
			return
		}
	}
}

// spend takes n bytes off the budget and says how many may pass before the reset.
func (p *Proxy) spend(n int) (pass int, reset bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.budget < 0 {
		return n, false
	}
	if int64(n) <= p.budget {
		p.budget -= int64(n)
		return n, false
	}
	pass, p.budget = int(p.budget), -1
	p.resets++
	return pass, true
}

// awaitThaw waits while nothing may pass; false means the proxy was closed.
func (p *Proxy) awaitThaw(fromTarget bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for (p.faults.frozen || fromTarget && p.faults.mute) && !p.closed {
		p.thaw.Wait()
	}
	return !p.closed
}

func (pr *pair) close() {
	pr.client.Close()
	pr.server.Close()
}

// reset sends RST to both sides.
func (pr *pair) reset() {
	pr.client.SetLinger(0)
	pr.server.SetLinger(0)
	pr.close()
}
