package replicate

import "fmt"

// LocalEnd is what the shadow holds of one partition.
type LocalEnd struct {
	Start, End int64 // log start and log end offset
	Epoch      int32 // of the last batch, -1 when the log is empty
	// EpochEnd is the log's answer to OffsetForLeaderEpoch: the largest epoch
	// <= asked, and where it ends.
	EpochEnd func(epoch int32) (int32, int64)
}

// SourceEnd is what the source answered about the same partition, all of it
// asked after the local log had stopped.
type SourceEnd struct {
	Start, HighWatermark int64
	LeaderEpoch          int32 // the leader's current epoch, -1 when it does not say
	// HistoryEpoch and HistoryEnd answer OffsetForLeaderEpoch(LocalEnd.Epoch):
	// the largest epoch <= ours that the source knows, and where it ended.
	// HistoryEpoch is -1 when it was not asked or knows none.
	HistoryEpoch int32
	HistoryEnd   int64
	// LastDiffers says that the source's batch at our end is another one than
	// ours. It is compared where nothing else tells a topic from its successor
	// of the same name; "" elsewhere.
	LastDiffers string
}

// Step is how a partition goes on after Align.
type Step uint8

const (
	Follow   Step = iota // fetch at the local end
	Skip                 // offsets [From, To) are gone at the source: record the gap, restart the log at To
	Cut                  // the source's history parts from ours at To: take [To, From) off, keep it aside, align again
	Wait                 // what the source says does not fit, but may be out of date: ask again, for a while
	Diverged             // the histories differ and no newer epoch explains it: an operator decides
)

// Decision is Align's result. Why is for an operator.
type Decision struct {
	Step     Step
	From, To int64
	Why      string
}

// Align compares a stopped shadow log with its source and decides how to go
// on. It is pure; the rules are those of a Kafka follower (KIP-101, KIP-279),
// with three differences: a follower may drop a tail whenever its leader says
// so, a shadow only when a newer leader epoch proves that the source itself
// dropped it; a follower never explains a gap, a shadow records it; and a
// follower trusts its leader, a shadow asks again before it takes a source that
// went back for broken.
//
//	does the source's epoch history part from ours below our end?
//	  yes, and it leads with a newer epoch ........ Cut to where they part
//	  yes, and it does not ........................ Diverged
//	is its last batch another than ours? .......... Diverged
//	does it lead with an older epoch than we hold? Wait: old metadata, or replaced
//	has it no history, and ends below us? ......... Wait: after an election the
//	                                                high watermark may lag
//	does it begin above our end? .................. Skip
//	else .......................................... Follow
func Align(l LocalEnd, s SourceEnd) Decision {
	if l.Epoch >= 0 && s.HistoryEpoch >= 0 {
		if to := divergence(l, s); to < l.End {
			return cutOrFault(l, s, to)
		}
	}
	switch {
	case s.LastDiffers != "":
		return Decision{Step: Diverged, From: l.End, To: l.End, Why: s.LastDiffers}
	case s.LeaderEpoch >= 0 && s.LeaderEpoch < l.Epoch:
		return Decision{Step: Wait, From: l.End, To: l.End,
			Why: fmt.Sprintf("the source leads with epoch %d, the shadow holds records of epoch %d", s.LeaderEpoch, l.Epoch)}
	case l.End > s.HighWatermark && (l.Epoch < 0 || s.HistoryEpoch < 0):
		return Decision{Step: Wait, From: l.End, To: s.HighWatermark,
			Why: fmt.Sprintf("the source ends at %d, the shadow at %d, and the source has no epoch history to compare", s.HighWatermark, l.End)}
	case l.End < s.Start:
		return Decision{Step: Skip, From: l.End, To: s.Start,
			Why: fmt.Sprintf("the source's log starts at %d, the shadow ends at %d", s.Start, l.End)}
	}
	return Decision{Step: Follow, From: l.End, To: l.End}
}

// divergence is the first offset at which the two histories may differ: the
// end of the largest epoch both know, whichever log ends it first.
func divergence(l LocalEnd, s SourceEnd) int64 {
	epoch, end := l.EpochEnd(s.HistoryEpoch)
	if epoch < 0 {
		return l.Start
	}
	if epoch < s.HistoryEpoch {
		// We do not hold the source's epoch at all: everything after the
		// largest one below it is suspect.
		return end
	}
	return min(end, s.HistoryEnd)
}

func cutOrFault(l LocalEnd, s SourceEnd, to int64) Decision {
	if s.LeaderEpoch > l.Epoch {
		return Decision{Step: Cut, From: l.End, To: max(to, l.Start),
			Why: fmt.Sprintf("epoch %d ended at %d at the source, which now leads with epoch %d; the shadow held it up to %d",
				s.HistoryEpoch, s.HistoryEnd, s.LeaderEpoch, l.End)}
	}
	return Decision{Step: Diverged, From: l.End, To: to,
		Why: fmt.Sprintf("the source ends epoch %d at %d, the shadow holds it up to %d, and no newer epoch explains it (source leads with epoch %d)",
			s.HistoryEpoch, s.HistoryEnd, l.End, s.LeaderEpoch)}
}
