package shard

import (
	"errors"
	"net"
	"net/netip"
	"sync"

	"golang.org/x/sys/unix"
)

var (
	errTooManyConns      = errors.New("too many client connections")
	errTooManyConnsPerIP = errors.New("too many client connections from this address")
)

// limits counts client connections, of the group and per address. The lock
// crosses loops; it is taken when a connection opens and when it ends.
type limits struct {
	total, perIP int // set once

	mu   sync.Mutex
	open int
	ips  map[netip.Addr]int
}

func (l *limits) enter(remote net.Addr) error {
	ip := ipOf(remote)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open >= l.total {
		return errTooManyConns
	}
	if l.ips[ip] >= l.perIP {
		return errTooManyConnsPerIP
	}
	l.open++
	l.ips[ip]++
	return nil
}

func (l *limits) leave(remote net.Addr) {
	ip := ipOf(remote)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open--
	if l.ips[ip]--; l.ips[ip] == 0 {
		delete(l.ips, ip)
	}
}

func (l *limits) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.open
}

// ipOf makes an IPv4 address the same however the socket shows it.
func ipOf(a net.Addr) netip.Addr {
	if t, ok := a.(*net.TCPAddr); ok {
		ip, _ := netip.AddrFromSlice(t.IP)
		return ip.Unmap()
	}
	return netip.Addr{}
}

// fdLimit is the descriptor number from which on new connections are refused.
// The kernel gives out the lowest free number, so a number tells how many are
// in use.
func fdLimit() int {
	var lim unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &lim); err != nil || lim.Cur > 1<<30 {
		return 1 << 30
	}
	return max(int(lim.Cur)-fdReserve, fdReserve)
}
