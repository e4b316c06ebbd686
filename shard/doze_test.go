package shard

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"
)

// newDozer is a dozer on an epoll descriptor of its own, with an eventfd for tasks and
// some for connections, all silent.
func newDozer(t *testing.T, conns int) (d *dozer, taskFD int, connFDs []int) {
	t.Helper()
	epfd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		t.Fatal(os.NewSyscallError("epoll_create1", err))
	}
	t.Cleanup(func() { unix.Close(epfd) })
	add := func(events uint32) int {
		fd, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
		if err != nil {
			t.Fatal(os.NewSyscallError("eventfd", err))
		}
		t.Cleanup(func() { unix.Close(fd) })
		if err := unix.EpollCtl(epfd, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Fd: int32(fd), Events: unix.EPOLLIN | events}); err != nil {
			t.Fatal(os.NewSyscallError("epoll_ctl", err))
		}
		return fd
	}
	taskFD = add(unix.EPOLLET)
	for range conns {
		connFDs = append(connFDs, add(0))
	}
	return &dozer{on: true, poller: poller{epfd: epfd, taskFD: taskFD, tasks: new(int32)}}, taskFD, connFDs
}

func signal(t *testing.T, fd int) {
	t.Helper()
	if _, err := unix.Write(fd, []byte{7: 1}); err != nil {
		t.Fatal(os.NewSyscallError("write", err))
	}
}

// sleepThrough sleeps on while signals disturb it: the runtime sends them when it likes.
func sleepThrough(d *dozer, most time.Duration) slept {
	for {
		if got := d.sleep(most); got != disturbed {
			return got
		}
	}
}

// TestSleepTakesNoEventAway: gnet's own look comes after the dozer's and has to see the
// same, the edge of its tasks included.
func TestSleepTakesNoEventAway(t *testing.T) {
	d, taskFD, conns := newDozer(t, 3)
	if got := sleepThrough(d, time.Millisecond); got != rested || d.coming != 0 {
		t.Errorf("nothing happened: %d, %d events", got, d.coming)
	}
	for _, fd := range append(conns[:2:2], taskFD) {
		signal(t, fd)
	}
	if got := sleepThrough(d, time.Second); got != awake || d.coming != 2 {
		t.Errorf("two connections and a task: %d, %d events for connections", got, d.coming)
	}
	seen := map[int]bool{}
	events := make([]unix.EpollEvent, 8)
	n, err := unix.EpollWait(d.poller.epfd, events, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, ev := range events[:n] {
		seen[int(ev.Fd)] = true
	}
	if !seen[taskFD] || !seen[conns[0]] || !seen[conns[1]] || seen[conns[2]] {
		t.Errorf("gnet sees %v; the task is %d, the connections are %v", seen, taskFD, conns)
	}
}

// TestNoSleepBeforeATask: once gnet's look has taken the edge, the tasks run after its
// callbacks, and a callback that slept would keep them waiting.
func TestNoSleepBeforeATask(t *testing.T) {
	d, _, _ := newDozer(t, 0)
	*d.poller.tasks = 1
	if got := sleepThrough(d, time.Second); got != awake {
		t.Errorf("the sleep ended as %d", got)
	}
}

// TestDozingLoopRunsTasks: tasks of gnet (it dials and stops by them) come through to a
// loop that dozes, however they meet its events.
func TestDozingLoopRunsTasks(t *testing.T) {
	g, err := Start(Config{Shards: 1, Listen: "127.0.0.1:0", ArenaBytes: 64 << 20, Doze: true}, func(*Conn) Protocol { return nil })
	if err != nil {
		t.Fatal(err)
	}
	s := g.Shard(0)
	for i := range 500 {
		for range i % 3 { // it has just slept, or is about to, or does neither
			if err := s.Post(func() {}); err != nil {
				t.Fatal(err)
			}
		}
		ran := make(chan struct{})
		task := gnet.RunnableFunc(func(context.Context) error { close(ran); return nil })
		if err := s.loop.Execute(context.Background(), task); err != nil {
			t.Fatal(err)
		}
		receive(t, "a task for a loop that dozes", ran)
	}
	if err := g.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
}
