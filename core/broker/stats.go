package broker

import (
	"context"
	"fmt"
	"maps"
	"time"

	"umbra/kafkaproto"
)

// latencyBuckets is how many buckets a latency histogram has.
const latencyBuckets = 28

// keysMax is one more than the highest API key that is counted by itself.
const keysMax = 128

// Stats are one shard's figures since it started. Loop only; observers take a
// copy by Broker.Stats.
type Stats struct {
	Requests [keysMax]uint64 // by API key
	Errors   map[kafkaproto.ErrorCode]uint64
	// ShadowRejected counts writes to shadow topics that were refused, by topic
	// (umbra_shadow_writes_rejected_total).
	ShadowRejected map[string]uint64
	BytesIn        uint64 // request frames
	BytesOut       uint64 // response frames

	// Latency counts requests by the time from the whole request to its queued
	// response: bucket i holds those below 2^i microseconds, the last one the
	// rest. LatencyMicros is their sum.
	Latency       [latencyBuckets]uint64
	LatencyMicros uint64

	Parked            int // fetches that wait for records now
	Sessions          int // fetch sessions
	SessionPartitions int // partitions of all of them
	SessionsEvicted   uint64
	SessionsRefused   uint64 // clients that asked for one and got none

	ConnsOpen      int
	FrameBytes     int64  // held by requests that have arrived in part or wait for their turn
	ClosedProtocol uint64 // connections closed for what they sent
	Stalled        uint64 // times a produce had to wait for memory or for its log's writes
	Starved        uint64 // times a connection was not read for want of memory
}

// Stats copies the figures of every shard, in the order of the shards. It asks
// each loop and waits: any goroutine but a loop. Before Bind there are none.
func (b *Broker) Stats(ctx context.Context) ([]Stats, error) {
	at := b.bound.Load()
	if at == nil {
		return nil, nil
	}
	out := make([]Stats, len(at.loops))
	for i, l := range at.loops {
		copied := make(chan Stats, 1)
		if err := l.shard.Call(ctx, func() { copied <- l.figures() }); err != nil {
			return nil, fmt.Errorf("read the figures of shard %d: %w", i, err)
		}
		out[i] = <-copied
	}
	return out, nil
}

// figures is a copy that shares nothing with the loop.
func (l *loop) figures() Stats {
	s := l.stats
	s.Errors, s.ShadowRejected = maps.Clone(s.Errors), maps.Clone(s.ShadowRejected)
	s.Sessions, s.SessionPartitions, s.FrameBytes = len(l.sessions.byID), l.sessions.parts, l.frameBytes
	return s
}

// observe counts one finished request.
func (s *Stats) observe(took time.Duration) {
	us := uint64(max(took.Microseconds(), 0))
	i := 0
	for i < latencyBuckets-1 && us >= 1<<i {
		i++
	}
	s.Latency[i]++
	s.LatencyMicros += us
}

// countError counts an error that a client was told.
func (s *Stats) countError(c kafkaproto.ErrorCode) {
	if s.Errors == nil {
		s.Errors = map[kafkaproto.ErrorCode]uint64{}
	}
	s.Errors[c]++
}

func (s *Stats) rejectShadow(topic string) {
	if s.ShadowRejected == nil {
		s.ShadowRejected = map[string]uint64{}
	}
	s.ShadowRejected[topic]++
}
