package report

// The keys are those of the OpenMessaging Benchmark, which spells every one out.

// publishSeries are the latencies from sending to the acknowledgement, in ms.
type publishSeries struct {
	Avg    []float64 `json:"publishLatencyAvg"`
	P50    []float64 `json:"publishLatency50pct"`
	P75    []float64 `json:"publishLatency75pct"`
	P95    []float64 `json:"publishLatency95pct"`
	P99    []float64 `json:"publishLatency99pct"`
	P999   []float64 `json:"publishLatency999pct"`
	P9999  []float64 `json:"publishLatency9999pct"`
	P99999 []float64 `json:"publishLatency99999pct"`
	Max    []float64 `json:"publishLatencyMax"`

	AllAvg   float64 `json:"aggregatedPublishLatencyAvg"`
	All50    float64 `json:"aggregatedPublishLatency50pct"`
	All75    float64 `json:"aggregatedPublishLatency75pct"`
	All95    float64 `json:"aggregatedPublishLatency95pct"`
	All99    float64 `json:"aggregatedPublishLatency99pct"`
	All999   float64 `json:"aggregatedPublishLatency999pct"`
	All9999  float64 `json:"aggregatedPublishLatency9999pct"`
	All99999 float64 `json:"aggregatedPublishLatency99999pct"`
	AllMax   float64 `json:"aggregatedPublishLatencyMax"`

	Quantiles OpenMessagingQuantiles `json:"aggregatedPublishLatencyQuantiles"`
}

// publishDelaySeries are the latencies of the generator behind its timetable, in us.
type publishDelaySeries struct {
	Avg    []float64 `json:"publishDelayLatencyAvg"`
	P50    []float64 `json:"publishDelayLatency50pct"`
	P75    []float64 `json:"publishDelayLatency75pct"`
	P95    []float64 `json:"publishDelayLatency95pct"`
	P99    []float64 `json:"publishDelayLatency99pct"`
	P999   []float64 `json:"publishDelayLatency999pct"`
	P9999  []float64 `json:"publishDelayLatency9999pct"`
	P99999 []float64 `json:"publishDelayLatency99999pct"`
	Max    []float64 `json:"publishDelayLatencyMax"`

	AllAvg   float64 `json:"aggregatedPublishDelayLatencyAvg"`
	All50    float64 `json:"aggregatedPublishDelayLatency50pct"`
	All75    float64 `json:"aggregatedPublishDelayLatency75pct"`
	All95    float64 `json:"aggregatedPublishDelayLatency95pct"`
	All99    float64 `json:"aggregatedPublishDelayLatency99pct"`
	All999   float64 `json:"aggregatedPublishDelayLatency999pct"`
	All9999  float64 `json:"aggregatedPublishDelayLatency9999pct"`
	All99999 float64 `json:"aggregatedPublishDelayLatency99999pct"`
	AllMax   float64 `json:"aggregatedPublishDelayLatencyMax"`

	Quantiles OpenMessagingQuantiles `json:"aggregatedPublishDelayLatencyQuantiles"`
}

// endToEndSeries are the latencies from publishing to readable, in ms.
type endToEndSeries struct {
	Avg    []float64 `json:"endToEndLatencyAvg"`
	P50    []float64 `json:"endToEndLatency50pct"`
	P75    []float64 `json:"endToEndLatency75pct"`
	P95    []float64 `json:"endToEndLatency95pct"`
	P99    []float64 `json:"endToEndLatency99pct"`
	P999   []float64 `json:"endToEndLatency999pct"`
	P9999  []float64 `json:"endToEndLatency9999pct"`
	P99999 []float64 `json:"endToEndLatency99999pct"`
	Max    []float64 `json:"endToEndLatencyMax"`

	AllAvg   float64 `json:"aggregatedEndToEndLatencyAvg"`
	All50    float64 `json:"aggregatedEndToEndLatency50pct"`
	All75    float64 `json:"aggregatedEndToEndLatency75pct"`
	All95    float64 `json:"aggregatedEndToEndLatency95pct"`
	All99    float64 `json:"aggregatedEndToEndLatency99pct"`
	All999   float64 `json:"aggregatedEndToEndLatency999pct"`
	All9999  float64 `json:"aggregatedEndToEndLatency9999pct"`
	All99999 float64 `json:"aggregatedEndToEndLatency99999pct"`
	AllMax   float64 `json:"aggregatedEndToEndLatencyMax"`

	Quantiles OpenMessagingQuantiles `json:"aggregatedEndToEndLatencyQuantiles"`
}
