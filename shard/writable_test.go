package shard

import (
	"context"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// TestWatcherTellsOfAll: sockets that become writable together are all told of, however
// many: no other one comes that would have the watcher look again.
func TestWatcherTellsOfAll(t *testing.T) {
	g, err := Start(Config{Shards: 1, Listen: "127.0.0.1:0", ArenaBytes: 64 << 20}, func(*Conn) Protocol { return nil })
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := g.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	w, s := g.watcher, g.Shard(0)
	conns := make([]*Conn, 300)
	for i := range conns {
		fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK) // always writable
		if err != nil {
			t.Fatal(os.NewSyscallError("eventfd", err))
		}
		defer unix.Close(fd)
		c := &Conn{id: 1<<40 + uint64(i), shard: s, fd: fd, out: output{waiting: true, watched: true}}
		ev := eventFor(c.id, unix.EPOLLONESHOT)
		if err := unix.EpollCtl(w.epfd, unix.EPOLL_CTL_ADD, fd, &ev); err != nil {
			t.Fatal(os.NewSyscallError("epoll_ctl", err))
		}
		conns[i] = c
	}
	w.mu.Lock() // the watcher stops at the first
	for _, c := range conns {
		w.conns[c.id] = c
		if err := w.await(c); err != nil {
			t.Error(err)
		}
	}
	w.mu.Unlock()
	eventually(t, "the watcher has told of all", func() bool {
		waiting := 0
		err := s.Call(context.Background(), func() {
			for _, c := range conns {
				if c.out.waiting {
					waiting++
				}
			}
		})
		return err == nil && waiting == 0
	})
	for _, c := range conns {
		w.forget(c)
	}
}
