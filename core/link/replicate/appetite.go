package replicate

import "time"

const (
	usualAnswer = 16 << 20 // bytes asked for where the way is short
	leastShare  = 1 << 20  // bytes of one partition, however many share an answer
)

// appetite is how much a Fetcher asks for at once. It has one request in flight,
// so each answer costs a round trip in which nothing arrives. Where that is a good
// part of the time, over a long way, answers grow until it is not; they pass
// through the same memory, whatever their size.
type appetite struct {
	usual, most   int // bytes of an answer
	partitionMost int // bytes of one partition in it
	bytes         int // of the next answer
	busy          int // partitions that had records in the last answer
}

func newAppetite(answerMost, partitionMost int) appetite {
	usual := min(usualAnswer, answerMost)
	return appetite{usual: usual, most: answerMost, partitionMost: partitionMost, bytes: usual}
}

// answered learns from a whole answer of n record bytes for so many partitions:
// what passed until its first byte, and from there to its last.
func (a *appetite) answered(n, busy int, waiting, receiving time.Duration) {
	a.busy = busy
	full := n >= a.bytes/2 // there was more to be had
	switch {
	case full && waiting > receiving/8:
		a.bytes = min(2*a.bytes, a.most)
	case a.bytes < a.usual:
		a.bytes = min(2*a.bytes, a.usual)
	case !full || waiting < receiving/32:
		a.bytes = max(a.bytes/2, a.usual)
	}
}

// spoiled: the source could not deliver so much in time.
func (a *appetite) spoiled() { a.bytes = max(a.bytes/2, fetchBytesMin) }

// perPartition is what to ask for of one partition: few that are behind may have
// the whole answer, many share it.
func (a *appetite) perPartition() int {
	share := leastShare
	if a.busy > 0 {
		share = max(share, a.bytes/a.busy)
	}
	return min(share, a.partitionMost)
}
