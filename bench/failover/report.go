package failover

import (
	"umbra/admin/api"
	"umbra/bench/measure"
	"umbra/bench/report"
)

// Schema names the form of the document. It changes when a field changes its meaning.
const Schema = "umbra-bench/failover/1"

// Report is one run of umbra-bench failover.
type Report struct {
	report.Document
	Cases []*Case `json:"cases"`
}

// Case is one shape.
type Case struct {
	Shape      string   `json:"shape"`
	Topics     int      `json:"topics"`
	Partitions int      `json:"partitions"` // of each topic
	Rounds     []*Round `json:"rounds"`
}

func (c *Case) shape() Shape { return Shape{c.Topics, c.Partitions} }

// Round is one failover. Its times are in seconds.
type Round struct {
	Copied   float64 `json:"copied_seconds"`   // before: from making the link until the shadow had everything
	Plan     float64 `json:"plan_seconds"`     // what an operator is shown before; the source is dead already
	Seconds  float64 `json:"seconds"`          // from the request until it is told that all topics are failed over
	Writable float64 `json:"writable_seconds"` // and until a record of the last topic is acknowledged, fsynced
	CPU      float64 `json:"cpu_seconds"`      // processor time of umbra up to then
	// Told and Phases are umbra's own account, as the receipt has it: Told is less than
	// Seconds by what storing, sending and reading the receipt took.
	Told   float64     `json:"receipt_seconds"`
	Phases []api.Phase `json:"phases"`
	// Window begins with the request, lasts a second or more, and says what disturbed
	// the round.
	Window measure.Window `json:"window"`
}
