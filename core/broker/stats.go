package broker

import (
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

	ConnsOpen      int
	ClosedProtocol uint64 // connections closed for what they sent
	Starved        uint64 // times a connection was not read for want of memory
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
