package replicate

import (
	"errors"
	"fmt"
	"time"

	"umbra/kafkaproto"
	"umbra/kafkaproto/batch"
)

// ErrTooLarge says that a partition's records do not fit the memory set aside
// for a link.
var ErrTooLarge = errors.New("records larger than the link's memory")

const (
	// starvedMin and starvedMax bound the wait of a partition whose records
	// found no memory: they come again over the network.
	starvedMin = 2 * time.Millisecond
	starvedMax = 250 * time.Millisecond
	// spokeWithin is how long, beyond the wait of a fetch, an answer of a source at
	// hand may take; see spoke.
	spokeWithin = time.Second
	// starvedMany in a row, some five seconds, are told to the control plane.
	starvedMany = 24
	// refusedWait is how long a partition waits that the source refuses or that
	// the local disk has no room for. People and time cure that, not asking: it
	// is no matter of how fast brokers come back (BackoffMax), and each try on a
	// full disk is an answer thrown away.
	refusedWait = 10 * time.Second
)

// answerMax is the largest frame that is believed, asked for when the request
// goes out. A fetch answer holds at most MaxBytes, except that every partition
// may add one batch that is larger than its limit (KIP-74); its bytes are
// streamed, so the bound is about lies, not about memory.
func (f *Fetcher) answerMax(key int16) int {
	if key != kafkaproto.KeyFetch {
		return bodyMax
	}
	return f.appetite.bytes + f.cfg.RecordsMax + 1<<20 + 512*f.topics.partitions
}

// answerHead takes in the part of a fetch answer that is about all of it.
func (f *Fetcher) answerHead(s *kafkaproto.FetchStream) {
	f.stats.ThrottledMillis += int64(max(s.ThrottleMillis, 0))
	switch code := kafkaproto.ErrorCode(s.ErrorCode); code {
	case kafkaproto.None:
	case kafkaproto.FetchSessionIDNotFound, kafkaproto.InvalidFetchSessionEpoch, kafkaproto.FetchSessionTopicIDError:
		f.stats.SessionsLost++ // the source keeps few; the next request is full
	default:
		f.count.failed(ErrorRefused, f.broker.Addr)
		f.log.Warn("source broker refused a fetch", "broker", f.broker.Addr, "code", code)
	}
}

// partitionHead takes in what precedes a partition's records. It returns the
// replicator whose reservation receives them, nil when they are to be thrown
// away, and the replicator the answer speaks about, nil when none of ours: it
// left the session while the answer was on its way, or left and came back, and
// the answer is to what an earlier life of it asked.
func (f *Fetcher) partitionHead(s *kafkaproto.FetchStream) (target, current *Replicator) {
	r := f.topics.find(s.Topic, s.TopicID, s.Partition.Partition)
	if r == nil || r.sent == neverSent {
		return nil, nil
	}
	if s.Partition.ErrorCode != 0 {
		return nil, r
	}
	f.suspect.on(r)
	if s.Partition.RecordsLen > 0 {
		f.took += s.Partition.RecordsLen
		f.busy++
	}
	r.head(&s.Partition, f.spoke())
	if r.trouble == refused {
		f.accepted(r)
	}
	n := s.Partition.RecordsLen
	switch {
	case n == 0:
		return nil, r
	case n > f.cfg.RecordsMax:
		f.fault(r, fmt.Errorf("%w: the source sends %d record bytes of one partition at once, the limit is %d", ErrTooLarge, n, f.cfg.RecordsMax))
		return nil, nil
	}
	if err := r.begin(n); err != nil {
		f.notAppended(r, err)
		return nil, r
	}
	return r, r
}

// recordsArrived checks n more bytes of r's records and appends them when they
// are complete. It returns nil when the rest is to be thrown away.
func (f *Fetcher) recordsArrived(r *Replicator, n int, last bool) *Replicator {
	if err := r.arrived(n); err != nil {
		r.abandon()
		f.refuse(r, err)
		return nil
	}
	if !last {
		return f.goOn(r)
	}
	if err := r.finish(f.cfg.Now()); err != nil {
		f.notAppended(r, err)
		return nil
	}
	if r.trouble == starving {
		f.accepted(r)
	}
	f.touch(r)
	return nil
}

// goOn makes room for the rest of r's records where it is wanted.
func (f *Fetcher) goOn(r *Replicator) *Replicator {
	if !r.stretchFull() {
		return r
	}
	if err := r.spill(f.cfg.Now()); err != nil {
		f.notAppended(r, err)
		return nil
	}
	return r
}

// refuse counts an answer whose bytes are not a copy that may be appended. It
// is asked for once more; a second refusal stops the partition.
func (f *Fetcher) refuse(r *Replicator, err error) {
	r.progress.Refused++
	f.count.Refused++
	r.corrupt++
	if errors.Is(err, batch.ErrOldMagic) || r.corrupt >= corruptMax {
		f.fault(r, err)
		return
	}
	f.touch(r) // the log's end may have moved by what came before them
	f.log.Warn("source bytes refused, asking again", "topic", r.Topic, "partition", r.Partition.Index, "offset", r.part.Log.EndOffset(), "err", err)
}

// notAppended does what an error on the way into the log asks for. Records
// without room are asked for again: memory is bounded, lag is not.
func (f *Fetcher) notAppended(r *Replicator, err error) {
	switch judge(err) {
	case moved:
		f.touch(r)
	case noMemory:
		wait := min(starvedMin<<min(r.starved, 16), starvedMax)
		if r.starved++; r.starved >= starvedMany {
			f.troubled(r, starving, Event{Err: err})
		}
		f.retryLater(r, wait)
	case noSpace:
		f.log.Warn("storage full, link waits", "topic", r.Topic, "partition", r.Partition.Index, "err", err)
		f.troubled(r, full, Event{Err: err})
		f.retryLater(r, f.cfg.RefusedWait)
	case fenced:
		r.detach()
	case wrongByte:
		f.refuse(r, err)
	default:
		f.fault(r, err)
	}
}

// troubled tells the control plane, once, what a partition waits for.
func (f *Fetcher) troubled(r *Replicator, t trouble, e Event) {
	if r.trouble == t {
		return
	}
	r.trouble = t
	e.Kind = Refused
	f.tell(r, e)
}

// accepted tells that the wait is over.
func (f *Fetcher) accepted(r *Replicator) {
	r.trouble = calm
	f.tell(r, Event{Kind: Accepted})
}

func (f *Fetcher) tell(r *Replicator, e Event) {
	e.Partition, e.Topic, e.Term, e.Broker = r.Partition, r.Topic, r.Term, f.broker
	f.report(e)
}

// fault stops a partition and tells why. From here on, before anybody has heard
// of it, the Worker takes no assignment of this term for it any more: one that
// was planned meanwhile must not set it going, and the term itself fences
// nothing, for the topic's other partitions go on under it.
func (f *Fetcher) fault(r *Replicator, err error) {
	r.fault, r.trouble = err, calm
	f.stop(r, Event{Kind: Faulted, Err: err})
}

// stop takes a partition out until the control plane says how to go on.
func (f *Fetcher) stop(r *Replicator, e Event) {
	r.detach()
	f.tell(r, e)
}

// partitionEnd takes in what follows a partition's records.
func (f *Fetcher) partitionEnd(r *Replicator, h *kafkaproto.FetchPartitionHead) {
	switch {
	case r == nil || r.owner != f:
	case h.ErrorCode != 0:
		f.partitionError(r, kafkaproto.ErrorCode(h.ErrorCode))
	case h.DivergingEndOffset >= 0:
		f.count.failed(ErrorOffset, f.broker.Addr)
		f.stop(r, Event{Kind: Misaligned})
	default:
		r.followStart(f.shard)
	}
}

func (f *Fetcher) partitionError(r *Replicator, code kafkaproto.ErrorCode) {
	switch code {
	case kafkaproto.OffsetOutOfRange:
		f.count.failed(ErrorOffset, f.broker.Addr)
		f.stop(r, Event{Kind: Misaligned, Code: code})
	case kafkaproto.NotLeaderOrFollower, kafkaproto.LeaderNotAvailable, kafkaproto.UnknownTopicOrPartition,
		kafkaproto.FencedLeaderEpoch, kafkaproto.UnknownLeaderEpoch, kafkaproto.ReplicaNotAvailable,
		kafkaproto.UnknownTopicID, kafkaproto.InconsistentTopicID, kafkaproto.OffsetNotAvailable:
		f.count.failed(ErrorLeader, f.broker.Addr)
		f.stop(r, Event{Kind: LeaderMoved, Code: code})
	default:
		f.count.failed(ErrorRefused, f.broker.Addr)
		f.log.Warn("the source refuses a partition", "topic", r.Topic, "partition", r.Partition.Index, "code", code)
		f.troubled(r, refused, Event{Code: code})
		f.retryLater(r, f.cfg.RefusedWait)
	}
}

// spoke is when the source said what arrives now, as far as can be told. Nobody knows
// how long an answer was on its way; it was made after it was asked for. One that comes
// no later than a source at hand answers counts from its arrival. A later one, over a
// thin line or after a silence of the network, counts from the asking: its figures may
// be that old, and a lag of 0 "as of now" would be a lie.
func (f *Fetcher) spoke() time.Time {
	now := f.cfg.Now()
	if now.Sub(f.askedAt) > f.cfg.MaxWait+spokeWithin {
		return f.askedAt
	}
	return now
}

// answered ends an answer: the next request goes out at once, or when the
// source's throttle allows (KIP-219).
func (f *Fetcher) answered(s *kafkaproto.FetchStream) {
	f.stats.Responses++
	f.answeredAt = f.cfg.Now()
	f.count.Fetch.Observe(f.answeredAt.Sub(f.askedAt))
	f.suspect.clear()
	f.stopTimer()
	f.state = idle
	wait := min(time.Duration(max(s.ThrottleMillis, 0))*time.Millisecond, f.cfg.ThrottleMax)
	switch kafkaproto.ErrorCode(s.ErrorCode) {
	case kafkaproto.None:
		f.spokeAt, f.spokeFor = f.spoke(), f.generation // an error says nothing of the partitions that it leaves out
		f.session.answered(s.SessionID)
	case kafkaproto.FetchSessionIDNotFound:
		f.session.reset()
	default:
		f.session.renew()
		wait = max(wait, f.cfg.BackoffMin)
	}
	f.appetite.answered(f.took, f.busy, f.firstAt.Sub(f.askedAt), f.answeredAt.Sub(f.firstAt))
	if wait == 0 {
		f.next()
		return
	}
	f.timer = f.shard.After(wait, func() {
		f.timer = nil
		f.next()
	})
}
