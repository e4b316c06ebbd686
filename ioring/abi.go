package ioring

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The part of the kernel's io_uring interface (linux/io_uring.h) we use.

const (
	opNop        = 0
	opReadFixed  = 4
	opWriteFixed = 5
	opFsync      = 3
	opCancel     = 14
	opRead       = 22
	opWrite      = 23

	sqeLink  = 1 << 2 // the next entry runs when this one fully succeeded
	sqeAsync = 1 << 4 // to a worker thread at once, without trying it first

	fsyncDataSync = 1
	writeDataSync = unix.RWF_DSYNC

	cancelAny = 1 << 2
	cancelAll = 1 << 0

	setupCQSize    = 1 << 3
	setupClamp     = 1 << 4
	setupSubmitAll = 1 << 7

	featSingleMmap = 1 << 0
	featNoDrop     = 1 << 1
	featExtArg     = 1 << 8
	featCQESkip    = 1 << 11 // not used; it tells 5.17, the oldest kernel that is meant

	enterGetEvents = 1 << 0
	enterExtArg    = 1 << 3

	sqCQOverflow = 1 << 1 // in the submission ring's flags: completions wait in the kernel

	registerEventfd       = 4
	registerProbe         = 8
	registerBuffers2      = 15
	registerBuffersUpdate = 16
	registerMaxWorkers    = 19
	rsrcSparse            = 1 << 0

	offSQRing = 0
	offSQEs   = 0x10000000
)

// sqe is one submission entry, 64 bytes.
type sqe struct {
	opcode   uint8
	flags    uint8
	ioprio   uint16
	fd       int32
	off      uint64
	addr     uint64
	len      uint32
	opFlags  uint32
	userData uint64
	bufIndex uint16
	_        uint16
	_        int32
	_        [2]uint64
}

// cqe is one completion, 16 bytes.
type cqe struct {
	userData uint64
	res      int32
	flags    uint32
}

type sqOffsets struct {
	head, tail, ringMask, ringEntries, flags, dropped, array, _ uint32
	_                                                           uint64
}

type cqOffsets struct {
	head, tail, ringMask, ringEntries, overflow, cqes, flags, _ uint32
	_                                                           uint64
}

type setupParams struct {
	sqEntries, cqEntries, flags, sqThreadCPU, sqThreadIdle, features, wqFd uint32
	_                                                                      [3]uint32
	sq                                                                     sqOffsets
	cq                                                                     cqOffsets
}

type probeOp struct {
	op, _ uint8
	flags uint16
	_     uint32
}

type probe struct {
	lastOp, opsLen uint8
	_              uint16
	_              [3]uint32
	ops            [256]probeOp
}

const probeSupported = 1

type rsrcRegister struct {
	nr, flags  uint32
	_          uint64
	data, tags uint64
}

type rsrcUpdate struct {
	offset, _  uint32
	data, tags uint64
	nr, _      uint32
}

type enterArg struct {
	sigmask, _ uint64 // the second word is sigmask_sz and padding
	ts         uint64
}

func sysSetup(entries uint32, p *setupParams) (int, error) {
	fd, _, no := unix.Syscall(unix.SYS_IO_URING_SETUP, uintptr(entries), uintptr(unsafe.Pointer(p)), 0)
	if no != 0 {
		return -1, no
	}
	return int(fd), nil
}

func sysRegister(fd int, op uintptr, arg unsafe.Pointer, n uintptr) error {
	if _, _, no := unix.Syscall6(unix.SYS_IO_URING_REGISTER, uintptr(fd), op, uintptr(arg), n, 0, 0); no != 0 {
		return no
	}
	return nil
}

type enterFunc func(fd int, n, wait uint32, flags uintptr, arg *enterArg) (int, syscall.Errno)

// sysEnter submits n entries and, with a timeout, waits for one completion.
// Submitting does not block, so it is a raw call: it takes longer than the 20 us
// after which the Go scheduler gives the processor away, and back at once.
func sysEnter(fd int, n, wait uint32, flags uintptr, arg *enterArg) (int, syscall.Errno) {
	size := uintptr(0)
	if arg != nil {
		size = unsafe.Sizeof(*arg)
	}
	call := unix.RawSyscall6
	if wait > 0 {
		call = unix.Syscall6
	}
	got, _, no := call(unix.SYS_IO_URING_ENTER, uintptr(fd), uintptr(n), uintptr(wait), flags,
		uintptr(unsafe.Pointer(arg)), size)
	return int(got), no
}
