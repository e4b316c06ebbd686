package shard

import (
	"errors"

	"golang.org/x/sys/unix"
)

// registerExtent lets the ring use a new extent as a fixed buffer. The kernel
// touches every page of a buffer that is registered, about 2 ms per MiB of
// fresh memory, so the pages are touched away from the loop first; until then
// the extent works as it is, at the price of mapping pages per operation.
func (s *Shard) registerExtent(mem []byte, index int) {
	s.extents[index] = &mem[0]
	s.offloadForLog(func() error { return populate(mem) }, func(err error) {
		if s.extents[index] != &mem[0] || errors.Is(err, ErrStopped) {
			return // trimmed meanwhile, or nothing will be written any more
		}
		if err := s.ring.Register(mem, index); err != nil {
			s.log.Warn("slab memory is not registered with the storage ring; writes cost more", "shard", s.id, "bytes", len(mem), "error", err)
		}
	})
}

func (s *Shard) unregisterExtent(index int) {
	delete(s.extents, index)
	_ = s.ring.Unregister(index) // an extent that was never registered has nothing to undo
}

// populateStep is one huge page. The kernel holds the address space's lock while
// it populates, and a loop that maps its next extent meanwhile waits for it.
const populateStep = 2 << 20

// populate touches every page. It is advice: a kernel that does not know it
// (before 5.14) touches them at registration.
func populate(mem []byte) error {
	for len(mem) > 0 {
		n := min(len(mem), populateStep)
		if err := unix.Madvise(mem[:n], unix.MADV_POPULATE_WRITE); err != nil {
			return err
		}
		mem = mem[n:]
	}
	return nil
}
