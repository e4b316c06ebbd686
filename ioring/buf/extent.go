package buf

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// extent is one mapping cut into slabs of one class.
type extent struct {
	mem   []byte
	slabs []Slab
	index int
	class int
	used  int // slabs out or on their way home; owner only
}

// grow maps one more extent of class c and puts its slabs on the free list.
func (a *Arena) grow(c int) error {
	count, ok := a.growCount(c)
	if !ok {
		return a.budgetError(a.classes[c].bytes)
	}
	size := a.extentBytes(c, count)
	mem, err := mapMemory(size)
	if err != nil {
		return fmt.Errorf("map extent of %d bytes for slabs of %d: %w", size, a.classes[c].bytes, err)
	}
	e := &extent{mem: mem, class: c, index: a.freeIndex()}
	a.extents[e.index] = e
	a.mapped.Add(int64(size))
	a.extentsNow.Add(1)
	if a.cfg.OnExtent != nil {
		a.cfg.OnExtent(mem, e.index)
	}
	a.cut(e)
	return nil
}

// growCount chooses how many slabs the next extent of class c holds: as many
// as the class has, within its bounds, and fewer when the budget says so. Empty
// extents of other classes are given up before the class goes below its first
// size.
func (a *Arena) growCount(c int) (int, bool) {
	k := a.classes[c]
	want := min(max(k.first, int(a.total[c].Load())), k.most)
	for n := want; n >= k.first; n /= 2 {
		if a.room(int64(a.extentBytes(c, n))) {
			return n, true
		}
	}
	for n := k.first; n >= 1; n /= 2 {
		if a.fits(int64(a.extentBytes(c, n)), c) {
			return n, true
		}
	}
	return 0, false
}

func (a *Arena) room(size int64) bool { return a.mapped.Load()+size <= a.cfg.Budget }

// fits makes room for size bytes, unmapping empty extents of other classes
// than keep when that helps.
func (a *Arena) fits(size int64, keep int) bool {
	if a.room(size) {
		return true
	}
	var spare int64
	for _, e := range a.extents {
		if e != nil && e.used == 0 && e.class != keep {
			spare += int64(len(e.mem))
		}
	}
	if !a.room(size - spare) {
		return false
	}
	for _, e := range a.extents {
		if a.room(size) {
			break
		}
		if e != nil && e.used == 0 && e.class != keep {
			a.unmapExtent(e)
		}
	}
	return true
}

func (a *Arena) cut(e *extent) {
	size := a.classes[e.class].bytes
	e.slabs = make([]Slab, len(e.mem)/size)
	for i := len(e.slabs) - 1; i >= 0; i-- {
		s := &e.slabs[i]
		s.mem = e.mem[i*size : (i+1)*size : (i+1)*size]
		s.arena, s.ext, s.class = a, e, int8(e.class)
		if a.cfg.Poison {
			fill(s.mem, poisonByte)
		}
		s.next = a.free[e.class]
		a.free[e.class] = s
	}
	a.total[e.class].Add(int64(len(e.slabs)))
}

// unmapExtent takes an extent without slabs in use out of the arena.
func (a *Arena) unmapExtent(e *extent) {
	var keep *Slab
	for s := a.free[e.class]; s != nil; {
		next := s.next
		if s.ext != e {
			s.next, keep = keep, s
		}
		s = next
	}
	a.free[e.class] = keep
	if a.cfg.OnTrim != nil {
		a.cfg.OnTrim(e.index)
	}
	a.extents[e.index] = nil
	a.total[e.class].Add(-int64(len(e.slabs)))
	a.mapped.Add(-int64(len(e.mem)))
	a.extentsNow.Add(-1)
	mustUnmap(e.mem)
	e.mem, e.slabs = nil, nil
}

// freeIndex gives the lowest index not in use, so that indexes stay inside a
// ring's table of registered buffers.
func (a *Arena) freeIndex() int {
	for i, e := range a.extents {
		if e == nil {
			return i
		}
	}
	a.extents = append(a.extents, nil)
	return len(a.extents) - 1
}

func (a *Arena) budgetError(n int) error {
	return fmt.Errorf("allocate slab of %d bytes: %w: %d of %d bytes are mapped", n, ErrBudget, a.mapped.Load(), a.cfg.Budget)
}

// mapMemory maps size bytes of zeroed memory. From 2 MiB on the address is
// aligned to a huge page and the kernel is asked to use huge pages.
func mapMemory(size int) ([]byte, error) {
	slack := 0
	if size >= hugeBytes {
		slack = hugeBytes - pageBytes
	}
	p, err := unix.MmapPtr(-1, 0, nil, uintptr(size+slack), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return nil, err
	}
	if slack == 0 {
		return unsafe.Slice((*byte)(p), size), nil
	}
	head := roundUp(int(uintptr(p)), hugeBytes) - int(uintptr(p))
	mem := unsafe.Slice((*byte)(unsafe.Add(p, head)), size)
	if head > 0 {
		mustUnmapAt(p, head)
	}
	if tail := slack - head; tail > 0 {
		mustUnmapAt(unsafe.Add(p, head+size), tail)
	}
	// Advice only: without huge pages everything works, a little slower.
	_ = unix.Madvise(mem, unix.MADV_HUGEPAGE)
	return mem, nil
}

func mustUnmap(mem []byte) { mustUnmapAt(unsafe.Pointer(unsafe.SliceData(mem)), len(mem)) }

func mustUnmapAt(p unsafe.Pointer, n int) {
	if err := unix.MunmapPtr(p, uintptr(n)); err != nil {
		panic(fmt.Sprintf("BUG: unmap %d bytes at %p: %v", n, p, err))
	}
}
