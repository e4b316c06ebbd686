package report

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// openMessagingKeys are all keys of a result file of the OpenMessaging Benchmark.
func openMessagingKeys() []string {
	keys := []string{"workload", "driver", "messageSize", "topics", "partitions", "producersPerTopic", "consumersPerTopic",
		"publishRate", "publishErrorRate", "consumeRate", "backlog",
		"aggregatedPublishLatencyQuantiles", "aggregatedPublishDelayLatencyQuantiles", "aggregatedEndToEndLatencyQuantiles"}
	for _, name := range []string{"publishLatency", "publishDelayLatency", "endToEndLatency", "aggregatedPublishLatency", "aggregatedPublishDelayLatency", "aggregatedEndToEndLatency"} {
		for _, what := range []string{"Avg", "50pct", "75pct", "95pct", "99pct", "999pct", "9999pct", "99999pct", "Max"} {
			keys = append(keys, name+what)
		}
	}
	return keys
}

// micros is a histogram of 1, 2, .. n times 10 us.
func micros(t *testing.T, n int) *hdrhistogram.Histogram {
	t.Helper()
	h := hdrhistogram.New(1, 1e9, 3)
	for v := range n {
		if err := h.RecordValue(int64(10 * (v + 1))); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

func openMessaging(t *testing.T) *OpenMessaging {
	t.Helper()
	o := NewOpenMessaging(Load{Workload: "1 topic, 10 partitions", Driver: "umbra", MessageSize: 1024, Topics: 1, Partitions: 10, Producers: 1, Consumers: 1})
	h := micros(t, 100)
	for range 3 {
		o.Add(Interval{Length: 10 * time.Second, Published: 1000, Failed: 10, Consumed: 900, Backlog: 100, Publish: h, PublishDelay: h, EndToEnd: h})
	}
	o.Add(Interval{})
	o.Finish(h, h, h)
	return o
}

func keysOf(t *testing.T, v any) map[string]any {
	t.Helper()
	doc, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]any{}
	if err := json.Unmarshal(doc, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestOpenMessagingKeys(t *testing.T) {
	want := openMessagingKeys()
	slices.Sort(want)
	for _, o := range []*OpenMessaging{openMessaging(t), NewOpenMessaging(Load{})} {
		got := slices.Sorted(maps.Keys(keysOf(t, o)))
		if !slices.Equal(got, want) {
			t.Errorf("got %q\nwant %q", got, want)
		}
	}
	// What is not filled is an empty list, not null: the tools iterate over it.
	for key, v := range keysOf(t, NewOpenMessaging(Load{})) {
		if v == nil {
			t.Errorf("%s is null", key)
		}
	}
}

func TestOpenMessagingValues(t *testing.T) {
	got := keysOf(t, openMessaging(t))
	for key, want := range map[string]any{
		"driver": "umbra", "messageSize": 1024.0,
		"publishRate": []any{100.0, 100.0, 100.0}, "publishErrorRate": []any{1.0, 1.0, 1.0}, "consumeRate": []any{90.0, 90.0, 90.0}, "backlog": []any{100.0, 100.0, 100.0},
		"publishLatency50pct": []any{0.5, 0.5, 0.5}, "endToEndLatencyMax": []any{1.0, 1.0, 1.0}, "publishDelayLatency50pct": []any{500.0, 500.0, 500.0},
		"aggregatedPublishLatency99pct": 0.99, "aggregatedEndToEndLatencyMax": 1.0, "aggregatedPublishDelayLatencyMax": 1000.0,
	} {
		if !reflect.DeepEqual(got[key], want) {
			t.Errorf("%s is %v, want %v", key, got[key], want)
		}
	}
	quantiles := got["aggregatedEndToEndLatencyQuantiles"].(map[string]any)
	if quantiles["100"] != 1.0 || quantiles["50"] != 0.5 {
		t.Errorf("quantiles: %v", quantiles)
	}
}

func TestOpenMessagingRoundTrip(t *testing.T) {
	want := openMessaging(t)
	doc, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var back OpenMessaging
	if err := json.Unmarshal(doc, &back); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(&back, want) {
		t.Errorf("got %+v\nwant %+v", &back, want)
	}
	for i, q := range back.endToEndSeries.Quantiles[1:] {
		if q.Percentile <= back.endToEndSeries.Quantiles[i].Percentile {
			t.Errorf("out of order: %v", back.endToEndSeries.Quantiles)
		}
	}
	for _, bad := range []string{`[]`, `{"x":1}`, `{"50":"y"}`} {
		var q OpenMessagingQuantiles
		if err := json.Unmarshal([]byte(bad), &q); err == nil {
			t.Errorf("%s was read as %v", bad, fmt.Sprint(q))
		}
	}
}
