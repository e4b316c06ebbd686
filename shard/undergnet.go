package shard

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"unsafe"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"
)

// This file is the only one that reaches under gnet. Written against gnet
// v2.10.0; SelfTest (selftest.go) proves at start what is assumed here.
//
//   - Direct reads. gnet reads once per event into its loop buffer and copies
//     what nobody took. Peeking a megabyte through that costs 2 to 7 times what
//     reading the descriptor ourselves does, so we take gnet's head and then
//     readv(2) on Conn.Fd, a public method. Level-triggered polling signals
//     again what we leave.
//   - Pausing. gnet has no pause-read. We change the connection's events on the
//     loop's own epoll descriptor, found by reflection. Where the
//     self-test failed a paused connection's bytes pile up in gnet's inbound buffer and
//     the connection is closed over pausedBudget; Kafka clients reconnect.
//   - Direct writes. gnet's Write copies what the socket does not take and has
//     no writable event. We never use it: gnet's outbound buffer stays empty and
//     gnet never asks for EPOLLOUT, so pause and resume own the event mask.
//   - Grafting. gnet takes sockets only, and for a stream it does no more with the
//     descriptor than read it: an eventfd under a connection's number is read as
//     eight bytes of traffic. A loop starts only when that has worked once.

// pausedBudget is what a paused connection may push into gnet's buffer where
// the kernel cannot be told to hold it back.
const pausedBudget = 256 << 10

// epollFD finds the epoll descriptor of the loop that owns gc.
func epollFD(gc gnet.Conn) (fd int, err error) {
	v := reflect.ValueOf(gc)
	for _, name := range []string{"loop", "poller", "fd"} {
		if v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct {
			return -1, fmt.Errorf("look for gnet's epoll descriptor: no struct around %q in %T", name, gc)
		}
		if v = v.Elem().FieldByName(name); !v.IsValid() {
			return -1, fmt.Errorf("look for gnet's epoll descriptor: no field %q in %T", name, gc)
		}
	}
	if v.Kind() != reflect.Int {
		return -1, fmt.Errorf("look for gnet's epoll descriptor: field is a %s", v.Kind())
	}
	return int(v.Int()), nil
}

// setReading turns a connection's read events on or off. Errors and hang-ups
// are reported by the kernel in either case.
func setReading(epfd, fd int, on bool) error {
	ev := unix.EpollEvent{Fd: int32(fd)}
	if on {
		ev.Events = unix.EPOLLIN | unix.EPOLLPRI
	}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(epfd, unix.EPOLL_CTL_MOD, fd, &ev))
}

// graft puts what eventfd is in the place of the socket under fd, a connection of
// the loop whose epoll descriptor epfd is (loop). The socket is closed.
func graft(epfd, fd, eventfd int) error {
	if err := unix.EpollCtl(epfd, unix.EPOLL_CTL_DEL, fd, nil); err != nil {
		return os.NewSyscallError("epoll_ctl del", err)
	}
	if err := unix.Dup3(eventfd, fd, unix.O_CLOEXEC); err != nil {
		return os.NewSyscallError("dup3", err)
	}
	ev := unix.EpollEvent{Fd: int32(fd), Events: unix.EPOLLIN | unix.EPOLLPRI}
	return os.NewSyscallError("epoll_ctl add", unix.EpollCtl(epfd, unix.EPOLL_CTL_ADD, fd, &ev))
}

// readInto reads from a non-blocking socket into first, then into then.
// 0, nil is the end of the stream; EAGAIN means nothing there.
func readInto(fd int, first, then []byte) (int, error) {
	var iov [2]unix.Iovec
	n := 0
	for _, b := range [2][]byte{first, then} {
		if len(b) > 0 {
			iov[n].Base = unsafe.SliceData(b)
			iov[n].SetLen(len(b))
			n++
		}
	}
	return vectored(unix.SYS_READV, fd, iov[:n])
}

// writeFrom writes the vector to a non-blocking socket.
func writeFrom(fd int, iov []unix.Iovec) (int, error) {
	return vectored(unix.SYS_WRITEV, fd, iov)
}

// vectored makes the call raw. The sockets do not block, but a call that copies
// a large piece takes longer than the 20 us after which the scheduler takes the
// processor from a goroutine in a system call, only to give it back at once: the
// link spent a fifth of its CPU on that.
func vectored(call uintptr, fd int, iov []unix.Iovec) (int, error) {
	for {
		n, _, no := unix.RawSyscall(call, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(iov))), uintptr(len(iov)))
		switch no {
		case 0:
			return int(n), nil
		case unix.EINTR:
		default:
			return 0, no
		}
	}
}

// setReceiveLowWater asks the kernel to wake us only for n bytes or more.
func setReceiveLowWater(fd, n int) error {
	return os.NewSyscallError("setsockopt SO_RCVLOWAT", unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVLOWAT, n))
}

func isAgain(err error) bool { return errors.Is(err, unix.EAGAIN) }
