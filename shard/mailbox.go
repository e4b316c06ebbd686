package shard

import (
	"runtime"
	"sync/atomic"
	"time"
)

// mailbox is a bounded ring of messages from any goroutine to one loop.
//
// It is a sequence-numbered ring: a producer claims a position by advancing
// tail, fills the cell and publishes it by storing position+1 in the cell's
// seq; the loop takes cells in order and gives each back by storing
// position+capacity. A full ring refuses: the sender keeps its message, which is
// how back-pressure reaches the sender's own source. closedBit in tail makes
// "closed" and "claimed" one atomic decision, so that the last drain sees every
// message whose push succeeded.
type mailbox struct {
	cells []mailCell // set once
	mask  uint64     // set once

	_    [64]byte
	tail atomic.Uint64 // crosses cores: producers claim here
	rung atomic.Uint32 // crosses cores: 1 from the ring of the bell to the drain
	_    [56]byte
	head atomic.Uint64 // stored by the loop, read by anyone for depth
	_    [56]byte

	// Crosses cores: what observers ask about the bound.
	refused    atomic.Int64 // pushes refused at the bound
	fullSince  atomic.Int64 // wall nanoseconds of the first refusal since the last drain, 0 none
	limitNanos atomic.Int64 // time spent at the bound
}

type mailCell struct {
	seq atomic.Uint64
	f   func()
}

const closedBit = 1 << 63

func newMailbox(depth int) *mailbox {
	size := 1
	for size < depth {
		size <<= 1
	}
	m := &mailbox{cells: make([]mailCell, size), mask: uint64(size - 1)}
	for i := range m.cells {
		m.cells[i].seq.Store(uint64(i))
	}
	return m
}

// push adds f (any goroutine). bell is true on the empty -> non-empty edge: the
// caller must ring then, and only then.
func (m *mailbox) push(f func()) (bell bool, err error) {
	for {
		pos := m.tail.Load()
		if pos&closedBit != 0 {
			return false, ErrStopped
		}
		c := &m.cells[pos&m.mask]
		switch d := int64(c.seq.Load()) - int64(pos); {
		case d < 0:
			m.refused.Add(1)
			m.fullSince.CompareAndSwap(0, time.Now().UnixNano())
			return false, ErrMailboxFull
		case d == 0 && m.tail.CompareAndSwap(pos, pos+1):
			c.f = f
			c.seq.Store(pos + 1)
			return m.rung.Load() == 0 && m.rung.CompareAndSwap(0, 1), nil
		}
	}
}

// pop takes the next message (loop only), nil when there is none.
func (m *mailbox) pop() func() {
	head := m.head.Load()
	c := &m.cells[head&m.mask]
	if c.seq.Load() != head+1 {
		return nil
	}
	f := c.f
	c.f = nil
	c.seq.Store(head + uint64(len(m.cells)))
	m.head.Store(head + 1)
	return f
}

// drain runs up to limit messages (loop only) and reports whether it stopped at
// the limit. It takes the bell's edge back first: a message published after that
// rings again.
func (m *mailbox) drain(limit int) (ran int, more bool) {
	if m.rung.Load() != 0 {
		m.rung.Store(0)
	}
	for ran < limit {
		f := m.pop()
		if f == nil {
			break
		}
		ran++
		f()
	}
	if ran > 0 {
		if since := m.fullSince.Swap(0); since != 0 {
			m.limitNanos.Add(max(time.Now().UnixNano()-since, 0))
		}
	}
	return ran, ran == limit
}

// close refuses further messages and runs all that were accepted (loop only).
func (m *mailbox) close() {
	end := m.tail.Or(closedBit)
	for m.head.Load() != end&^closedBit {
		if f := m.pop(); f != nil {
			f()
			continue
		}
		runtime.Gosched() // claimed, not yet published: its producer is between two instructions
	}
}

// depth is the number of messages waiting (any goroutine; a moment's truth).
func (m *mailbox) depth() int {
	return max(int(int64(m.tail.Load()&^closedBit)-int64(m.head.Load())), 0)
}
