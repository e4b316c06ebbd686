package broker

import "umbra/ioring/buf"

const (
	// frameHeapMax is the largest frame that is kept in plain memory; larger
	// ones lie in slabs.
	frameHeapMax = 4 << 10
	// frameAtOnce is the memory an announced frame gets before its bytes are
	// here; it grows by frameGrowth with what has arrived, so that memory
	// follows what a client sends and not what it promises.
	frameAtOnce = 64 << 10
	frameGrowth = 16
)

// frame is one request in memory of its own: one that did not lie whole in the
// loop's scratch, or waits for its turn. Loop only.
type frame struct {
	size int       // bytes of the whole request, without the prefix
	have int       // of them, received
	mem  []byte    // size bytes in the end, fewer while it grows
	slab *buf.Slab // nil: mem is plain memory
	cost int64     // bytes counted against the loop's bound: the whole slab
}

// newFrame makes room for a request of size bytes.
func newFrame(l *loop, size int) (*frame, error) {
	f := &frame{size: size}
	return f, f.grow(l, min(size, frameAtOnce))
}

// grow moves the frame to memory of at least n bytes. On failure it stays.
func (f *frame) grow(l *loop, n int) error {
	over := l.frameBytes+int64(n) > l.frameMax
	if over && l.overdraft != nil && l.overdraft != f {
		return buf.ErrBudget
	}
	next := frame{size: f.size, have: f.have}
	if n <= frameHeapMax {
		next.mem, next.cost = make([]byte, n), int64(n)
	} else {
		slab, err := l.shard.Arena().Alloc(n)
		if err != nil {
			return err
		}
		next.slab, next.mem, next.cost = slab, slab.Bytes()[:min(len(slab.Bytes()), f.size)], int64(len(slab.Bytes()))
	}
	if over {
		l.overdraft = f
	}
	copy(next.mem, f.mem[:f.have])
	l.frameBytes += next.cost - f.cost
	if f.slab != nil {
		f.slab.Release()
	}
	*f = next
	return nil
}

// room is where the next bytes go; empty when the frame is whole or must grow.
func (f *frame) room() []byte { return f.mem[f.have:] }

func (f *frame) whole() bool { return f.have == f.size }

// add takes what fits of in and returns the rest.
func (f *frame) add(in []byte) (rest []byte) {
	n := copy(f.room(), in)
	f.have += n
	return in[n:]
}

// release gives the memory back. The frame keeps none.
func (f *frame) release(l *loop) {
	if l.overdraft == f {
		l.overdraft = nil
	}
	l.frameBytes -= f.cost
	if f.slab != nil {
		f.slab.Release()
	}
	f.mem, f.slab, f.cost = nil, nil, 0
}
