package traffic

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"umbra/bench/measure"
	"umbra/bench/traffic/load"
)

// times is a distribution of one time, so often.
func times(n int, d time.Duration) (h load.Histogram) {
	for range n {
		h.Add(d)
	}
	return h
}

// loaded is a round of 2 s a load: 100 batches at a fixed rate, then, at full speed,
// 1000 batches produced or 4000 records read.
func loaded(b Bench, noise ...string) Round {
	fixed := load.Result{Batches: 100, Wall: 2 * time.Second, Latency: times(100, 8*time.Millisecond), Late: times(100, 50*time.Microsecond), Acked: times(100, 2*time.Millisecond)}
	flat := load.Result{Batches: 1000, Wall: 2 * time.Second, Latency: times(1000, time.Second)}
	if b == Consume {
		flat = load.Result{Records: 4000, Wall: 2 * time.Second}
	}
	w := measure.Window{Wall: 3 * time.Second, Noise: noise}
	return Round{Paced: newSample(Umbra, fixed, w), Full: newSample(Umbra, flat, w)}
}

// Each kind of load tells what it measures, and nothing else.
func TestOpenMessaging(t *testing.T) {
	o := good()
	o.Partitions = 4
	f := func(b Bench, n int, want map[string]any, empty ...string) {
		t.Helper()
		o.Bench = b
		r := &Report{Bench: b, Cells: []*Cell{{System: Kafka, Conns: 16, Batch: 10}, {System: Umbra, Conns: 16, Batch: 10, Rounds: []Round{loaded(b), loaded(b, "others"), loaded(b)}}}}
		r.openMessaging(o)
		if len(r.OpenMessaging) != 2 {
			t.Fatalf("%s: %d results; want two of the one system that has rounds", b, len(r.OpenMessaging))
		}
		doc, err := json.Marshal(r.OpenMessaging[n])
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]any{}
		if err := json.Unmarshal(doc, &got); err != nil {
			t.Fatal(err)
		}
		for key, v := range want {
			if !reflect.DeepEqual(got[key], v) {
				t.Errorf("%s: %s is %v, want %v", got["workload"], key, got[key], v)
			}
		}
		for _, key := range empty {
			if !reflect.DeepEqual(got[key], []any{}) {
				t.Errorf("%s: %s is %v, and it was not measured", got["workload"], key, got[key])
			}
		}
	}
	twice := func(v float64) []any { return []any{v, v} } // the clean rounds
	f(Produce, 0, map[string]any{"workload": "produce 1000 batches/s, 16 connections, batches of 10", "driver": Umbra, "messageSize": 1024.0, "topics": 1.0, "partitions": 4.0,
		"producersPerTopic": 16.0, "consumersPerTopic": 0.0, "publishRate": twice(500), "publishErrorRate": twice(0),
		"publishLatency99pct": twice(8.003), "publishDelayLatencyMax": twice(50), "aggregatedPublishLatency50pct": 8.003, "aggregatedPublishLatencyQuantiles": map[string]any{"100": 8.003}},
		"consumeRate", "backlog", "endToEndLatencyAvg")
	f(Produce, 1, map[string]any{"workload": "produce as fast as it goes, 16 connections, batches of 10", "publishRate": twice(5000), "aggregatedPublishLatencyMax": 0.0},
		"consumeRate", "backlog", "publishLatency99pct", "publishDelayLatencyMax", "endToEndLatencyAvg")
	f(Consume, 0, map[string]any{"workload": "read the end of 1000 batches/s, 16 connections, batches of 10", "partitions": 16.0, "producersPerTopic": 16.0, "consumersPerTopic": 16.0,
		"publishRate": twice(500), "consumeRate": twice(500), "backlog": twice(0), "publishLatency50pct": twice(2), "endToEndLatency50pct": twice(8.003), "aggregatedEndToEndLatencyMax": 8.003})
	f(Consume, 1, map[string]any{"workload": "read from the start, 16 connections, batches of 10", "partitions": 4.0, "producersPerTopic": 0.0, "consumersPerTopic": 16.0,
		"consumeRate": twice(2000), "backlog": twice(0), "aggregatedEndToEndLatencyMax": 0.0},
		"publishRate", "publishErrorRate", "publishLatencyAvg", "endToEndLatency50pct")
}
