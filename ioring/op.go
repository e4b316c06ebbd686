package ioring

import (
	"fmt"
	"syscall"
	"unsafe"

	"umbra/ioring/buf"
)

// Kind is what an Op does.
type Kind uint8

// The operations of a ring.
const (
	Write Kind = iota // all of Buf to File at Off
	Read              // File at Off into all of Buf
	Sync              // fdatasync of File
)

func (k Kind) String() string {
	switch k {
	case Write:
		return "write"
	case Read:
		return "read"
	case Sync:
		return "fsync"
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Op is one operation. The caller fills it and pushes it; the ring owns it
// from a successful Push until it calls Done, and the caller must not touch
// it or Buf's bytes in between. It may be used again from Done on.
type Op struct {
	Kind Kind
	File *File
	Off  int64 // bytes; ignored by Sync

	// Buf is borrowed until Done. It must be memory outside the Go heap that
	// stays mapped until then: a slab's, or a mapping of the caller's own.
	Buf []byte
	// Slab is the slab Buf lies in: the ring retains it until the operation
	// is over and may use its registered extent. Nil for other memory.
	Slab *buf.Slab

	// Sync, on a Write, chains an fdatasync behind it: Done is called when
	// both are over, and Err is nil only if both succeeded.
	Sync bool
	// Own, beside Sync: only what this write itself wrote has to be durable at
	// Done, not what was written before. An engine may then do both in one
	// (RWF_DSYNC). A full disk (ENOSPC, EDQUOT) leaves the file sound, but which half
	// met it nobody knows: the caller then takes back all that it wrote since the last
	// byte it knows durable.
	Own bool

	// Cached, on a Write: through the page cache, also when the file is direct. Done
	// then says that the bytes outlive the process, and does not wait for them to be on
	// the disk; what else may hold it up see DESIGN.md. On a file that cannot do both it
	// changes nothing.
	Cached bool

	// N is the number of bytes transferred and Err the outcome, valid in Done.
	// Err is nil only when all of Buf was transferred (and synced if asked).
	N   int
	Err error

	// Done is called once by Reap on the owner's goroutine. It may push.
	Done func(*Op)

	state opState
}

// opState is the ring's own part of an Op between Push and Done.
type opState struct {
	// The ring's.
	next    *Op // in one of File's sync lists, or an engine's queue
	group   *Op // on the leader of a running fsync: the others it covers
	slab    *buf.Slab
	done    int    // bytes transferred so far
	retries int    // turns without progress
	gen     uint32 // write generation of the file, see syncer
	chained bool   // the transfer carries its fsync behind it
	ioErr   error
	syncErr error

	// The engine's.
	fsyncOnly   bool  // no transfer this time, only the fsync
	cut         bool  // the chained fsync never ran, though the transfer may be whole
	joined      bool  // the transfer does the chained fsync itself
	parts       int8  // kernel completions still to come
	slot        int32 // index in the engine's table while parts > 0
	transferN   int
	transferErr syscall.Errno
	fsyncErr    syscall.Errno
}

// fd is the descriptor the transfer goes through.
func (op *Op) fd() int {
	if op.cached() {
		return op.File.cached
	}
	return op.File.fd
}

// cached: Cached has an effect.
func (op *Op) cached() bool { return op.Cached && op.Kind == Write && op.File.cached >= 0 }

func (op *Op) rest() []byte { return op.Buf[op.state.done:] }

func addressOf(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }
