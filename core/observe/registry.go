package observe

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"
)

// Registry gathers the metrics of one daemon. All methods are safe for any
// goroutine.
type Registry struct {
	families map[string]Family
	order    []Family
	set      *metrics.Set // histograms; the library's own counters and gauges are not used
	log      *slog.Logger

	mu         sync.Mutex // owners register while scrapes run
	collectors []func(*Emit)
	errors     atomic.Uint64
	complained sync.Map // sample names whose fault has been logged
}

// NewRegistry returns a registry with the catalogue's families. log hears of
// samples that are not in the catalogue, once for each.
func NewRegistry(log *slog.Logger) *Registry {
	// The library's switch for TYPE lines is global; every Registry wants it on.
	metrics.ExposeMetadata(true)
	r := &Registry{families: map[string]Family{}, order: Families(), set: metrics.NewSet(), log: log}
	for _, fam := range r.order {
		r.families[fam.Name] = fam
	}
	r.Register(func(e *Emit) { e.Value("umbra_metrics_errors_total", float64(r.errors.Load())) })
	return r
}

// Register adds a function that emits an owner's figures at each scrape. It
// may be called from any goroutine and must not block for long.
func (r *Registry) Register(collect func(*Emit)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.collectors = append(r.collectors, collect)
}

// Timer is a histogram of seconds.
type Timer struct{ h *metrics.PrometheusHistogram }

// Observe adds one duration.
func (t *Timer) Observe(d time.Duration) { t.h.Update(d.Seconds()) }

// Timer returns the histogram of a family of kind Histogram with the given
// label values, the same one for the same values. It panics on a name or
// labels that are not in the catalogue: that is a bug of the caller.
func (r *Registry) Timer(name string, labelValues ...string) *Timer {
	fam, ok := r.families[name]
	if !ok || fam.Kind != Histogram || len(labelValues) != len(fam.Labels) {
		panic(fmt.Sprintf("BUG: no histogram %s with %d labels in the catalogue", name, len(labelValues)))
	}
	return &Timer{r.set.GetOrCreatePrometheusHistogramExt(series(fam, labelValues), timerBuckets())}
}

// timerBuckets reach from 50 us, a local fsync on a good disk, to a minute.
func timerBuckets() []float64 {
	return []float64{50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 100e-3, 250e-3, 500e-3, 1, 2.5, 5, 10, 30, 60}
}

// Emit takes the samples of one scrape.
type Emit struct {
	r       *Registry
	samples map[string]*bytes.Buffer // per family
	seen    map[string]bool          // series
}

// Value emits one sample of a counter or gauge family; label values stand in
// the catalogue's order. A sample that is not in the catalogue, or comes
// twice, is left out, counted and logged.
func (e *Emit) Value(name string, v float64, labelValues ...string) {
	fam, ok := e.r.families[name]
	if !ok || fam.Kind == Histogram || len(labelValues) != len(fam.Labels) {
		e.r.complain(name, fmt.Sprintf("not in the catalogue as a value with %d labels", len(labelValues)))
		return
	}
	id := series(fam, labelValues)
	if e.seen[id] {
		e.r.complain(id, "emitted twice")
		return
	}
	e.seen[id] = true
	b := e.samples[name]
	if b == nil {
		b = &bytes.Buffer{}
		e.samples[name] = b
	}
	b.WriteString(id)
	b.WriteByte(' ')
	b.Write(strconv.AppendFloat(b.AvailableBuffer(), v, 'g', -1, 64))
	b.WriteByte('\n')
}

// Bool emits 1 or 0.
func (e *Emit) Bool(name string, v bool, labelValues ...string) {
	n := 0.0
	if v {
		n = 1
	}
	e.Value(name, n, labelValues...)
}

// Time emits a time as Unix seconds; a zero time emits nothing.
func (e *Emit) Time(name string, t time.Time, labelValues ...string) {
	if !t.IsZero() {
		e.Value(name, float64(t.UnixMicro())/1e6, labelValues...)
	}
}

func (r *Registry) complain(sample, why string) {
	r.errors.Add(1)
	if _, again := r.complained.LoadOrStore(sample, true); !again {
		r.log.Error("metric sample left out", "sample", sample, "why", why)
	}
}

// series writes name{label="value",...}.
func series(fam Family, values []string) string {
	if len(values) == 0 {
		return fam.Name
	}
	var b strings.Builder
	b.WriteString(fam.Name)
	for i, v := range values {
		b.WriteString([...]string{"{", ","}[min(i, 1)])
		b.WriteString(fam.Labels[i])
		b.WriteString(`="`)
		b.WriteString(labelEscaper().Replace(v))
		b.WriteByte('"')
	}
	b.WriteByte('}')
	return b.String()
}

func labelEscaper() *strings.Replacer {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)
}

// Write writes everything in the Prometheus text format: the catalogue's
// families in its order, then go_* and process_*.
func (r *Registry) Write(w io.Writer) error {
	e := &Emit{r: r, samples: map[string]*bytes.Buffer{}, seen: map[string]bool{}}
	r.mu.Lock()
	collectors := r.collectors[:len(r.collectors):len(r.collectors)]
	r.mu.Unlock()
	for _, collect := range collectors {
		collect(e)
	}
	var out bytes.Buffer
	for _, fam := range r.order {
		b := e.samples[fam.Name]
		if b == nil {
			continue
		}
		fmt.Fprintf(&out, "# HELP %s %s\n# TYPE %s %s\n", fam.Name, fam.Help, fam.Name, fam.Kind)
		out.Write(b.Bytes())
	}
	var lib bytes.Buffer
	r.set.WritePrometheus(&lib)
	metrics.WriteProcessMetrics(&lib)
	r.withHelp(&out, lib.Bytes())
	_, err := w.Write(out.Bytes())
	return err
}

// withHelp copies the library's output. It writes HELP lines without a text;
// ours get theirs from the catalogue, the others are dropped.
func (r *Registry) withHelp(out *bytes.Buffer, text []byte) {
	for line := range bytes.Lines(text) {
		if name, ok := bytes.CutPrefix(line, []byte("# HELP ")); ok {
			name = bytes.TrimSpace(name)
			if fam, ok := r.families[string(name)]; ok {
				fmt.Fprintf(out, "# HELP %s %s\n", name, fam.Help)
				continue
			}
			if !bytes.ContainsRune(name, ' ') {
				continue
			}
		}
		out.Write(line)
	}
}
