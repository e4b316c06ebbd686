package ioring

// extents remembers what memory was registered, for Config.CheckMemory.
type extents struct{ mems [][]byte }

func (e *extents) add(mem []byte, index int) {
	for len(e.mems) <= index {
		e.mems = append(e.mems, nil)
	}
	e.mems[index] = mem
}

func (e *extents) remove(index int) {
	if index < len(e.mems) {
		e.mems[index] = nil
	}
}

func (e *extents) contain(b []byte) bool {
	at := addressOf(b)
	for _, m := range e.mems {
		if base := addressOf(m); at >= base && at+uintptr(len(b)) <= base+uintptr(len(m)) {
			return true
		}
	}
	return false
}
