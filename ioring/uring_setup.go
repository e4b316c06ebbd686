package ioring

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// sqEntriesMax bounds a round. A larger one is handed over in parts.
	sqEntriesMax = 512
	// bufferSlots is the size of the table of registered extents. Extents with
	// a higher index work unregistered.
	bufferSlots = 1024
	// kernelWorkers, or four for each processor where that is more, bounds a ring's
	// threads of the kernel, which sit in fsyncs and in writes to the page cache. Left
	// alone it is always the four, and with as many fsyncs under way every such write
	// would wait for a disk.
	kernelWorkers = 64

	featuresNeeded = featSingleMmap | featNoDrop | featExtArg | featCQESkip
)

// ringMemory is the two rings we share with the kernel. Heads, tails and
// flags are only touched through sync/atomic: the kernel is the other thread.
type ringMemory struct {
	fd       int
	ringMap  []byte
	sqeMap   []byte
	entries  uint32
	sqHead   *uint32 // kernel writes
	sqTail   *uint32 // we write
	sqFlags  *uint32 // kernel writes
	cqHead   *uint32 // we write
	cqTail   *uint32 // kernel writes
	sqMask   uint32
	cqMask   uint32
	sqes     []sqe
	cqes     []cqe
	features uint32
}

// ringSizes gives the entries of both rings for depth operations: room for a
// round, and for every completion that can be outstanding, so that the
// completion ring does not overflow (it may still, and that is handled).
func ringSizes(depth int) (sq, cq uint32) {
	return uint32(pow2(min(2*depth+2, sqEntriesMax))), uint32(pow2(2*depth + 16))
}

// openRing sets an io_uring up, or says in the operator's words why not.
func openRing(sq, cq uint32) (*ringMemory, error) {
	p := setupParams{flags: setupCQSize | setupClamp | setupSubmitAll, cqEntries: cq}
	fd, err := sysSetup(sq, &p)
	if errors.Is(err, unix.EINVAL) { // before 5.18
		p = setupParams{flags: setupCQSize | setupClamp, cqEntries: cq}
		fd, err = sysSetup(sq, &p)
	}
	if err != nil {
		return nil, setupError(err)
	}
	m := &ringMemory{fd: fd, entries: p.sqEntries, features: p.features}
	if p.features&featuresNeeded != featuresNeeded {
		m.close()
		return nil, fmt.Errorf("the kernel's io_uring is too old (features %#x, needed %#x)", p.features, featuresNeeded)
	}
	if err := m.probeOps(); err != nil {
		m.close()
		return nil, err
	}
	if err := m.mmap(&p); err != nil {
		m.close()
		return nil, fmt.Errorf("the kernel refused to map the rings: %w", err)
	}
	m.allowWorkers()
	return m, nil
}

// allowWorkers sets the bound; where it is refused, all works as before.
func (m *ringMemory) allowWorkers() {
	most := [2]uint32{uint32(max(kernelWorkers, 4*runtime.NumCPU())), 0} // bounded work, and other: as it was
	_ = sysRegister(m.fd, registerMaxWorkers, unsafe.Pointer(&most), uintptr(len(most)))
}

func setupError(err error) error {
	switch {
	case errors.Is(err, unix.ENOSYS):
		return fmt.Errorf("the kernel has no io_uring: %w", err)
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return fmt.Errorf("io_uring is forbidden here (seccomp or kernel.io_uring_disabled): %w", err)
	case errors.Is(err, unix.ENOMEM):
		return fmt.Errorf("io_uring got no memory (memlock limit): %w", err)
	}
	return fmt.Errorf("io_uring could not be set up: %w", err)
}

// probeOps asks the kernel whether it knows every operation we send.
func (m *ringMemory) probeOps() error {
	p := new(probe)
	if err := sysRegister(m.fd, registerProbe, unsafe.Pointer(p), uintptr(len(p.ops))); err != nil {
		return fmt.Errorf("io_uring could not be probed: %w", err)
	}
	for _, op := range []uint8{opRead, opWrite, opReadFixed, opWriteFixed, opFsync, opCancel} {
		if p.ops[op].flags&probeSupported == 0 {
			return fmt.Errorf("the kernel's io_uring lacks operation %d", op)
		}
	}
	return nil
}

func (m *ringMemory) mmap(p *setupParams) (err error) {
	size := max(int(p.sq.array+p.sqEntries*4), int(p.cq.cqes+p.cqEntries*uint32(unsafe.Sizeof(cqe{}))))
	const prot, flags = unix.PROT_READ | unix.PROT_WRITE, unix.MAP_SHARED | unix.MAP_POPULATE
	if m.ringMap, err = unix.Mmap(m.fd, offSQRing, size, prot, flags); err != nil {
		return err
	}
	if m.sqeMap, err = unix.Mmap(m.fd, offSQEs, int(p.sqEntries)*int(unsafe.Sizeof(sqe{})), prot, flags); err != nil {
		return err
	}
	word := func(off uint32) *uint32 { return (*uint32)(unsafe.Pointer(&m.ringMap[off])) }
	m.sqHead, m.sqTail, m.sqFlags = word(p.sq.head), word(p.sq.tail), word(p.sq.flags)
	m.cqHead, m.cqTail = word(p.cq.head), word(p.cq.tail)
	m.sqMask, m.cqMask = *word(p.sq.ringMask), *word(p.cq.ringMask)
	m.sqes = unsafe.Slice((*sqe)(unsafe.Pointer(&m.sqeMap[0])), p.sqEntries)
	m.cqes = unsafe.Slice((*cqe)(unsafe.Pointer(&m.ringMap[p.cq.cqes])), p.cqEntries)
	// The indirection array is never used otherwise than one to one.
	array := unsafe.Slice(word(p.sq.array), p.sqEntries)
	for i := range array {
		array[i] = uint32(i)
	}
	return nil
}

// close gives rings and descriptor back. The kernel cancels what it still had.
func (m *ringMemory) close() {
	if m.sqeMap != nil {
		_ = unix.Munmap(m.sqeMap)
	}
	if m.ringMap != nil {
		_ = unix.Munmap(m.ringMap)
	}
	_ = unix.Close(m.fd)
}

// pow2 rounds up to a power of two.
func pow2(n int) int {
	p := 1
	for p < n {
		p *= 2
	}
	return p
}
