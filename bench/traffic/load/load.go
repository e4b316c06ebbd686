package load

import (
	"context"
	"errors"

	"umbra/bench/process"
)

// Load is a load in a process of its own.
type Load struct{ part *process.Part }

// Start runs the process up to where the load begins: connected and warm.
func Start(ctx context.Context, j Job) (*Load, error) {
	if err := j.Validate(); err != nil {
		return nil, err
	}
	part, err := process.StartPart("load generator", Command)
	if err != nil {
		return nil, err
	}
	l := &Load{part}
	err = part.Tell(j)
	if err == nil {
		err = part.Ask(ctx, &word{})
	}
	if err != nil {
		return nil, errors.Join(err, part.Close())
	}
	return l, nil
}

// PID is the process id.
func (l *Load) PID() int { return l.part.PID() }

// Go lets the load begin.
func (l *Load) Go() error { return l.part.Tell(word{}) }

// Stop ends it before its time is over: the next Await returns what there is. It may
// be called while another goroutine is in Await.
func (l *Load) Stop() error { return l.part.Tell(word{}) }

// Await waits for the load's end.
func (l *Load) Await(ctx context.Context) (Result, error) {
	var r Result
	err := l.part.Ask(ctx, &r)
	return r, err
}

// Run is Go and Await.
func (l *Load) Run(ctx context.Context) (Result, error) {
	if err := l.Go(); err != nil {
		return Result{}, err
	}
	return l.Await(ctx)
}

// Close ends the process.
func (l *Load) Close() error { return l.part.Close() }
