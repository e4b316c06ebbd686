package link

import (
	"umbra/bench/ceiling"
	"umbra/bench/delay"
	"umbra/bench/measure"
	"umbra/bench/report"
)

// Schema names the form of the document. It changes when a field changes its meaning.
const Schema = "umbra-bench/link/2"

// Report is one run of umbra-bench link.
type Report struct {
	report.Document
	Ceiling *ceiling.Ceiling `json:"ceiling,omitempty"`
	Cases   []*Case          `json:"cases"`
	Vitals  []*Vitals        `json:"processes"`
}

// Case is one cell of one source with one engine.
type Case struct {
	Source       string `json:"source"`
	Engine       string `json:"engine"`
	EngineReason string `json:"engine_reason"`
	Skipped      string `json:"skipped,omitempty"` // why it was not measured

	Cell  Cell    `json:"cell"`
	Plain float64 `json:"plain_ratio,omitempty"` // bytes before compression for each byte of the batches

	MemoryPeak int64 `json:"memory_peak_bytes,omitempty"` // resident, of umbra, in any of the rounds

	Rounds []Round  `json:"rounds,omitempty"`
	Median *Median  `json:"median,omitempty"`
	Delays []*Delay `json:"delays,omitempty"` // of the base, one for each rate
}

// Round is a pair measured one right after the other: the same bytes from the
// same source, thrown away and shadowed.
type Round struct {
	Discard Sample `json:"discard"`
	Shadow  Sample `json:"shadow"`
}

// Sample is one transfer of a topic.
type Sample struct {
	Bytes   int64          `json:"bytes"`       // of record batches
	Chunk   float64        `json:"chunk_bytes"` // mean size of one partition's records in an answer; 0: not known
	Process string         `json:"process"`     // whose cost it is, a key of Window.CPU
	Window  measure.Window `json:"window"`      // from the first request to the last byte readable
	GiBps   float64        `json:"gib_per_second"`
	Filled  float64        `json:"filled_gib_per_second,omitempty"` // of a long way: from the first record seen on
	Cost    float64        `json:"cpu_s_per_gib"`                   // of Process
	Source  float64        `json:"source_s_per_gib"`                // of the source's process; 0 where it runs elsewhere
	Heap    *Heap          `json:"go_heap,omitempty"`               // what an umbra allocated meanwhile
}

// NewSample works out the rates.
func NewSample(process string, bytes int64, w measure.Window) Sample {
	s := Sample{Bytes: bytes, Process: process, Window: w}
	gib := float64(bytes) / (1 << 30)
	if gib > 0 && w.Wall > 0 {
		s.GiBps = gib / w.Wall.Seconds()
		s.Cost = w.CPU[process].Seconds() / gib
		s.Source = w.CPU[watchSource].Seconds() / gib
	}
	return s
}

// perGiB is what came to n over the whole transfer.
func (s *Sample) perGiB(n float64) float64 { return n / (float64(max(1, s.Bytes)) / (1 << 30)) }

// Cores is the processor time of the sample's process, in cores.
func (s *Sample) Cores() float64 {
	if s.Window.Wall == 0 {
		return 0
	}
	return s.Window.CPU[s.Process].Seconds() / s.Window.Wall.Seconds()
}

// Ratio is what shadowing costs beside throwing away.
func (r *Round) Ratio() float64 {
	if r.Discard.Cost == 0 {
		return 0
	}
	return r.Shadow.Cost / r.Discard.Cost
}

// Noise is what disturbed the pair.
func (r *Round) Noise() []string {
	return append(r.Discard.Window.Noise[:len(r.Discard.Window.Noise):len(r.Discard.Window.Noise)], r.Shadow.Window.Noise...)
}

// Delay is from the source's acknowledgement to readable, at both sides at once.
type Delay struct {
	Rate       float64        `json:"rate_bytes_per_second"`
	Burst      int            `json:"burst_bytes"` // sent at once, to one partition
	Seconds    float64        `json:"seconds"`
	Source     delay.Summary  `json:"source"`
	Shadow     delay.Summary  `json:"shadow"`
	Difference delay.Summary  `json:"difference"`  // shadow less source, percentile by percentile
	Late       delay.Summary  `json:"late"`        // of the generator behind its timetable
	CPU        float64        `json:"umbra_cores"` // processor time of umbra while it ran, in cores
	Window     measure.Window `json:"window"`
}
