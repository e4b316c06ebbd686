package shard

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// watcher tells shards when a full socket becomes writable. gnet has no such
// event for its users, so one goroutine of the group waits for an epoll of its
// own, where a connection is armed for one event at a time. It only reports: the
// write happens on the connection's loop.
//
// It waits as Go waits for a socket. In epoll_wait itself it would hold a processor that
// the scheduler's monitor takes away 20 us later, and each such find keeps the monitor
// awake: a fifth of the CPU of one connection that reads as fast as it can.
type watcher struct {
	file *os.File // the epoll
	epfd int      // set once

	mu    sync.Mutex       // crosses goroutines: loops add and remove, the watcher looks up
	conns map[uint64]*Conn // by id: descriptors are used again, ids are not

	stopping atomic.Bool
	done     chan struct{}
}

func newWatcher() (*watcher, error) {
	epfd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make the writable watcher: %w", os.NewSyscallError("epoll_create1", err))
	}
	err = unix.SetNonblock(epfd, true) // has os.NewFile give it to Go's poller
	w := &watcher{file: os.NewFile(uintptr(epfd), "writable sockets"), epfd: epfd, conns: make(map[uint64]*Conn), done: make(chan struct{})}
	var in syscall.RawConn
	if err == nil {
		in, err = w.file.SyscallConn()
	}
	if err == nil {
		err = w.file.SetReadDeadline(time.Time{}) // fails where Go's poller has not taken it
	}
	if err != nil {
		w.file.Close()
		return nil, fmt.Errorf("make the writable watcher: %w", err)
	}
	go w.run(in)
	return w, nil
}

// eventFor keeps a connection's id in the 64 bits the kernel hands back.
func eventFor(id uint64, events uint32) unix.EpollEvent {
	return unix.EpollEvent{Events: events, Fd: int32(uint32(id)), Pad: int32(uint32(id >> 32))}
}

func idOf(ev *unix.EpollEvent) uint64 { return uint64(uint32(ev.Fd)) | uint64(uint32(ev.Pad))<<32 }

// await arms the connection for one event (its loop only).
func (w *watcher) await(c *Conn) error {
	op := unix.EPOLL_CTL_MOD
	if !c.out.watched {
		op = unix.EPOLL_CTL_ADD
		w.mu.Lock()
		w.conns[c.id] = c
		w.mu.Unlock()
	}
	ev := eventFor(c.id, unix.EPOLLOUT|unix.EPOLLONESHOT)
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(w.epfd, op, c.fd, &ev))
}

// forget takes the connection out (its loop only, descriptor still open).
func (w *watcher) forget(c *Conn) {
	_ = unix.EpollCtl(w.epfd, unix.EPOLL_CTL_DEL, c.fd, nil)
	w.mu.Lock()
	delete(w.conns, c.id)
	w.mu.Unlock()
}

func (w *watcher) run(in syscall.RawConn) {
	defer close(w.done)
	events := make([]unix.EpollEvent, 128)
	look := func(fd uintptr) bool {
		for w.look(int(fd), events) { // to the last: Go's poller tells of what comes, not of what is there
		}
		return false // wait on, until the file is closed
	}
	if err := in.Read(look); !w.stopping.Load() {
		panic(fmt.Sprintf("BUG: the writable watcher waits no more: %v", err))
	}
}

// look reports sockets that are writable, and says whether there may be more.
func (w *watcher) look(epfd int, events []unix.EpollEvent) bool {
	n, err := unix.EpollWait(epfd, events, 0)
	if err == unix.EINTR {
		return true
	}
	if err != nil {
		panic(fmt.Sprintf("BUG: the writable watcher's epoll %d failed: %v", epfd, err))
	}
	for i := range events[:n] {
		w.mu.Lock()
		c := w.conns[idOf(&events[i])]
		w.mu.Unlock()
		if c != nil {
			c.shard.deliver(c.writable)
		}
	}
	return n == len(events)
}

// stop ends the goroutine; no loop may use the watcher any more.
func (w *watcher) stop() {
	w.stopping.Store(true)
	w.file.Close()
	<-w.done
}
