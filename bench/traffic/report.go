package traffic

import (
	"umbra/bench/delay"
	"umbra/bench/measure"
	"umbra/bench/report"
	"umbra/bench/traffic/load"
)

// Schema names the form of a bench's document.
func (b Bench) Schema() string { return "umbra-bench/" + string(b) + "/1" }

// Report is one run of umbra-bench produce or consume.
type Report struct {
	report.Document
	Bench Bench   `json:"bench"`
	Cells []*Cell `json:"cells"`
}

// Cell is one system at one point of the grid.
type Cell struct {
	System string  `json:"system"`
	Conns  int     `json:"connections"`
	Batch  int     `json:"batch_records"`
	Rounds []Round `json:"rounds"`
}

// Round is what was measured together.
type Round struct {
	Paced Sample `json:"paced"` // produce: open loop at a fixed rate; consume: at the end of the log, the same load
	Full  Sample `json:"full"`  // produce: closed loop, as fast as it goes; consume: from the start
}

// Sample is one measurement.
type Sample struct {
	Bytes     int64          `json:"bytes"` // of record batches
	Batches   int64          `json:"batches,omitempty"`
	GiBps     float64        `json:"gib_per_second"`
	Cost      float64        `json:"cpu_s_per_gib"`    // of the broker's process, user and system
	Client    float64        `json:"client_s_per_gib"` // of the load generator's
	Latency   delay.Summary  `json:"latency"`
	Late      delay.Summary  `json:"late"`      // of the generator behind its timetable
	Histogram load.Histogram `json:"histogram"` // of Latency, where that is what is measured: at a fixed rate
	Window    measure.Window `json:"window"`
	Unkept    string         `json:"unkept,omitempty"` // the rate that was asked for; it makes the window dirty

	result load.Result // what all this was worked out from, for OpenMessaging
}

// newSample works out the rates; process is the broker's name in the window.
func newSample(process string, r load.Result, w measure.Window) Sample {
	s := Sample{Bytes: r.Bytes, Batches: r.Batches, Latency: r.Latency.Summary(), Late: r.Late.Summary(), Histogram: r.Latency, Window: w, result: r}
	if gib := float64(r.Bytes) / (1 << 30); gib > 0 && r.Wall > 0 {
		s.GiBps = gib / r.Wall.Seconds()
		s.Cost = w.CPU[process].Seconds() / gib
		s.Client = w.CPU[clientProcess].Seconds() / gib
	}
	return s
}

// clientProcess is the load generator's name in a window.
const clientProcess = "client"

// clean is the rounds whose window, as of says, was not disturbed; all of them, and
// dirty, where those are fewer than half.
func clean(rounds []Round, of func(*Round) *Sample) (take []*Sample, dirty bool) {
	var all []*Sample
	for i := range rounds {
		s := of(&rounds[i])
		all = append(all, s)
		if s.Window.Clean() {
			take = append(take, s)
		}
	}
	if len(take)*2 < len(all) {
		return all, true
	}
	return take, false
}

func paced(r *Round) *Sample { return &r.Paced }
func full(r *Round) *Sample  { return &r.Full }

// figure is one value of the samples of a cell.
func (c *Cell) figure(name, unit, better string, of func(*Round) *Sample, value func(*Sample) float64) report.Figure {
	take, dirty := clean(c.Rounds, of)
	var v []float64
	for _, s := range take {
		v = append(v, value(s))
	}
	f := spread(v)
	f.Name, f.Unit, f.Better, f.Dirty = name, unit, better, dirty
	return f
}

// histogram is all rounds' latencies together.
func (c *Cell) histogram() load.Histogram {
	var h load.Histogram
	for i := range c.Rounds {
		h.Merge(c.Rounds[i].Paced.Histogram)
	}
	return h
}
