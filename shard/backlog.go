package shard

// backlog is who waits for the disk to take what the shard's logs hold. Loop only.
type backlog struct {
	waiting []backlogWait
	scratch []backlogWait
}

type backlogWait struct {
	below int64
	f     func()
}

// Unwritten is how many bytes the shard's logs have taken in by Commit that are not
// on disk yet. Whoever feeds them from a source that can wait stops at a bound of its own:
// the source's bytes are better off in the network than here.
func (s *Shard) Unwritten() int64 { return s.partitions.hot.Unwritten() }

// WhenWritten calls f once, at the end of a turn in which Unwritten is below n.
// Logs that fail or are taken back owe nothing, so f is always called, unless the
// shard stops.
func (s *Shard) WhenWritten(n int64, f func()) {
	s.backlog.waiting = append(s.backlog.waiting, backlogWait{n, f})
}

// run calls those whose wait is over, and says how many they were.
func (b *backlog) run(unwritten int64) (called int) {
	if len(b.waiting) == 0 {
		return 0
	}
	list := b.waiting
	b.waiting, b.scratch = b.scratch[:0], nil
	for _, w := range list {
		if unwritten < w.below {
			called++
			w.f() // may wait anew
		} else {
			b.waiting = append(b.waiting, w)
		}
	}
	clear(list)
	b.scratch = list[:0]
	return called
}
