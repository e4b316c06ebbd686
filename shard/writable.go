package shard

import (
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// watcher tells shards when a full socket becomes writable. gnet has no such
// event for its users, so one goroutine of the group waits in an epoll of its
// own, where a connection is armed for one event at a time. It only reports: the
// write happens on the connection's loop.
type watcher struct {
	epfd, wakefd int // set once

	mu    sync.Mutex       // crosses goroutines: loops add and remove, the watcher looks up
	conns map[uint64]*Conn // by id: descriptors are used again, ids are not

	done chan struct{}
}

// wakeID is no connection's id: ids begin at 1.
const wakeID = 0

func newWatcher() (*watcher, error) {
	epfd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make the writable watcher: %w", os.NewSyscallError("epoll_create1", err))
	}
	wakefd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		unix.Close(epfd)
		return nil, fmt.Errorf("make the writable watcher: %w", os.NewSyscallError("eventfd", err))
	}
	w := &watcher{epfd: epfd, wakefd: wakefd, conns: make(map[uint64]*Conn), done: make(chan struct{})}
	ev := eventFor(wakeID, unix.EPOLLIN)
	if err := unix.EpollCtl(epfd, unix.EPOLL_CTL_ADD, wakefd, &ev); err != nil {
		unix.Close(epfd)
		unix.Close(wakefd)
		return nil, fmt.Errorf("make the writable watcher: %w", os.NewSyscallError("epoll_ctl", err))
	}
	go w.run()
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

func (w *watcher) run() {
	defer close(w.done)
	events := make([]unix.EpollEvent, 128)
	for {
		n, err := unix.EpollWait(w.epfd, events, -1)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			panic(fmt.Sprintf("BUG: the writable watcher's epoll %d failed: %v", w.epfd, err))
		}
		for i := range events[:n] {
			id := idOf(&events[i])
			if id == wakeID {
				return
			}
			w.mu.Lock()
			c := w.conns[id]
			w.mu.Unlock()
			if c != nil {
				c.shard.deliver(c.writable)
			}
		}
	}
}

// stop ends the goroutine; no loop may use the watcher any more.
func (w *watcher) stop() {
	one := [8]byte{0: 1}
	_, _ = unix.Write(w.wakefd, one[:])
	<-w.done
	unix.Close(w.epfd)
	unix.Close(w.wakefd)
}
