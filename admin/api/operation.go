package api

import "time"

// The verbs of operations.
const (
	VerbFailover = "failover"
	VerbVerify   = "verify"
)

// OperationState is how far an operation is.
type OperationState string

const (
	Running   OperationState = "running"
	Succeeded OperationState = "succeeded"
	Failed    OperationState = "failed"
)

// Operation is something that takes time. It goes on when the client goes
// away, and is asked for by its id.
type Operation struct {
	Meta
	ID          string         `json:"id"`
	Verb        string         `json:"verb"`
	Link        string         `json:"link"`
	State       OperationState `json:"state"`
	Revision    int64          `json:"revision"` // grows with every change
	RequestedBy Caller         `json:"requested_by"`
	CreatedAt   time.Time      `json:"created_at"`
	FinishedAt  time.Time      `json:"finished_at,omitzero"`
	Steps       []Step         `json:"steps"`
	Error       *Problem       `json:"error,omitempty"`   // when failed
	Receipt     *Receipt       `json:"receipt,omitempty"` // failover, when succeeded
	Verify      *VerifyReport  `json:"verify,omitempty"`  // verify, when succeeded
}

// Done is true when nothing more will change.
func (o *Operation) Done() bool { return o.State == Succeeded || o.State == Failed }

// Step is one step of an operation, in the order they were begun. A step that
// is told again under the same name replaces the earlier one.
type Step struct {
	Name    string    `json:"name"`
	State   StepState `json:"state"`
	Done    int64     `json:"done"`
	Total   int64     `json:"total"` // 0: the step is not counted
	Unit    string    `json:"unit,omitempty"`
	Seconds float64   `json:"seconds"` // so far
	Detail  string    `json:"detail,omitempty"`
}

// StepState is how far a step is.
type StepState string

const (
	StepRunning StepState = "running"
	StepDone    StepState = "done"
	StepFailed  StepState = "failed"
)
