package wire

import (
	"net"
	"time"
)

// faults are what a network does to connections besides ending one of them.
type faults struct {
	frozen  bool  // nothing passes
	mute    bool  // nothing from the target passes
	refuse  bool  // no connection is forwarded
	perSec  int64 // bytes per second from the target; 0: no limit
	readyAt time.Time
}

// Cut ends every connection with RST and refuses new ones until Cut(false), as a
// firewall that rejects does.
func (p *Proxy) Cut(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults.refuse = on
	if on {
		for pr := range p.pairs {
			pr.reset()
		}
	}
}

// Mute holds back (or lets go on) what comes from the target; requests still pass. The
// client sees a connection on which nothing is answered.
func (p *Proxy) Mute(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults.mute = on
	p.thaw.Broadcast()
}

// Throttle limits what comes from the target, over all connections; 0 ends it.
func (p *Proxy) Throttle(bytesPerSecond int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults.perSec, p.faults.readyAt = bytesPerSecond, time.Time{}
	p.thaw.Broadcast()
}

// refused ends a new connection that may not be forwarded.
func (p *Proxy) refused(client *net.TCPConn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.faults.refuse {
		client.SetLinger(0)
		client.Close()
	}
	return p.faults.refuse
}

// pace waits for the turn of n bytes from the target. The lock is not held meanwhile.
func (p *Proxy) pace(n int) {
	p.mu.Lock()
	if p.faults.perSec <= 0 || p.closed {
		p.mu.Unlock()
		return
	}
	now := time.Now()
	if p.faults.readyAt.Before(now) {
		p.faults.readyAt = now
	}
	p.faults.readyAt = p.faults.readyAt.Add(time.Duration(int64(n) * int64(time.Second) / p.faults.perSec))
	wait := p.faults.readyAt.Sub(now)
	p.mu.Unlock()
	time.Sleep(wait)
}
