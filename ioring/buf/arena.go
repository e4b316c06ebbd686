package buf

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

var (
	// ErrBudget is returned by Alloc when the slab would take the arena over
	// its budget. It is normal back-pressure: hold the request and try again
	// when slabs have come home.
	ErrBudget = errors.New("slab budget is used up")
	// ErrClosed is returned by Alloc after Close.
	ErrClosed = errors.New("arena is closed")
)

// Config says how large an Arena may become and who hears of its extents.
type Config struct {
	// Budget is the most bytes the arena maps, slabs and jumbo slabs
	// together, cutting waste included. Must be at least 1 MiB.
	Budget int64
	// OnExtent is called on the owner's goroutine, inside Alloc, for each new
	// extent before a slab of it is given out. It may register mem with a
	// ring; mem stays mapped until OnTrim of the same index or Close. May be nil.
	OnExtent func(mem []byte, index int)
	// OnTrim is called on the owner's goroutine before an extent is unmapped.
	// No slab of it is in use. The index may be announced again. May be nil.
	OnTrim func(index int)
	// Poison fills slabs with 0xDB at their last Release and checks the
	// filling when they are given out again. For tests: it costs a pass over
	// the memory each way.
	Poison bool
}

const budgetMin = 1 << 20

// Arena is a shard's slab store. It has one owner goroutine (the shard's
// loop), which alone calls Alloc, Trim and Close; Stats and the methods of
// Slab may be called from anywhere.
type Arena struct {
	// Set once.
	cfg     Config
	classes [NumClasses]class

	// Owner only.
	free    [NumClasses]*Slab
	extents []*extent // by index; nil where trimmed
	jumbos  map[*Slab]struct{}
	limit   limitClock
	closed  bool

	// Crosses goroutines: the list of slabs on their way home, pushed by
	// whoever released last, emptied whole by the owner, so there is no ABA.
	home atomic.Pointer[Slab]

	// Crosses goroutines: figures that Stats reads.
	live       [NumClasses]atomic.Int64 // slabs out, per class
	total      [NumClasses]atomic.Int64 // slabs cut, per class
	jumboLive  atomic.Int64
	jumboBytes atomic.Int64
	mapped     atomic.Int64
	extentsNow atomic.Int64
}

// NewArena makes an empty arena; it maps nothing until the first Alloc.
func NewArena(cfg Config) (*Arena, error) {
	if cfg.Budget < budgetMin {
		return nil, fmt.Errorf("make arena: budget %d bytes is below the least, %d", cfg.Budget, budgetMin)
	}
	a := &Arena{cfg: cfg, classes: classes(), jumbos: make(map[*Slab]struct{})}
	a.limit.born = time.Now()
	return a, nil
}

// Alloc gives out a slab of at least n bytes with one reference. Owner only.
// ErrBudget when it does not fit the budget even after empty extents of other
// classes were handed back.
func (a *Arena) Alloc(n int) (*Slab, error) { return a.alloc(n, false) }

// AllocLarger is Alloc, but where that is refused a free slab of a larger class
// serves. It is for what lets large slabs come home, such as the copy of a log's
// last block that ends its write: it must not starve beside them. Owner only.
func (a *Arena) AllocLarger(n int) (*Slab, error) { return a.alloc(n, true) }

func (a *Arena) alloc(n int, larger bool) (*Slab, error) {
	if n < 0 {
		panic(fmt.Sprintf("BUG: allocate slab of %d bytes", n))
	}
	if a.closed {
		return nil, fmt.Errorf("allocate slab of %d bytes: %w", n, ErrClosed)
	}
	a.drain()
	c := a.classFor(n)
	if c == jumboClass {
		return a.allocJumbo(n)
	}
	if a.free[c] == nil {
		if err := a.grow(c); err != nil {
			if !errors.Is(err, ErrBudget) {
				return nil, err
			}
			want := c
			if c = a.largerThan(c); c == jumboClass || !larger {
				a.limit.refused(a.classes[want].bytes)
				return nil, err
			}
		}
	}
	s := a.free[c]
	a.checkPoison(s)
	a.free[c] = s.next
	s.next = nil
	s.ext.used++
	a.live[c].Add(1)
	a.limit.eased(len(s.mem))
	s.refs.Store(1)
	return s, nil
}

// largerThan finds the next larger class with a free slab, jumboClass when none
// has.
func (a *Arena) largerThan(c int) int {
	for c++; c < len(a.free) && a.free[c] == nil; c++ {
	}
	if c == len(a.free) {
		return jumboClass
	}
	return c
}

func (a *Arena) checkPoison(s *Slab) {
	if !a.cfg.Poison {
		return
	}
	if i := firstNot(s.mem, poisonByte); i >= 0 {
		panic(fmt.Sprintf("BUG: slab of %d bytes was written at byte %d after its release", len(s.mem), i))
	}
}

func (a *Arena) allocJumbo(n int) (*Slab, error) {
	size := roundUp(n, pageBytes)
	if !a.fits(int64(size), jumboClass) {
		a.limit.refused(size)
		return nil, a.budgetError(n)
	}
	mem, err := mapMemory(size)
	if err != nil {
		return nil, fmt.Errorf("map jumbo slab of %d bytes: %w", size, err)
	}
	s := &Slab{mem: mem, arena: a, class: jumboClass}
	a.jumbos[s] = struct{}{}
	a.jumboLive.Add(1)
	a.jumboBytes.Add(int64(size))
	a.mapped.Add(int64(size))
	a.limit.eased(size)
	s.refs.Store(1)
	return s, nil
}

// comeHome runs on the goroutine of the last Release.
func (a *Arena) comeHome(s *Slab) {
	if a.cfg.Poison {
		fill(s.mem, poisonByte)
	}
	if s.class == jumboClass {
		a.jumboLive.Add(-1)
	} else {
		a.live[s.class].Add(-1)
	}
	for {
		head := a.home.Load()
		s.next = head
		if a.home.CompareAndSwap(head, s) {
			return
		}
	}
}

// drain moves the slabs that came home to their free lists.
func (a *Arena) drain() {
	if a.home.Load() == nil {
		return
	}
	for s := a.home.Swap(nil); s != nil; {
		next := s.next
		a.limit.eased(len(s.mem))
		if s.class == jumboClass {
			a.unmapJumbo(s)
		} else {
			s.ext.used--
			s.next = a.free[s.class]
			a.free[s.class] = s
		}
		s = next
	}
}

func (a *Arena) unmapJumbo(s *Slab) {
	size := int64(len(s.mem))
	delete(a.jumbos, s)
	mustUnmap(s.mem)
	s.mem, s.next = nil, nil
	a.jumboBytes.Add(-size)
	a.mapped.Add(-size)
}

// Trim hands empty extents of the big classes back to the system. Owner only;
// for a shard that went idle. It says how many bytes were returned.
func (a *Arena) Trim() int64 {
	a.drain()
	var n int64
	for _, e := range a.extents {
		if e != nil && e.used == 0 && e.class >= firstBigClass {
			n += int64(len(e.mem))
			a.unmapExtent(e)
		}
	}
	return n
}

// Close unmaps everything that came home. Slabs still out keep their memory,
// because a pointer into it may be in use, and are reported as an error;
// Close may be called again when they are back. Owner only.
func (a *Arena) Close() error {
	a.closed = true
	a.drain()
	out := int64(len(a.jumbos))
	for _, e := range a.extents {
		switch {
		case e == nil:
		case e.used == 0:
			a.unmapExtent(e)
		default:
			out += int64(e.used)
		}
	}
	if out > 0 {
		return fmt.Errorf("close arena: %d slabs are still in use; their %d bytes stay mapped until they are released and Close is called again",
			out, a.mapped.Load())
	}
	return nil
}
