package ioring

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// bell wakes an owner that sleeps in epoll: a byte arrives on a socket when a
// completion waits. The kernel does it alone, by a chain of two entries:
//
//	READ  eventfd -> page.fired     waits for the next completion of the ring
//	  | hard link
//	SEND  one byte -> bell socket   don't wait, no completion of its own
//
// The ring signals the eventfd with every completion, so one chain serves a
// whole round however many operations it holds, whichever ends first, and
// whether they succeed, fail or are cancelled. (A SEND linked behind each
// operation was the simpler idea: one more entry and one more byte per
// operation, and a failed write would cancel the bell with the chain.)
//
// Why no completion is missed: the owner may sleep only after Submit and Reap,
// and Reap leaves with the chain set: fired was 0 after the last look at the
// completion ring. So the READ had not run, and every later completion's
// signal reaches it, or one set later. A signal left over from completions
// that were reaped without sleeping rings once for nothing; then the count is
// used up.
//
// page.fired is how the owner learns that the chain went off without paying a
// completion for it.
type bell struct {
	u     *uring
	sock  int // -1: no bell
	event int
	armed bool // a chain was queued and not seen to go off
	alone bool // the chain lost its SEND: the READ takes signals and wakes nobody
	sets  int64
}

// bellTimeout bounds the start-up test and the last ring.
const bellTimeout = time.Second

func (b *bell) open(u *uring, sock int) error {
	b.u, b.sock, b.event = u, -1, -1
	if sock < 0 {
		return nil
	}
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return fmt.Errorf("no eventfd for the bell: %w", err)
	}
	b.event = fd
	err = b.test()
	if err == nil {
		err = b.register()
	}
	if err != nil {
		_ = unix.Close(fd)
		return err
	}
	b.sock = sock
	return nil
}

func (b *bell) register() error {
	ev := int32(b.event)
	if err := sysRegister(b.u.fd, registerEventfd, unsafe.Pointer(&ev), 1); err != nil {
		return fmt.Errorf("io_uring refused the bell's eventfd: %w", err)
	}
	return nil
}

// test rings once on a socketpair of its own: a kernel on which the chain does
// not work must be found at start, not by a shard that sleeps for ever.
func (b *bell) test() error {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("no socketpair for the bell's test: %w", err)
	}
	defer func() {
		b.sock = -1
		_, _ = unix.Close(pair[0]), unix.Close(pair[1])
	}()
	b.sock = pair[0]
	b.set()
	if err := b.u.flush(); err != nil {
		return err
	}
	if err := b.signal(); err != nil {
		return err
	}
	deadline := time.Now().Add(bellTimeout)
	p := []unix.PollFd{{Fd: int32(pair[1]), Events: unix.POLLIN}}
	for time.Now().Before(deadline) {
		n, err := unix.Poll(p, 10)
		if n == 1 && p[0].Revents&unix.POLLIN != 0 && !b.isSet() {
			return nil
		}
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("poll the bell: %w", err)
		}
	}
	return fmt.Errorf("io_uring did not ring the bell within %v", bellTimeout)
}

func (b *bell) signal() error {
	one := [8]byte{1} // any count above 0 does
	if _, err := unix.Write(b.event, one[:]); err != nil && !errors.Is(err, unix.EAGAIN) {
		return fmt.Errorf("signal the bell's eventfd: %w", err)
	}
	return nil
}

// isSet says whether a completion from now on rings, or no bell is wanted: there
// is none, or the owner is inside Close and does not sleep in epoll.
func (b *bell) isSet() bool {
	return b.sock < 0 || b.u.r.closing || b.armed && !b.alone && atomic.LoadUint64(b.u.page.fired()) == 0
}

// set queues the chain unless it is set. When there is no room the kernel
// refuses entries, and flush has rung already.
func (b *bell) set() {
	if b.alone && atomic.LoadUint64(b.u.page.fired()) == 0 {
		b.u.r.ringBell() // come back until the lone READ is out of the way
		return
	}
	b.alone = false
	if b.isSet() || !b.u.room(2) {
		return
	}
	atomic.StoreUint64(b.u.page.fired(), 0)
	b.armed = true
	b.sets++
	*b.u.entry() = sqe{opcode: opRead, flags: sqeHardLink | sqeSkipSuccess, fd: int32(b.event),
		addr: b.u.page.address(pageFired), len: 8, off: ^uint64(0), userData: tagBellWait}
	*b.u.entry() = sqe{opcode: opSend, flags: sqeSkipSuccess, fd: int32(b.sock),
		addr: b.u.page.address(pageLetter), len: 1, opFlags: unix.MSG_DONTWAIT | unix.MSG_NOSIGNAL, userData: tagBellSend}
}

// cutShort hears that the kernel took the READ and not yet the SEND. The SEND
// will ring at once; the READ is signalled away, and until it is gone the owner
// is woken from here.
func (b *bell) cutShort() {
	b.alone = true
	_ = b.signal()
	b.u.r.ringBell()
}

// failed hears of a chain that did not go as planned. A SEND fails when the
// socket is full, so its reader has bytes to wake up for, or gone. A READ that
// fails leaves no chain, so the owner is woken from here to set another.
func (b *bell) failed(c cqe) {
	if c.userData == tagBellWait {
		b.armed, b.alone = false, false
		b.u.r.ringBell()
	}
}

// close lets a chain that is set go off, because its READ writes to the page.
// It says whether the kernel is through with the page.
func (b *bell) close() bool {
	if b.event < 0 {
		return true
	}
	defer func() { _ = unix.Close(b.event) }()
	deadline := time.Now().Add(bellTimeout)
	for b.armed && atomic.LoadUint64(b.u.page.fired()) == 0 {
		if b.signal() != nil || time.Now().After(deadline) {
			return false
		}
		_, _ = b.u.enter(b.u.fd, 0, 0, enterGetEvents, nil)
		if b.u.head != atomic.LoadUint32(b.u.cqTail) {
			b.u.reap()
		}
		time.Sleep(20 * time.Microsecond)
	}
	return true
}
