package broker

import (
	"errors"
	"log/slog"
	"regexp"
	"time"

	"umbra/kafkaproto"
	"umbra/kafkaproto/batch"
	"umbra/shard"
)

// scratchBytes is where a connection's bytes arrive when it is not in the
// middle of a frame; frames that lie whole in it are never copied.
const scratchBytes = 64 << 10

// loop is what the broker keeps on one shard. Loop only.
type loop struct {
	broker   *Broker
	shard    *shard.Shard
	scratch  []byte // lent to one connection from Buffers to Received
	stats    Stats
	logs     logGate
	software *regexp.Regexp

	topics    map[kafkaproto.TopicID]*topicSettings // cache of settings
	produces  []*produce                            // ended, for their memory
	fetches   []*fetch                              // answered, for theirs
	answer    kafkaproto.FetchResponse              // to the fetch that is being answered
	scratches []*batch.Scratch                      // for batches checked away from the loop
	unpack    batch.Scratch                         // for batches checked on the loop
	sessions  sessions

	frameBytes int64  // held by connections' partial and waiting frames
	frameMax   int64  // FrameBytesMax, or the arena's share
	overdraft  *frame // the one frame that may pass FrameBytesMax, so that full memory never stands still
	queued     int64  // bytes of responses of connections that are draining
	queuedMax  int64  // above it no fetch reads
	fetchMax   int
	starved    []*conn // not read because of FrameBytesMax or the arena's budget
}

func newLoop(b *Broker, s *shard.Shard, shards int) *loop {
	budget := s.Arena().Stats().Budget
	l := &loop{frameMax: min(b.cfg.FrameBytesMax, budget/frameShare), queuedMax: budget / queuedShare,
		fetchMax: int(min(int64(b.settings.FetchBytesMax), budget/fetchShare)),
		broker:   b, shard: s, scratch: make([]byte, scratchBytes), software: newSoftwarePattern(),
		unpack: batch.Scratch{UnpackMax: unpackedHereMax}}
	l.sessions = newSessions(b.settings.FetchSessionsMax, b.cfg.SessionPartitionsMax, s.ID(), shards, &l.stats)
	return l
}

// The arena is also the logs', which need what is left: at most one part in
// frameShare is for requests, one in queuedShare for responses that clients are
// slow to take, and one in fetchShare for one fetch.
const (
	frameShare  = 4
	queuedShare = 2
	fetchShare  = 8
)

// postRetry is how long a loop waits before it tries a full mailbox again.
const postRetry = time.Millisecond

// post sends f to another shard's loop from this one. A full mailbox is tried
// again until it takes f: use it for answers, whose number is bounded by the
// questions. lost runs here instead when the other shard has stopped.
func (l *loop) post(to *shard.Shard, f, lost func()) {
	switch err := to.Post(f); {
	case err == nil:
	case errors.Is(err, shard.ErrMailboxFull):
		l.shard.After(postRetry, func() { l.post(to, f, lost) })
	case lost != nil:
		lost()
	}
}

// logGate lets one line per kind and logEvery through and counts the rest.
// Loop only.
type logGate struct {
	kinds map[string]*gate
}

type gate struct {
	last       time.Time
	suppressed int
}

const logEvery = 10 * time.Second

// say logs a line of its kind, or counts it. kind must be one of a few
// constants: it is a key that is kept.
func (g *logGate) say(log *slog.Logger, now time.Time, kind string, args ...any) {
	if g.kinds == nil {
		g.kinds = map[string]*gate{}
	}
	k := g.kinds[kind]
	if k == nil {
		k = &gate{}
		g.kinds[kind] = k
	}
	if !k.last.IsZero() && now.Sub(k.last) < logEvery {
		k.suppressed++
		return
	}
	if k.suppressed > 0 {
		args = append(args, "more_like_it", k.suppressed)
	}
	k.last, k.suppressed = now, 0
	log.Warn(kind, args...)
}
