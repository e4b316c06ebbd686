package catchup

import (
	"slices"
	"time"

	"umbra/bench/delay"
	"umbra/bench/measure"
	"umbra/bench/report"
	"umbra/bench/traffic/load"
)

// Schema names the form of the document.
const Schema = "umbra-bench/catchup/1"

// Report is one run of umbra-bench catchup.
type Report struct {
	report.Document
	Rounds []*Round `json:"rounds"`
}

// Round is one outage.
type Round struct {
	Backlog int64   `json:"backlog_bytes"` // the shadow was behind when the link was resumed
	Outage  float64 `json:"outage_seconds"`
	Seconds float64 `json:"catchup_seconds"`
	Bytes   int64   `json:"catchup_bytes"` // copied meanwhile, what arrived meanwhile included
	GiBps   float64 `json:"gib_per_second"`
	Cost    float64 `json:"cpu_s_per_gib"` // of umbra over the phase, what the local clients cost it included
	Phases  []Phase `json:"phases"`
	Lag     []Point `json:"lag"`
	Local   []Local `json:"local"`
}

// The phases of a round.
const (
	Before = "before"
	Outage = "outage"
	During = "during"
	After  = "after"
)

// Phase is one of them.
type Phase struct {
	Name    string         `json:"name"`
	Begin   int64          `json:"begin"` // measure.Now
	End     int64          `json:"end"`
	Produce delay.Summary  `json:"produce"` // local: due until acknowledged
	Consume delay.Summary  `json:"consume"` // local: due until read
	Window  measure.Window `json:"window"`

	produce load.Histogram
}

// Local is one second of the local clients.
type Local struct {
	Second  float64 `json:"second"` // since the link was resumed
	Count   int     `json:"count"`
	Produce float64 `json:"produce_p99_ms"`
	Consume float64 `json:"consume_p99_ms"`
}

// phase finds a phase by its name, nil where the round broke off before.
func (r *Round) phase(name string) *Phase {
	for i := range r.Phases {
		if r.Phases[i].Name == name {
			return &r.Phases[i]
		}
	}
	return nil
}

// settle works out the round from what was seen.
func (r *Round) settle(samples []load.Sample) {
	slices.SortFunc(samples, func(a, b load.Sample) int { return int(min(1, max(-1, a.At-b.At))) })
	for i := range r.Phases {
		p := &r.Phases[i]
		var read load.Histogram
		for _, s := range samples {
			if s.At >= p.Begin && s.At < p.End {
				p.produce.Add(s.Acked)
				read.Add(s.Latency)
			}
		}
		p.Produce, p.Consume = p.produce.Summary(), read.Summary()
	}
	d := r.phase(During)
	if d == nil {
		return
	}
	r.Seconds = time.Duration(d.End - d.Begin).Seconds()
	if moved := between(r.Lag, d.Begin, d.End+1); len(moved) > 0 {
		r.Bytes = moved[len(moved)-1].Held - moved[0].Held
	}
	if gib := float64(r.Bytes) / (1 << 30); gib > 0 && r.Seconds > 0 {
		r.GiBps = gib / r.Seconds
		r.Cost = d.Window.CPU[umbraProcess].Seconds() / gib
	}
	r.Local = seconds(samples, d.Begin)
}

// seconds sums the samples up by whole seconds around zero.
func seconds(samples []load.Sample, zero int64) []Local {
	var out []Local
	for len(samples) > 0 {
		second := floor(samples[0].At-zero, int64(time.Second))
		n := slices.IndexFunc(samples, func(s load.Sample) bool { return floor(s.At-zero, int64(time.Second)) != second })
		if n < 0 {
			n = len(samples)
		}
		var produce, consume load.Histogram
		for _, s := range samples[:n] {
			produce.Add(s.Acked)
			consume.Add(s.Latency)
		}
		out = append(out, Local{Second: float64(second), Count: n, Produce: produce.At(0.99), Consume: consume.At(0.99)})
		samples = samples[n:]
	}
	return out
}

// floor divides towards minus infinity.
func floor(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
