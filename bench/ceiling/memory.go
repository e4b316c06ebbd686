package ceiling

import (
	"fmt"
	"hash/crc32"
	"time"

	"golang.org/x/sys/unix"

	"umbra/bench/measure"
)

const (
	coldBytes = 128 << 20 // beyond the caches of any machine this runs on
	hotBytes  = 1 << 20   // in the second level of most
)

// memory is two large areas and a small one, outside the heap.
type memory struct {
	each     time.Duration
	from, to []byte
	hot      []byte
	table    *crc32.Table
	sum      uint32 // of everything, so that nothing is optimised away
}

func newMemory(each time.Duration) (m *memory, unmap func() error, err error) {
	area, err := unix.Mmap(-1, 0, 2*coldBytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return nil, nil, fmt.Errorf("map %d bytes of memory to copy: %w", 2*coldBytes, err)
	}
	// Large pages are what umbra's buffers ask for too; without them it is a little slower.
	_ = unix.Madvise(area, unix.MADV_HUGEPAGE)
	for i := range area { // memory that was never touched costs more than copying it
		area[i] = byte(i)
	}
	m = &memory{each: each, from: area[:coldBytes], to: area[coldBytes:], hot: area[:hotBytes], table: crc32.MakeTable(crc32.Castagnoli)}
	return m, func() error { return unix.Munmap(area) }, nil
}

func (m *memory) copy() (int64, error) {
	return m.during(func() int { return copy(m.to, m.from) }), nil
}

func (m *memory) crc() (int64, error) {
	return m.during(func() int {
		m.sum = crc32.Update(m.sum, m.table, m.hot)
		return len(m.hot)
	}), nil
}

// during repeats f until the time of a sample is over, and sums what it did.
func (m *memory) during(f func() int) (n int64) {
	for begin := measure.Now(); n == 0 || measure.Now()-begin < int64(m.each); {
		n += int64(f())
	}
	return n
}
