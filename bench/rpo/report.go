package rpo

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"umbra/bench/delay"
	"umbra/bench/measure"
	"umbra/bench/report"
)

// Schema names the form of the document. It changes when a field changes its meaning.
const Schema = "umbra-bench/rpo/1"

// Report is one run of umbra-bench rpo.
type Report struct {
	report.Document
	Engine string  `json:"engine"`
	Cases  []*Case `json:"cases,omitempty"`
	Kills  []*Kill `json:"kills,omitempty"`
}

// Case is one source at one pace.
type Case struct {
	Source string  `json:"source"`
	Pace   string  `json:"pace"` // the rate, or idle
	Rate   float64 `json:"rate_bytes_per_second"`
	Rounds []Round `json:"rounds"`
}

// Round is one stretch at a pace; every side is from the source's acknowledgement
// to readable.
type Round struct {
	Source     delay.Summary  `json:"source"`     // a second client of the source
	Shadow     delay.Summary  `json:"shadow"`     // a client of the shadow, at the same time
	Difference delay.Summary  `json:"difference"` // shadow less source, percentile by percentile
	Behind     delay.Summary  `json:"behind"`     // shadow less source, record by record; at least 0
	Sooner     int64          `json:"sooner"`     // records that the shadow's client had first
	Late       delay.Summary  `json:"late"`       // of the generator behind its timetable
	Wake       delay.Summary  `json:"wake"`       // until a sleeping thread of this machine ran, before the load
	Lag        LagSummary     `json:"lag"`
	Cores      float64        `json:"umbra_cores"` // processor time of umbra while it ran
	Window     measure.Window `json:"window"`

	from, to time.Time // of the load
	source   *hdrhistogram.Histogram
	shadow   *hdrhistogram.Histogram
	series   []lagPoint
	reported []lagPoint
}

// LagSummary is the lag over a round, as the two readers had it, and how true what
// umbra reported was.
type LagSummary struct {
	RecordsMax int64   `json:"records_max"`
	MsMax      float64 `json:"ms_max"`
	RecordsP50 float64 `json:"records_p50"` // of the greatest in each of the stretches the chart shows
	MsP50      float64 `json:"ms_p50"`
	// Umbra's own report over its admin API: how often it was asked, and by how
	// much it missed what was true while it was asked, above 0 where it overstated.
	Asked       int     `json:"asked"`
	Unknown     int     `json:"unknown"` // answers without a number
	OffRecords  Off     `json:"off_records"`
	OffMs       Off     `json:"off_ms"`
	ReportedMax float64 `json:"reported_ms_max"`
}

// Off is the distribution of errors.
type Off struct {
	P50   float64 `json:"p50"` // of the size of the error
	P99   float64 `json:"p99"`
	Over  float64 `json:"over_max"`  // the most it overstated
	Under float64 `json:"under_max"` // the most it understated, as a positive number
}

// lagPoint is one place of a chart.
type lagPoint struct{ seconds, records, ms float64 }

// Kill is one disaster.
type Kill struct {
	Round   int     `json:"round"`
	Seed    uint64  `json:"seed"`     // with Round it gives AfterMs
	AfterMs float64 `json:"after_ms"` // the load's first acknowledgement
	Topic   string  `json:"topic"`

	Sent  int64 `json:"sent_records"`  // handed to the producer
	Acked int64 `json:"acked_records"` // by the source, with acks=all

	LostRecords int64   `json:"lost_records"` // acknowledged, and not on the shadow
	LostMs      float64 `json:"lost_ms"`      // from the acknowledgement of the oldest of them to the kill; 0 where that came later
	Missing     int64   `json:"missing"`      // in the source's log when it was started again, and not on the shadow
	Unacked     int64   `json:"unacked"`      // on the shadow, and never acknowledged

	FailoverMs float64 `json:"failover_ms"` // from the kill to the first write the shadow accepted
	WritableMs float64 `json:"writable_ms"` // from the kill until every partition had accepted one
	PlanMs     float64 `json:"plan_ms"`     // the plan alone
	CommandMs  float64 `json:"command_ms"`  // the failover command alone, to its receipt

	Verified      int64    `json:"verified_records"`
	VerifiedBytes int64    `json:"verified_bytes"` // of record batches, compared with what was sent
	Wrong         []string `json:"wrong,omitempty"`
	Claim         Claim    `json:"claim"`

	Window measure.Window `json:"window"` // of the load, up to the kill
}

// Claim is what the receipt says, beside what is true.
type Claim struct {
	Records    int64    `json:"records"`
	Ms         float64  `json:"ms"`
	Bound      string   `json:"bound"`
	OffRecords int64    `json:"off_records"` // less Kill.Missing: above 0 where it claims more
	OffMs      float64  `json:"off_ms"`      // less Kill.LostMs
	Faults     []string `json:"faults,omitempty"`
}
