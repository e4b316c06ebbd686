package ioring

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// page is one mapped page that holds every argument the kernel reads or writes
// behind our back or through a second pointer, so that none is Go memory.
type page struct{ mem []byte }

const (
	pageTime   = 0
	pageEnter  = 64
	pageVector = 128
)

func newPage() (*page, error) {
	mem, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return nil, err
	}
	return &page{mem: mem}, nil
}

func (p *page) free() { _ = unix.Munmap(p.mem) }

func (p *page) address(at int) uint64 { return uint64(uintptr(unsafe.Pointer(&p.mem[at]))) }

// timeout fills the extended argument of io_uring_enter.
func (p *page) timeout(d time.Duration) *enterArg {
	ts := (*unix.Timespec)(unsafe.Pointer(&p.mem[pageTime]))
	*ts = unix.NsecToTimespec(int64(d))
	arg := (*enterArg)(unsafe.Pointer(&p.mem[pageEnter]))
	*arg = enterArg{ts: p.address(pageTime)}
	return arg
}

// vector fills an iovec that names mem.
func (p *page) vector(mem []byte) uint64 {
	v := (*unix.Iovec)(unsafe.Pointer(&p.mem[pageVector]))
	*v = unix.Iovec{}
	if len(mem) > 0 {
		v.Base = &mem[0]
		v.SetLen(len(mem))
	}
	return p.address(pageVector)
}
