package observe

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
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
	log      *slog.Logger

	mu         sync.Mutex // owners register while scrapes run
	collectors []func(*Emit)
	errors     atomic.Uint64
	complained sync.Map // sample names whose fault has been logged
}

// NewRegistry returns a registry with the catalogue's families. log hears of
// samples that are not in the catalogue, once for each.
func NewRegistry(log *slog.Logger) *Registry {
	// The library gives go_* and process_*. Its switch for TYPE lines is global;
	// every Registry wants it on.
	metrics.ExposeMetadata(true)
	r := &Registry{families: map[string]Family{}, order: Families(), log: log}
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

// Emit takes the samples of one scrape.
type Emit struct {
	ctx     context.Context
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
	if b := e.begin(fam, labelValues); b != nil {
		sample(b, series(fam, labelValues), v)
	}
}

// Context ends when the scrape must: what asks a shard's loop passes it on.
func (e *Emit) Context() context.Context { return e.ctx }

// Missing counts that an owner could not read its figures in time; its series
// are left out of this scrape.
func (e *Emit) Missing(owner string, err error) {
	e.r.errors.Add(1)
	e.r.log.Debug("figures left out of a scrape", "owner", owner, "err", err)
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
		b.WriteString(escapeLabel(v))
		b.WriteByte('"')
	}
	b.WriteByte('}')
	return b.String()
}

// escapeLabel is for the few values that need it: making a Replacer for each took
// a twelfth of a scrape.
func escapeLabel(v string) string {
	if !strings.ContainsAny(v, "\\\"\n") {
		return v
	}
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(v)
}

// scrapeTimeout is how long the owners of one scrape may take together.
const scrapeTimeout = 5 * time.Second

// Write writes everything in the Prometheus text format: the catalogue's
// families in its order, then go_* and process_*.
func (r *Registry) Write(ctx context.Context, w io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, scrapeTimeout)
	defer cancel()
	e := &Emit{ctx: ctx, r: r, samples: map[string]*bytes.Buffer{}, seen: map[string]bool{}}
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
	metrics.WriteProcessMetrics(&lib)
	withoutEmptyHelp(&out, lib.Bytes())
	_, err := w.Write(out.Bytes())
	return err
}

// withoutEmptyHelp copies the library's output but for HELP lines without a
// text, which it writes.
func withoutEmptyHelp(out *bytes.Buffer, text []byte) {
	for line := range bytes.Lines(text) {
		if name, ok := bytes.CutPrefix(line, []byte("# HELP ")); ok && !bytes.ContainsRune(bytes.TrimSpace(name), ' ') {
			continue
		}
		out.Write(line)
	}
}
