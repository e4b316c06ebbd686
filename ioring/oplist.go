package ioring

// opList is a queue of operations, linked through them: no allocation.
type opList struct{ head, tail *Op }

func (l *opList) empty() bool { return l.head == nil }

func (l *opList) add(op *Op) {
	op.state.next = nil
	if l.tail == nil {
		l.head = op
	} else {
		l.tail.state.next = op
	}
	l.tail = op
}

// take removes the first; the list must not be empty.
func (l *opList) take() *Op {
	op := l.head
	l.head = op.state.next
	if l.head == nil {
		l.tail = nil
	}
	op.state.next = nil
	return op
}

// takeAll empties the list and gives its first, linked by state.next.
func (l *opList) takeAll() *Op {
	op := l.head
	*l = opList{}
	return op
}

// join moves everything of m behind l.
func (l *opList) join(m *opList) {
	if m.head == nil {
		return
	}
	if l.tail == nil {
		l.head = m.head
	} else {
		l.tail.state.next = m.head
	}
	l.tail = m.tail
	*m = opList{}
}
