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
//   - Sleeping. gnet's polling is level-triggered but for the eventfd of its tasks, so
//     another wait on its epoll descriptor (doze.go) takes nothing away but that one edge,
//     which it puts back. A task that is queued already keeps the loop from sleeping. Where
//     the self-test failed, gnet sleeps.

// pausedBudget is what a paused connection may push into gnet's buffer where
// the kernel cannot be told to hold it back.
const pausedBudget = 256 << 10

// poller is what we know of the inside of a gnet loop's poller.
type poller struct {
	epfd   int    // its epoll descriptor
	taskFD int    // the eventfd that says in it, edge-triggered, that there are tasks
	tasks  *int32 // 1 from when the first of them is queued until all have run
}

// pollerOf finds the poller of the loop that owns gc.
func pollerOf(gc gnet.Conn) (poller, error) {
	v := reflect.ValueOf(gc)
	for _, name := range []string{"loop", "poller"} {
		f, err := field(v, name, reflect.Pointer)
		if err != nil {
			return poller{}, err
		}
		v = f
	}
	epfd, err1 := field(v, "fd", reflect.Int)
	taskFD, err2 := field(v, "efd", reflect.Int)
	tasks, err3 := field(v, "wakeupCall", reflect.Int32)
	if err := errors.Join(err1, err2, err3); err != nil {
		return poller{}, err
	}
	return poller{int(epfd.Int()), int(taskFD.Int()), (*int32)(tasks.Addr().UnsafePointer())}, nil
}

// field is the field of that name and kind of what v points to.
func field(v reflect.Value, name string, kind reflect.Kind) (reflect.Value, error) {
	if v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct {
		return reflect.Value{}, fmt.Errorf("look for gnet's poller: no struct around %q", name)
	}
	f := v.Elem().FieldByName(name)
	if !f.IsValid() || f.Kind() != kind {
		return reflect.Value{}, fmt.Errorf("look for gnet's poller: no field %q of kind %s in %s", name, kind, v.Type())
	}
	return f, nil
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
