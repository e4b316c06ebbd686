package observe

import (
	"time"

	"umbra/core/broker"
	"umbra/core/metadata"
	"umbra/kafkaproto"
	"umbra/shard"
)

// CollectBroker emits what clients asked and were told. Every API that is known
// has a series from the start, and so has every shadow topic for the writes
// that it refused: an alert on their increase sees the first one.
func CollectBroker(b *broker.Broker, g *shard.Group, snapshot func() *metadata.Snapshot) func(*Emit) {
	return func(e *Emit) {
		e.Value("umbra_kafka_connections", float64(g.Connections()))
		shards, err := b.Stats(e.Context())
		if err != nil {
			e.Missing("broker", err)
			return
		}
		sum := sumBroker(shards)
		emitRequests(e, &sum)
		emitClients(e, &sum)
		for _, t := range snapshot().Topics {
			if n, ok := sum.ShadowRejected[t.Name]; ok || t.Shadow != nil {
				e.Value("umbra_shadow_writes_rejected_total", float64(n), t.Name)
			}
		}
	}
}

func sumBroker(shards []broker.Stats) broker.Stats {
	sum := broker.Stats{Errors: map[kafkaproto.ErrorCode]uint64{}, ShadowRejected: map[string]uint64{}}
	for i := range shards {
		s := &shards[i]
		addAll(sum.Requests[:], s.Requests[:])
		addAll(sum.Latency[:], s.Latency[:])
		for code, n := range s.Errors {
			sum.Errors[code] += n
		}
		for topic, n := range s.ShadowRejected {
			sum.ShadowRejected[topic] += n
		}
		sum.LatencyMicros += s.LatencyMicros
		sum.BytesIn += s.BytesIn
		sum.BytesOut += s.BytesOut
		sum.Parked += s.Parked
		sum.Sessions += s.Sessions
		sum.SessionPartitions += s.SessionPartitions
		sum.SessionsEvicted += s.SessionsEvicted
		sum.SessionsRefused += s.SessionsRefused
		sum.FrameBytes += s.FrameBytes
		sum.ClosedProtocol += s.ClosedProtocol
		sum.Starved += s.Starved
		sum.Stalled += s.Stalled
	}
	return sum
}

func addAll(to, from []uint64) {
	for i, n := range from {
		to[i] += n
	}
}

func emitRequests(e *Emit, s *broker.Stats) {
	for _, api := range kafkaproto.APIs() {
		e.Value("umbra_kafka_requests_total", float64(s.Requests[api.Key]), api.Name)
	}
	e.Value("umbra_kafka_request_bytes_total", float64(s.BytesIn))
	e.Value("umbra_kafka_response_bytes_total", float64(s.BytesOut))
	e.Histogram("umbra_kafka_request_seconds", s.Latency[:], time.Duration(s.LatencyMicros)*time.Microsecond)
	for code, n := range s.Errors {
		e.Value("umbra_kafka_request_errors_total", float64(n), code.Error())
	}
}

func emitClients(e *Emit, s *broker.Stats) {
	e.Value("umbra_kafka_connections_cut_total", float64(s.ClosedProtocol))
	e.Value("umbra_kafka_reads_starved_total", float64(s.Starved))
	e.Value("umbra_kafka_produces_stalled_total", float64(s.Stalled))
	e.Value("umbra_kafka_frame_bytes", float64(s.FrameBytes))
	e.Value("umbra_kafka_fetches_parked", float64(s.Parked))
	e.Value("umbra_kafka_fetch_sessions", float64(s.Sessions))
	e.Value("umbra_kafka_fetch_session_partitions", float64(s.SessionPartitions))
	e.Value("umbra_kafka_fetch_sessions_evicted_total", float64(s.SessionsEvicted))
	e.Value("umbra_kafka_fetch_sessions_refused_total", float64(s.SessionsRefused))
}
