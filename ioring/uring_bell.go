package ioring

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A bell is an eventfd that wakes an owner that sleeps in epoll. It counts, so no
// completion is missed however it races with the owner's last look: what comes
// behind Reap is signalled behind Reap. What was reaped without sleeping has
// signalled, too, and wakes the owner once for nothing; then the count is read.

// openBell has the kernel signal the bell with every completion.
func (u *uring) openBell() error {
	if u.r.cfg.Bell < 0 {
		return nil
	}
	ev := int32(u.r.cfg.Bell)
	if err := sysRegister(u.fd, registerEventfd, unsafe.Pointer(&ev), 1); err != nil {
		return fmt.Errorf("io_uring refused the bell's eventfd: %w", err)
	}
	return u.proveBell()
}

// bellTimeout bounds the proof.
const bellTimeout = time.Second

// proveBell has the kernel do nothing, and signal it: a kernel that does not must be
// found at start, not by a shard that sleeps for ever.
func (u *uring) proveBell() error {
	*u.entry() = sqe{opcode: opNop, userData: tagOther}
	if err := u.flush(); err != nil {
		return err
	}
	p := []unix.PollFd{{Fd: int32(u.r.cfg.Bell), Events: unix.POLLIN}}
	for deadline := time.Now().Add(bellTimeout); time.Now().Before(deadline); {
		n, err := unix.Poll(p, 10)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("poll the bell: %w", err)
		}
		if n == 1 && u.ready() {
			u.reap()
			_, err := unix.Read(u.r.cfg.Bell, make([]byte, 8))
			return err
		}
	}
	return fmt.Errorf("io_uring did not ring the bell within %v", bellTimeout)
}

// checkBell refuses what is not an eventfd: 8 bytes of a count would be written
// into it.
func checkBell(fd int) error {
	if fd < 0 {
		return nil
	}
	what, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
	if _, gone := os.Stat("/proc/self/fd"); gone != nil {
		return nil // nobody can tell
	}
	if err != nil {
		return fmt.Errorf("bell fd %d: %w; pass an open eventfd", fd, err)
	}
	if !strings.Contains(what, "[eventfd]") {
		return fmt.Errorf("bell fd %d is %q; pass an eventfd", fd, what)
	}
	return nil
}

// ringBell signals from user space. A count that is full has its reader awake.
func (r *Ring) ringBell() {
	if r.cfg.Bell < 0 {
		return
	}
	one := uint64(1)
	for {
		_, _, no := unix.RawSyscall(unix.SYS_WRITE, uintptr(r.cfg.Bell), uintptr(unsafe.Pointer(&one)), unsafe.Sizeof(one))
		if no != unix.EINTR {
			return
		}
	}
}
