package shard

import (
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// bell wakes a loop. It is an eventfd behind a connection of the loop, see graft;
// whoever has something for the loop signals it: a mailbox on its empty ->
// non-empty edge, the runtime timer, the kernel for the storage ring's completions.
//
// gnet's Execute would be the cheaper wake, but gnet drains its task queue
// until it is empty before it polls again: under a steady stream of edges no
// connection would be read. A signal of an eventfd is one event among others.
type bell struct {
	near *net.UnixConn // is enrolled: gnet closes it and keeps a copy, which the eventfd replaces

	mu     sync.RWMutex // crosses goroutines: keeps ring from writing to a closed, reused fd
	fd     int          // the eventfd
	far    int          // near's other end, until the graft; loop only
	closed bool
}

func newBell() (*bell, error) {
	fd, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make a shard's bell: %w", os.NewSyscallError("eventfd", err))
	}
	near, far, err := socketPair()
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("make a shard's bell: %w", err)
	}
	return &bell{near: near, fd: fd, far: far}, nil
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

// ring wakes the loop (any goroutine). A full count is fine: it is a wake-up
// already.
func (b *bell) ring() {
	b.mu.RLock()
	if !b.closed {
		one := [8]byte{}
		binary.NativeEndian.PutUint64(one[:], 1)
		_, _ = unix.Write(b.fd, one[:])
	}
	b.mu.RUnlock()
}

// enrolled puts the eventfd in the place of the enrolled connection (loop).
func (b *bell) enrolled(epfd, fd int) error {
	if err := graft(epfd, fd, b.fd); err != nil {
		return fmt.Errorf("put the bell's eventfd behind a connection: %w", err)
	}
	unix.Close(b.far)
	b.far = -1
	return nil
}

// close comes last, after the ring that holds the descriptor has closed.
func (b *bell) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return
	}
	b.closed = true
	unix.Close(b.fd)
	b.near.Close()
	if b.far >= 0 {
		unix.Close(b.far)
	}
}
