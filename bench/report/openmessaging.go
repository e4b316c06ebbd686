package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"umbra/bench/hdr"
)

// OpenMessaging is one system under one load in the keys of a result file of the
// OpenMessaging Benchmark, so that its tools draw it beside others'. Only what the
// bench has is filled; keys that it lacks stay empty lists and zeros, as there.
//
// Make one with NewOpenMessaging, Add an interval of time after the other (10 s is
// usual there), Finish it, and put it into Document.OpenMessaging.
type OpenMessaging struct {
	Workload          string `json:"workload"`
	Driver            string `json:"driver"` // the system: umbra, Kafka, MirrorMaker 2
	MessageSize       int    `json:"messageSize"`
	Topics            int    `json:"topics"`
	Partitions        int    `json:"partitions"` // of each topic
	ProducersPerTopic int    `json:"producersPerTopic"`
	ConsumersPerTopic int    `json:"consumersPerTopic"`

	PublishRate      []float64 `json:"publishRate"`      // records/s
	PublishErrorRate []float64 `json:"publishErrorRate"` // records/s
	ConsumeRate      []float64 `json:"consumeRate"`      // records/s
	Backlog          []int64   `json:"backlog"`          // records

	publishSeries
	publishDelaySeries
	endToEndSeries
}

// Load is what an OpenMessaging result is about.
type Load struct {
	Workload             string // its name
	Driver               string
	MessageSize          int // bytes
	Topics, Partitions   int // partitions of each topic
	Producers, Consumers int // of each topic
}

// Interval is what happened in one stretch of time. The histograms count in
// microseconds, are borrowed, and may be nil where nothing of the kind was recorded.
type Interval struct {
	Length    time.Duration
	Published int64 // records acknowledged
	Failed    int64 // records that were not
	Consumed  int64 // records read by all readers
	Backlog   int64 // records published and not read yet, at the end

	Publish      *hdrhistogram.Histogram // from sending, or from when it was due, to the acknowledgement
	PublishDelay *hdrhistogram.Histogram // of the generator behind its timetable
	EndToEnd     *hdrhistogram.Histogram // from publishing, or from when it was due, to readable
}

// NewOpenMessaging begins a result.
func NewOpenMessaging(l Load) *OpenMessaging {
	o := &OpenMessaging{Workload: l.Workload, Driver: l.Driver, MessageSize: l.MessageSize, Topics: l.Topics, Partitions: l.Partitions,
		ProducersPerTopic: l.Producers, ConsumersPerTopic: l.Consumers}
	o.PublishRate, o.PublishErrorRate, o.ConsumeRate, o.Backlog = []float64{}, []float64{}, []float64{}, []int64{}
	for _, s := range o.series() {
		s.clear()
	}
	return o
}

// Add appends an interval. One without a length is left out, and so are the rates of
// a side, producers or consumers, that the load does not have.
func (o *OpenMessaging) Add(i Interval) {
	seconds := i.Length.Seconds()
	if seconds <= 0 {
		return
	}
	if o.ProducersPerTopic > 0 {
		o.PublishRate = append(o.PublishRate, float64(i.Published)/seconds)
		o.PublishErrorRate = append(o.PublishErrorRate, float64(i.Failed)/seconds)
	}
	if o.ConsumersPerTopic > 0 {
		o.ConsumeRate = append(o.ConsumeRate, float64(i.Consumed)/seconds)
		o.Backlog = append(o.Backlog, i.Backlog)
	}
	for n, h := range []*hdrhistogram.Histogram{i.Publish, i.PublishDelay, i.EndToEnd} {
		if h != nil {
			o.series()[n].add(h)
		}
	}
}

// Finish fills what is about the whole run. The histograms count in microseconds
// over all of it, are borrowed, and may be nil.
func (o *OpenMessaging) Finish(publish, publishDelay, endToEnd *hdrhistogram.Histogram) {
	for n, h := range []*hdrhistogram.Histogram{publish, publishDelay, endToEnd} {
		if h != nil {
			o.series()[n].aggregate(h)
		}
	}
}

// series are the three kinds of latencies.
func (o *OpenMessaging) series() [3]latencySeries {
	p, d, e := &o.publishSeries, &o.publishDelaySeries, &o.endToEndSeries
	return [3]latencySeries{
		{1000, [9]*[]float64{&p.Avg, &p.P50, &p.P75, &p.P95, &p.P99, &p.P999, &p.P9999, &p.P99999, &p.Max},
			[9]*float64{&p.AllAvg, &p.All50, &p.All75, &p.All95, &p.All99, &p.All999, &p.All9999, &p.All99999, &p.AllMax}, &p.Quantiles},
		{1, [9]*[]float64{&d.Avg, &d.P50, &d.P75, &d.P95, &d.P99, &d.P999, &d.P9999, &d.P99999, &d.Max},
			[9]*float64{&d.AllAvg, &d.All50, &d.All75, &d.All95, &d.All99, &d.All999, &d.All9999, &d.All99999, &d.AllMax}, &d.Quantiles},
		{1000, [9]*[]float64{&e.Avg, &e.P50, &e.P75, &e.P95, &e.P99, &e.P999, &e.P9999, &e.P99999, &e.Max},
			[9]*float64{&e.AllAvg, &e.All50, &e.All75, &e.All95, &e.All99, &e.All999, &e.All9999, &e.All99999, &e.AllMax}, &e.Quantiles},
	}
}

// latencySeries are the fields of one kind: the mean, seven percentiles and the
// largest, for each interval and for all of them.
type latencySeries struct {
	scale     float64 // microseconds in the unit written: ms, and us for the delay of publishing
	each      [9]*[]float64
	all       [9]*float64
	quantiles *OpenMessagingQuantiles
}

func (s latencySeries) clear() {
	for _, f := range s.each {
		*f = []float64{}
	}
}

func (s latencySeries) add(h *hdrhistogram.Histogram) {
	for n, v := range s.values(h) {
		*s.each[n] = append(*s.each[n], v)
	}
}

func (s latencySeries) aggregate(h *hdrhistogram.Histogram) {
	for n, v := range s.values(h) {
		*s.all[n] = v
	}
	*s.quantiles = nil
	for p := range hdr.Points(h) {
		*s.quantiles = append(*s.quantiles, OpenMessagingQuantile{100 * p.Quantile, float64(p.Value) / s.scale})
	}
}

func (s latencySeries) values(h *hdrhistogram.Histogram) (out [9]float64) {
	out[0] = h.Mean() / s.scale
	for n, p := range []float64{50, 75, 95, 99, 99.9, 99.99, 99.999} {
		out[n+1] = float64(h.ValueAtPercentile(p)) / s.scale
	}
	out[8] = float64(h.Max()) / s.scale
	return out
}

// OpenMessagingQuantiles is a distribution; in JSON it is an object from percentile
// to value.
type OpenMessagingQuantiles []OpenMessagingQuantile

// OpenMessagingQuantile is one place of it.
type OpenMessagingQuantile struct{ Percentile, Value float64 }

// MarshalJSON keeps the order of the percentiles, which a map would not.
func (q OpenMessagingQuantiles) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, p := range q {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%q:%s", strconv.FormatFloat(p.Percentile, 'f', -1, 64), strconv.FormatFloat(p.Value, 'f', -1, 64))
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// UnmarshalJSON reads the percentiles in the order they stand in.
func (q *OpenMessagingQuantiles) UnmarshalJSON(text []byte) error {
	d := json.NewDecoder(bytes.NewReader(text))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return fmt.Errorf("read quantiles: begins with %v; want an object (%w)", open, err)
	}
	*q = nil
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return err
		}
		var p OpenMessagingQuantile
		if p.Percentile, err = strconv.ParseFloat(fmt.Sprint(key), 64); err != nil {
			return fmt.Errorf("read quantiles: %w", err)
		}
		if err := d.Decode(&p.Value); err != nil {
			return fmt.Errorf("read quantiles: at %v: %w", p.Percentile, err)
		}
		*q = append(*q, p)
	}
	return nil
}
