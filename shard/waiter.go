package shard

// Waiter is called when a partition moves: a parked fetch, a produce that waits
// for durability, a link's progress. It belongs to one partition at a time and
// may be used again. Loop only.
type Waiter struct {
	// Wake is called once per turn in which the high watermark, the last stable
	// offset, the log's start or end, or the partition's state moved, until
	// Cancel. It may Await and Cancel, this waiter or others.
	Wake func()

	list       *waiters
	prev, next *Waiter
	round      uint64 // the list's round when it was added
}

// waiters is a partition's list, in the order they came.
type waiters struct {
	first, last *Waiter
	round       uint64
	at          *Waiter // the next one of a wake in progress
	count       int
}

// Await has w.Wake called at every move from now on.
func (p *Partition) Await(w *Waiter) {
	if w.list != nil {
		panic("BUG: waiter of topic " + p.Topic + " waits already")
	}
	p.waiters.add(w)
}

// Cancel takes w back; a waiter that does not wait is fine.
func (p *Partition) Cancel(w *Waiter) {
	if w.list == &p.waiters {
		p.waiters.remove(w)
	}
}

// Waiters is the number of waiters.
func (p *Partition) Waiters() int { return p.waiters.count }

func (l *waiters) add(w *Waiter) {
	w.list, w.round, w.prev = l, l.round, l.last
	if l.last == nil {
		l.first = w
	} else {
		l.last.next = w
	}
	l.last = w
	l.count++
}

func (l *waiters) remove(w *Waiter) {
	if l.at == w {
		l.at = w.next
	}
	if w.prev == nil {
		l.first = w.next
	} else {
		w.prev.next = w.next
	}
	if w.next == nil {
		l.last = w.prev
	} else {
		w.next.prev = w.prev
	}
	w.list, w.prev, w.next = nil, nil, nil
	l.count--
}

// wake calls everyone who waited before it began, and nobody twice.
func (l *waiters) wake() {
	l.round++
	for l.at = l.first; l.at != nil && l.at.round < l.round; {
		w := l.at
		l.at = w.next
		w.Wake()
	}
	l.at = nil
}
