package ioring

import (
	"syscall"
	"time"
)

// engine moves operations into the kernel and brings their outcome back. All
// methods run on the ring's owner goroutine. Outcomes are left in
// op.state and told to the Ring by report, from reap only; writes in line (inline.go)
// pass it by.
//
// Two engines: uring and pwriter.
type engine interface {
	// transfer queues the rest of op's read or write; with op.state.chained
	// an fdatasync that runs only when the transfer was whole.
	transfer(op *Op)
	// fsync queues an fdatasync of op's file.
	fsync(op *Op)
	// submit hands everything queued to the kernel or the workers; the bell rings
	// when it ends.
	submit() error
	// reap reports everything that ended since the last call. It says whether
	// something was queued meanwhile.
	reap() (again bool)
	// ready says whether reap would find something.
	ready() bool
	// wait blocks until something can be reaped or d has passed.
	wait(d time.Duration)
	// cancel asks for everything queued or running to end early.
	cancel()
	register(mem []byte, index int) error
	unregister(index int) error
	// close gives everything back. Nothing is in flight.
	close() error
	stats(*Stats)
}

// errnoOf turns a kernel result into an Errno; 0 when it is not an error.
func errnoOf(res int32) syscall.Errno {
	if res < 0 {
		return syscall.Errno(-res)
	}
	return 0
}
