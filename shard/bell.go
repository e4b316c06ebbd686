package shard

import (
	"fmt"
	"net"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// bell wakes a loop. It is a socketpair: one end is a connection of the loop,
// the other takes a byte from whoever has something for the loop: a mailbox on
// its empty -> non-empty edge, the runtime timer, the storage ring's
// completions (the kernel sends that byte itself).
//
// gnet's Execute would be the cheaper wake, but gnet drains its task queue
// until it is empty before it polls again: under a steady stream of edges no
// connection would be read. A byte on a socket is one event among others.
type bell struct {
	near *net.UnixConn // the loop's end, until it is enrolled

	mu     sync.RWMutex // crosses goroutines: keeps ring from writing to a closed, reused fd
	fd     int          // the ringers' end
	closed bool
}

func newBell() (*bell, error) {
	near, fd, err := socketPair()
	if err != nil {
		return nil, fmt.Errorf("make a shard's bell: %w", err)
	}
	return &bell{near: near, fd: fd}, nil
}

// socketPair makes a Unix stream pair: one end to enrol, one as a plain
// non-blocking descriptor.
func socketPair() (near *net.UnixConn, far int, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, -1, os.NewSyscallError("socketpair", err)
	}
	f := os.NewFile(uintptr(fds[0]), "bell")
	c, err := net.FileConn(f) // dups
	f.Close()
	if err != nil {
		unix.Close(fds[1])
		return nil, -1, err
	}
	return c.(*net.UnixConn), fds[1], nil
}

// ring wakes the loop (any goroutine). A full socket is fine: unread bytes are
// a wake-up already.
func (b *bell) ring() {
	b.mu.RLock()
	if !b.closed {
		one := [1]byte{}
		_, _ = unix.Write(b.fd, one[:])
	}
	b.mu.RUnlock()
}

// close comes last, after the ring that holds the descriptor has closed.
func (b *bell) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.closed {
		b.closed = true
		unix.Close(b.fd)
		b.near.Close()
	}
}
