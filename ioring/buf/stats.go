package buf

import "time"

// ClassStats counts the slabs of one size.
type ClassStats struct {
	SlabBytes int
	InUse     int64 // slabs with references
	Free      int64 // slabs cut and not in use
}

// Stats are an arena's figures at one moment. Each figure is exact; figures
// taken while other goroutines allocate and release need not agree.
type Stats struct {
	Budget      int64 // bytes that may be mapped
	Mapped      int64 // bytes mapped now
	InUseBytes  int64 // bytes of slabs with references, jumbo slabs included
	Extents     int64
	Classes     [NumClasses]ClassStats
	JumboInUse  int64
	JumboBytes  int64         // bytes mapped for jumbo slabs
	Refusals    int64         // Allocs that ended in ErrBudget
	TimeAtLimit time.Duration // from a refusal until as large a slab was granted or came home
}

// InUse is the number of slabs with references; 0 when nothing leaked.
func (s Stats) InUse() int64 {
	n := s.JumboInUse
	for _, c := range s.Classes {
		n += c.InUse
	}
	return n
}

// Stats may be called from any goroutine.
func (a *Arena) Stats() Stats {
	s := Stats{
		Budget:      a.cfg.Budget,
		Mapped:      a.mapped.Load(),
		Extents:     a.extentsNow.Load(),
		JumboInUse:  a.jumboLive.Load(),
		JumboBytes:  a.jumboBytes.Load(),
		Refusals:    a.limit.refusals.Load(),
		TimeAtLimit: a.limit.total(),
	}
	for i := range s.Classes {
		live := a.live[i].Load()
		s.Classes[i] = ClassStats{SlabBytes: a.classes[i].bytes, InUse: live, Free: max(0, a.total[i].Load()-live)}
		s.InUseBytes += live * int64(a.classes[i].bytes)
	}
	if s.JumboInUse > 0 {
		s.InUseBytes += s.JumboBytes
	}
	return s
}
