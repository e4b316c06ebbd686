package link

import (
	"context"
	"fmt"
	"maps"
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
	Turns  Histogram `json:"loop_turns"`        // of all loops: for how long one ran nothing else
	Loops  []float64 `json:"loop_lags_seconds"` // what the slowest loop took to answer a probe, while it copied in the warm-up
}

// Histogram is what the Go runtime or umbra counts, as differences of two scrapes. A
// quantile is the upper bound of its bucket; those of umbra are a factor of two apart,
// from 64 us on.
type Histogram struct {
	Count int64   `json:"count"`
	P50   float64 `json:"p50_ms"`
	P99   float64 `json:"p99_ms"`
	Max   float64 `json:"max_ms"`
}

// The names in umbra's metrics. A turn is for how long a loop was busy with one event; a
// lag is what a probe waited for, which can be several turns, and for a processor, too.
const (
	metricPauses = "go_gc_pauses_seconds_bucket"
	metricWaits  = "go_sched_latencies_seconds_bucket"
	metricTurns  = "umbra_shard_turn_seconds_bucket"
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
	of := func(metric string) Histogram { return histogram(p.begin, end, metric) }
	return &Vitals{Engine: s.Engine, Pauses: of(metricPauses), Waits: of(metricWaits), Turns: of(metricTurns), Loops: p.loops}, nil
}

// histogram subtracts two scrapes of cumulative buckets, and sums what differs in other
// labels than the bound, which comes last.
func histogram(begin, end map[string]float64, name string) Histogram {
	counts := map[float64]float64{}
	for series, count := range end {
		labels, ok := strings.CutPrefix(series, name+"{")
		_, le, has := strings.Cut(","+labels, `,le="`)
		bound, err := strconv.ParseFloat(strings.TrimSuffix(le, `"}`), 64)
		if ok && has && err == nil {
			counts[bound] += count - begin[series]
		}
	}
	if len(counts) == 0 {
		return Histogram{}
	}
	bounds := slices.Sorted(maps.Keys(counts))
	total := counts[bounds[len(bounds)-1]]
	at := func(q float64) float64 {
		last := 0.0
		for _, bound := range bounds {
			if math.IsInf(bound, 1) {
				break
			}
			last = bound
			if counts[bound] >= q*total {
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
