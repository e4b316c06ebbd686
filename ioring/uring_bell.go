package ioring

import (
	"fmt"
	"os"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A bell is an eventfd that wakes an owner that sleeps in epoll. It counts, so no
// completion is missed however it races with the owner's last look: what comes
// behind Reap is signalled behind Reap. What was reaped without sleeping has
// signalled, too, and wakes the owner once for nothing; then the count is read.

// registerBell has the kernel signal the bell with every completion.
func (u *uring) registerBell() error {
	if u.r.cfg.Bell < 0 {
		return nil
	}
	ev := int32(u.r.cfg.Bell)
	if err := sysRegister(u.fd, registerEventfd, unsafe.Pointer(&ev), 1); err != nil {
		return fmt.Errorf("io_uring refused the bell's eventfd: %w", err)
	}
	return nil
}

// checkBell refuses what is not an eventfd: 8 bytes of a count would be written
// into it.
func checkBell(fd int) error {
	if fd < 0 {
		return nil
	}
	what, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
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
