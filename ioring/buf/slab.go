package buf

import (
	"bytes"
	"fmt"
	"sync/atomic"
	"unsafe"
)

// poisonByte fills a slab of a poisoning arena between its last Release and
// the Alloc that hands it out again.
const poisonByte = 0xDB

// Slab is one piece of an Arena with a count of references. Alloc gives it
// out with one reference. Retain and Release may be called from any
// goroutine; the last Release sends it home, and its bytes must not be
// touched afterwards.
type Slab struct {
	mem   []byte
	arena *Arena
	ext   *extent // nil for a jumbo slab
	class int8

	refs atomic.Int32
	next *Slab // free list (owner) or home list (last releaser)
}

// Bytes is the whole slab, the full size of its class, 4096-aligned. The
// contents are whatever its last holder left there.
func (s *Slab) Bytes() []byte { return s.mem }

// Extent is the index OnExtent announced for the memory this slab was cut
// from, or -1 for a jumbo slab, which belongs to no extent.
func (s *Slab) Extent() int {
	if s.ext == nil {
		return -1
	}
	return s.ext.index
}

// Retain adds a reference. The caller must hold one already.
func (s *Slab) Retain() {
	if n := s.refs.Add(1); n <= 1 {
		panic(fmt.Sprintf("BUG: retain of a released slab of %d bytes (references %d)", len(s.mem), n))
	}
}

// Release gives up one reference. The last one returns the slab to its arena.
func (s *Slab) Release() {
	n := s.refs.Add(-1)
	if n > 0 {
		return
	}
	if n < 0 {
		panic(fmt.Sprintf("BUG: release of a released slab of %d bytes (references %d)", len(s.mem), n))
	}
	s.arena.comeHome(s)
}

// Refs is the present number of references; for tests and leak reports.
func (s *Slab) Refs() int { return int(s.refs.Load()) }

// Contains reports whether all of b lies inside the slab.
func (s *Slab) Contains(b []byte) bool { return inside(s.mem, b) }

// Span is a run of bytes and the slab that keeps it alive. Slab is nil when
// Bytes is plain Go memory. Who holds a Span owns one reference and must
// Release it once.
type Span struct {
	Bytes []byte
	Slab  *Slab
}

// Retain adds a reference for a second holder of the same bytes.
func (s Span) Retain() {
	if s.Slab != nil {
		s.Slab.Retain()
	}
}

// Release gives up the holder's reference; nothing happens for plain memory.
func (s Span) Release() {
	if s.Slab != nil {
		s.Slab.Release()
	}
}

func inside(mem, b []byte) bool {
	if len(b) == 0 {
		return true
	}
	base := uintptr(unsafe.Pointer(unsafe.SliceData(mem)))
	at := uintptr(unsafe.Pointer(unsafe.SliceData(b)))
	return at >= base && at-base+uintptr(len(b)) <= uintptr(len(mem))
}

// fill sets every byte of b to v.
func fill(b []byte, v byte) {
	b[0] = v
	for n := 1; n < len(b); n *= 2 {
		copy(b[n:], b[:n])
	}
}

// firstNot gives the index of the first byte that is not v, or -1.
func firstNot(b []byte, v byte) int {
	if b[0] == v && bytes.Equal(b[1:], b[:len(b)-1]) {
		return -1
	}
	for i := range b {
		if b[i] != v {
			return i
		}
	}
	return -1
}
