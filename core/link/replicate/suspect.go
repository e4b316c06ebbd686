package replicate

import (
	"errors"
	"fmt"
)

// suspectMax is how often in a row a connection may end for the same
// partition's records before that partition is left out.
const suspectMax = 3

// slowWaitMax bounds how often the wait of a partition that trickles doubles.
const slowWaitMax = 6

// suspect remembers whose records were arriving when a connection had to be
// ended. A partition whose answer cannot be received (a lying length, bytes
// that trickle) would otherwise hold up every other partition of its broker
// for ever. A connection that ends by itself proves nothing about a partition
// and is not counted.
type suspect struct {
	now   *Replicator // in the answer that is arriving
	last  *Replicator // when the last connection was ended
	times int
}

func (s *suspect) on(r *Replicator) { s.now = r }

// clear forgets everything: an answer came in whole.
func (s *suspect) clear() { *s = suspect{} }

// ended returns the partition to leave out, if it is time to. One that was left
// out before has used up its credit.
func (s *suspect) ended() *Replicator {
	r := s.now
	s.now = nil
	if r == nil {
		return nil
	}
	if r != s.last {
		s.last, s.times = r, 0
	}
	if s.times++; s.times < suspectMax && r.slow == 0 {
		return nil
	}
	s.clear()
	return r
}

// ErrProtocol marks what a source must never send; the connection is ended.
var ErrProtocol = errors.New("protocol violation by the source")

// blame leaves out the partition for which connections keep being ended: for
// good when the source lies, for a while when it is only slow, longer each
// time.
func (f *Fetcher) blame(err error) {
	lies, slow := errors.Is(err, ErrProtocol), errors.Is(err, errSlowSource)
	if !lies && !slow {
		f.suspect.now = nil
		return
	}
	r := f.suspect.ended()
	switch {
	case r == nil || r.owner != f:
	case lies:
		f.fault(r, fmt.Errorf("%d connections in a row had to be ended inside this partition's records: %w", suspectMax, err))
	default:
		wait := f.cfg.RefusedWait << min(r.slow, slowWaitMax)
		r.slow++
		f.log.Warn("partition left out for a while: its bytes trickle", "topic", r.Topic, "partition", r.Partition.Index, "wait", wait)
		f.retryLater(r, wait)
	}
}
