package link

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"umbra/bench/shadow"
)

// Vitals is what an umbra said of itself over the run.
type Vitals struct {
	Engine string    `json:"engine"`
	Pauses Histogram `json:"gc_pauses"`         // the whole world stood still
	Waits  Histogram `json:"scheduling_waits"`  // of goroutines that could run
	Loops  []float64 `json:"loop_lags_seconds"` // what the slowest loop took to answer a probe, while it copied in the warm-up
}

// Histogram is what the Go runtime counts, as differences of two scrapes. A quantile
// is the upper bound of its bucket.
type Histogram struct {
	Count int64   `json:"count"`
	P50   float64 `json:"p50_ms"`
	P99   float64 `json:"p99_ms"`
	Max   float64 `json:"max_ms"`
}

// The names in umbra's metrics. It has no histogram of loop stalls; the probes of its
// loops, one for each scrape, stand in for it.
const (
	metricPauses = "go_gc_pauses_seconds_bucket"
	metricWaits  = "go_sched_latencies_seconds_bucket"
	metricLoop   = "umbra_shard_lag_seconds{"

	metricMallocs     = "go_memstats_mallocs_total"
	metricMallocBytes = "go_memstats_alloc_bytes_total"
)

// Heap is what an umbra took from Go's heap during a transfer, whatever for. The
// records lie outside it. One scrape of its metrics is in it.
type Heap struct {
	Allocations float64 `json:"allocations"`
	Bytes       float64 `json:"bytes"`
}

// heap reads what an umbra has allocated since it began.
func heap(ctx context.Context, s *shadow.Shadow) (Heap, error) {
	values, err := s.Daemon.MetricValues(ctx)
	return Heap{Allocations: values[metricMallocs], Bytes: values[metricMallocBytes]}, err
}

// since is what was allocated from one reading to the next.
func (h Heap) since(begin Heap) *Heap {
	return &Heap{Allocations: h.Allocations - begin.Allocations, Bytes: h.Bytes - begin.Bytes}
}

// probeEvery is the pause between two probes of the loops; a scrape is work, too.
const probeEvery = 200 * time.Millisecond

// pulse is a scrape at the begin of the run, and what was probed since.
type pulse struct {
	begin map[string]float64
	loops []float64
}

// feel takes the first scrape of an umbra.
func feel(ctx context.Context, s *shadow.Shadow) (p *pulse, err error) {
	p = &pulse{}
	p.begin, err = s.Daemon.MetricValues(ctx)
	return p, err
}

// probe asks for the lag of the loops again and again until ctx ends.
func (p *pulse) probe(ctx context.Context, s *shadow.Shadow) error {
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		values, err := s.Daemon.MetricValues(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("probe the loops: %w", err)
		}
		worst := 0.0
		for name, v := range values {
			if strings.HasPrefix(name, metricLoop) {
				worst = max(worst, v)
			}
		}
		p.loops = append(p.loops, worst)
	}
}

// vitals takes the last scrape.
func (p *pulse) vitals(ctx context.Context, s *shadow.Shadow) (*Vitals, error) {
	end, err := s.Daemon.MetricValues(ctx)
	if err != nil {
		return nil, err
	}
	return &Vitals{Engine: s.Engine, Pauses: histogram(p.begin, end, metricPauses), Waits: histogram(p.begin, end, metricWaits), Loops: p.loops}, nil
}

// histogram subtracts two scrapes of cumulative buckets.
func histogram(begin, end map[string]float64, name string) Histogram {
	type bucket struct{ bound, count float64 }
	var buckets []bucket
	for series, count := range end {
		rest, ok := strings.CutPrefix(series, name+`{le="`)
		bound, err := strconv.ParseFloat(strings.TrimSuffix(rest, `"}`), 64)
		if ok && err == nil {
			buckets = append(buckets, bucket{bound, count - begin[series]})
		}
	}
	slices.SortFunc(buckets, func(a, b bucket) int { return cmp.Compare(a.bound, b.bound) })
	if len(buckets) == 0 {
		return Histogram{}
	}
	total := buckets[len(buckets)-1].count
	at := func(q float64) float64 {
		last := 0.0
		for _, b := range buckets {
			if math.IsInf(b.bound, 1) {
				break
			}
			last = b.bound
			if b.count >= q*total {
				break
			}
		}
		return 1000 * last
	}
	if total <= 0 {
		return Histogram{}
	}
	return Histogram{Count: int64(total), P50: at(0.5), P99: at(0.99), Max: at(1)}
}
