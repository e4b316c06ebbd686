package report

import (
	"time"

	"umbra/bench/measure"
)

// Head is what every report begins with, whatever it measured.
type Head struct {
	Schema  string            `json:"schema"`  // umbra-bench/COMMAND/N; N rises when a field changes its meaning
	Started time.Time         `json:"started"` // UTC
	Seconds float64           `json:"seconds"` // the whole run
	Env     measure.Env       `json:"env"`
	Umbra   string            `json:"umbra"` // version of the binary measured
	Seed    uint64            `json:"seed"`  // of whatever the run drew by lot
	Flags   map[string]string `json:"flags"`
	Rule    measure.Rule      `json:"rule"` // when a window is dirty
}

// Document is what is common to all reports: enough to draw and to compare any of
// them without knowing what was measured. A command's own report embeds it.
type Document struct {
	Head
	Figures []Figure `json:"figures"`
	Charts  []Chart  `json:"charts,omitempty"`
	Remarks []string `json:"remarks,omitempty"` // what a reader must know beside the figures

	OpenMessaging []*OpenMessaging `json:"openmessaging,omitempty"` // the same run for the tools of that benchmark
}

// Figure is one result. Its name is a path that stays the same between runs, from
// the command down: link/kafka/io_uring/ratio.
type Figure struct {
	Name    string   `json:"name"`
	Unit    string   `json:"unit"`   // "CPU-s/GiB", "ms", "GiB/s", "x", "records"
	Better  string   `json:"better"` // Less, More, or empty where neither is
	Value   float64  `json:"value"`  // the median of the samples
	Low     float64  `json:"low"`
	High    float64  `json:"high"`
	Samples int      `json:"samples"`
	Target  *float64 `json:"target,omitempty"` // Value is to be no worse than it
	Dirty   bool     `json:"dirty,omitempty"`  // the machine was disturbed
}

// Spread says whether Low and High are known: both are 0 where they are not.
func (f *Figure) Spread() bool { return f.Low != 0 || f.High != 0 }

// Met says whether Value is no worse than Target; ok is false where there is no
// target, or no direction to judge by.
func (f *Figure) Met() (met, ok bool) {
	switch {
	case f.Target == nil:
		return false, false
	case f.Better == Less:
		return f.Value <= *f.Target, true
	case f.Better == More:
		return f.Value >= *f.Target, true
	}
	return false, false
}

// The directions of a Figure.
const (
	Less = "less"
	More = "more"
)

// Chart is a picture of the run.
type Chart struct {
	ID     string   `json:"id"` // a file name without an extension
	Title  string   `json:"title"`
	Kind   string   `json:"kind"` // Bars, Lines, Quantiles
	X      string   `json:"x"`    // name and unit of the axis; empty for Bars
	Y      string   `json:"y"`
	LogY   bool     `json:"log_y,omitempty"`
	Limit  *float64 `json:"limit,omitempty"` // a level drawn across: a target, or what the machine can do
	Series []Series `json:"series"`
}

// The kinds of a Chart.
const (
	Bars      = "bars"      // one bar for each label; several series stand beside each other
	Lines     = "lines"     // Y over X
	Quantiles = "quantiles" // X is 1/(1-quantile), drawn on a log scale: 2 is p50, 100 is p99
)

// Series is one bar group, line or distribution.
type Series struct {
	Name   string    `json:"name"`
	Labels []string  `json:"labels,omitempty"` // of Bars, one for each Y
	X      []float64 `json:"x,omitempty"`
	Y      []float64 `json:"y"`
	Low    []float64 `json:"low,omitempty"` // the spread of each Y, where it is known
	High   []float64 `json:"high,omitempty"`
}
