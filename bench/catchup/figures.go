package catchup

import (
	"fmt"
	"time"

	"umbra/bench/measure"
	"umbra/bench/report"
	"umbra/bench/traffic/load"
)

// figure is the median of one value of the rounds whose windows, in the named phases, are
// clean; of all, and dirty, where those are fewer than half. A round without the value
// is left out.
func (r *Report) figure(name, unit, better string, value func(*Round) (float64, bool), phases ...string) report.Figure {
	var all, good []float64
	for _, round := range r.Rounds {
		v, ok := value(round)
		if !ok {
			continue
		}
		all = append(all, v)
		if round.clean(phases) {
			good = append(good, v)
		}
	}
	f := report.Figure{Name: "catchup/" + name, Unit: unit, Better: better}
	if len(good)*2 < len(all) {
		good, f.Dirty = all, true
	}
	f.Samples = len(good)
	f.Value, f.Low, f.High = report.Median(good)
	return f
}

func (r *Round) clean(phases []string) bool {
	for _, name := range phases {
		if p := r.phase(name); p != nil && !p.Window.Clean() {
			return false
		}
	}
	return true
}

// settle fills in figures and charts from the rounds.
func (r *Report) settle() {
	during := func(v func(*Round) float64) func(*Round) (float64, bool) {
		return func(round *Round) (float64, bool) { return v(round), round.GiBps > 0 }
	}
	r.Figures = append(r.Figures,
		r.figure("backlog_gib", "GiB", "", during(func(x *Round) float64 { return float64(x.Backlog) / (1 << 30) }), During),
		r.figure("rate_gib_per_s", "GiB/s", report.More, during(func(x *Round) float64 { return x.GiBps }), During),
		r.figure("seconds", "s", report.Less, during(func(x *Round) float64 { return x.Seconds }), During),
		r.figure("cpu_s_per_gib", "CPU-s/GiB", report.Less, during(func(x *Round) float64 { return x.Cost }), During))
	for _, phase := range []string{Before, Outage, During, After} {
		of := func(v func(*Phase) float64) func(*Round) (float64, bool) {
			return func(round *Round) (float64, bool) {
				p := round.phase(phase)
				if p == nil || p.Produce.Count == 0 {
					return 0, false
				}
				return v(p), true
			}
		}
		r.Figures = append(r.Figures,
			r.figure("local_produce_p50_"+phase, "ms", report.Less, of(func(p *Phase) float64 { return p.Produce.P50 }), phase),
			r.figure("local_produce_p99_"+phase, "ms", report.Less, of(func(p *Phase) float64 { return p.Produce.P99 }), phase),
			r.figure("local_consume_p99_"+phase, "ms", report.Less, of(func(p *Phase) float64 { return p.Consume.P99 }), phase))
	}
	r.charts()
}

func (r *Report) charts() {
	lag := report.Chart{ID: "catchup-lag", Title: "Lag of the shadow; 0 is when the link was resumed", Kind: report.Lines, X: "s", Y: "MiB behind"}
	local := report.Chart{ID: "catchup-local-p99", Title: "p99 of local clients in each second; 0 is when the link was resumed", Kind: report.Lines, X: "s", Y: "ms", LogY: true}
	waits := report.Chart{ID: "catchup-local-quantiles", Title: "Local producing, due to acknowledged, by phase", Kind: report.Quantiles, X: "quantile", Y: "ms", LogY: true}
	for i, round := range r.Rounds {
		d := round.phase(During)
		if d == nil {
			continue
		}
		s := report.Series{Name: fmt.Sprintf("round %d", i+1)}
		for _, p := range round.Lag {
			s.X, s.Y = append(s.X, time.Duration(p.At-d.Begin).Seconds()), append(s.Y, float64(p.Behind)/(1<<20))
		}
		lag.Series = append(lag.Series, s)
		produce, consume := report.Series{Name: fmt.Sprintf("produce, round %d", i+1)}, report.Series{Name: fmt.Sprintf("consume, round %d", i+1)}
		for _, l := range round.Local {
			produce.X, produce.Y = append(produce.X, l.Second), append(produce.Y, l.Produce)
			consume.X, consume.Y = append(consume.X, l.Second), append(consume.Y, l.Consume)
		}
		local.Series = append(local.Series, produce, consume)
	}
	for _, name := range []string{Before, Outage, During, After} {
		var h load.Histogram
		for _, round := range r.Rounds {
			if p := round.phase(name); p != nil {
				h.Merge(p.produce)
			}
		}
		if x, y := h.Curve(); len(x) > 0 {
			waits.Series = append(waits.Series, report.Series{Name: name, X: x, Y: y})
		}
	}
	if len(lag.Series) > 0 {
		r.Charts = append(r.Charts, lag, local, waits)
	}
}

// remark says what a reader must know beside the figures.
func (r *Report) remark(o Options) {
	var m report.Remarks
	if o.Backlog > 0 {
		m.Say("the outage: the link is paused, and the source is written as fast as it takes it until the backlog is there")
	} else {
		m.Say("the outage: the link is paused for %v, at the rate the source always has", o.Outage)
	}
	m.Say("the source grows by %.0f MB/s all the time; local clients produce %.0f batches/s with acks=all (fsynced) over %d connections and read them over %d; latency is open loop, from when a batch was due", o.Rate/1e6, o.LocalRate, min(o.LocalConns, o.Partitions), o.LocalConns)
	m.Say("source, umbra and all clients share this machine's cores: what local clients feel while the shadow catches up is umbra's and the source's use of them together")
	var d report.Disturbance
	for i, round := range r.Rounds {
		for k := range round.Phases {
			d.Look(fmt.Sprintf("round %d %s", i+1, round.Phases[k].Name), &round.Phases[k].Window)
		}
	}
	if d.Dirty() {
		m.Say("%s", d.String())
	}
	m.Place(r.Env)
	r.Remarks = m.Lines()
}

// cores is what a process used in a window, in cores.
func cores(w measure.Window, process string) float64 {
	if w.Wall <= 0 {
		return 0
	}
	return w.CPU[process].Seconds() / w.Wall.Seconds()
}
