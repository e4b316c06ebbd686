package admin

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"umbra/admin/api"
)

// The bounds of the operations registry.
const (
	operationsRunning = 8   // at the same time; more are refused as too_many_operations
	operationsKept    = 128 // finished ones that can still be asked for; the oldest goes first
	stepsKept         = 64  // of one operation; later steps replace the last one
)

// operations is the registry of what takes time. An operation belongs to the
// daemon, not to the request that began it: it goes on when the client goes.
// Any goroutine may use it.
type operations struct {
	ctx  context.Context // ends when the daemon stops
	stop context.CancelFunc
	wg   sync.WaitGroup

	mu       sync.Mutex
	byID     map[string]*operation
	byKey    map[string]*operation // by Idempotency-Key
	order    []*operation          // oldest first
	running  int
	stopping bool
}

// operation is one entry; its fields are guarded by operations.mu, except for
// changed, which is replaced under it and closed once.
type operation struct {
	doc     api.Operation
	begun   map[string]time.Time // per step
	key     string
	request string        // what the key stands for
	changed chan struct{} // closed at the next change
}

// work is what an operation does; it sets one result on the document.
type work func(ctx context.Context, call Call) (func(*api.Operation), error)

func newOperations() *operations {
	ctx, stop := context.WithCancel(context.Background())
	return &operations{ctx: ctx, stop: stop, byID: map[string]*operation{}, byKey: map[string]*operation{}}
}

// start begins an operation, or finds the one that the same key began. request
// is the request in one string: the same key must come with the same request.
func (o *operations) start(verb, link, key, request string, caller api.Caller, do work) (api.Operation, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if op := o.byKey[key]; key != "" && op != nil {
		if op.request != request {
			return api.Operation{}, api.NewProblem(api.CodeKeyReused, "the Idempotency-Key was used for another request",
				fmt.Sprintf("it began operation %s (%s of link %q)", op.doc.ID, op.doc.Verb, op.doc.Link), "use a new key for a new request")
		}
		return op.snapshot(), nil
	}
	if err := o.admitLocked(verb, link); err != nil {
		return api.Operation{}, err
	}
	op := &operation{
		doc: api.Operation{
			ID: newID(), Verb: verb, Link: link, State: api.Running, Revision: 1,
			RequestedBy: caller, CreatedAt: time.Now().UTC(),
		},
		begun: map[string]time.Time{}, key: key, request: request, changed: make(chan struct{}),
	}
	api.Stamp(&op.doc)
	o.byID[op.doc.ID] = op
	if key != "" {
		o.byKey[key] = op
	}
	o.order = append(o.order, op)
	o.running++
	o.wg.Add(1)
	go o.run(op, op.doc.ID, caller, do)
	return op.snapshot(), nil
}

// admitLocked refuses what may not begin now.
func (o *operations) admitLocked(verb, link string) error {
	if o.stopping {
		return api.NewProblem(api.CodeStopping, fmt.Sprintf("%s of link %q was not started", verb, link), "the daemon is stopping", "try again when it is back")
	}
	for _, op := range o.order {
		if op.doc.State == api.Running && op.doc.Verb == verb && op.doc.Link == link {
			return api.Conflict(fmt.Sprintf("%s of link %q is running already", verb, link), "operation "+op.doc.ID,
				"wait for it: GET /v1/operations/"+op.doc.ID+"?wait=30s")
		}
	}
	if o.running >= operationsRunning {
		return api.NewProblem(api.CodeBusy, fmt.Sprintf("%s of link %q was not started", verb, link),
			fmt.Sprintf("%d operations are running, which is the limit", o.running), "wait for one of them to end")
	}
	return nil
}

// evictLocked forgets the oldest finished operations above the bound.
func (o *operations) evictLocked() {
	for excess := len(o.order) - o.running - operationsKept; excess > 0; excess-- {
		i := slices.IndexFunc(o.order, func(op *operation) bool { return op.doc.Done() })
		op := o.order[i]
		delete(o.byID, op.doc.ID)
		delete(o.byKey, op.key)
		o.order = slices.Delete(o.order, i, i+1)
	}
}

func (o *operations) run(op *operation, id string, caller api.Caller, do work) {
	defer o.wg.Done()
	result, err := do(o.ctx, Call{Operation: id, Caller: caller, Progress: func(s api.Step) { o.progress(op, s) }})
	o.change(op, func(doc *api.Operation) {
		o.running--
		doc.FinishedAt = time.Now().UTC()
		doc.State = api.Succeeded
		if err != nil {
			doc.State = api.Failed
			doc.Error = o.problemOf(fmt.Sprintf("%s of link %q failed", doc.Verb, doc.Link), err)
		} else {
			result(doc)
		}
		op.closeSteps(err)
		o.evictLocked()
	})
}

// problemOf says of an operation that the daemon's end cut off that it was.
func (o *operations) problemOf(title string, err error) *api.Problem {
	if o.ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return api.NewProblem(api.CodeStopping, title, "the daemon stopped before it was done", "look at the link when the daemon is back")
	}
	return problemOf(title, err)
}

// change applies f under the lock and wakes everybody who waits for op.
func (o *operations) change(op *operation, f func(*api.Operation)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	f(&op.doc)
	op.doc.Revision++
	close(op.changed)
	op.changed = make(chan struct{})
}

// progress records a step under its name.
func (o *operations) progress(op *operation, s api.Step) {
	now := time.Now()
	o.change(op, func(doc *api.Operation) {
		if doc.Done() {
			return
		}
		begun, known := op.begun[s.Name]
		if !known {
			begun = now
			op.begun[s.Name] = now
		}
		s.Seconds = now.Sub(begun).Seconds()
		// Snapshots share the backing array: replace it, never write to it.
		steps := slices.Clone(doc.Steps)
		i := slices.IndexFunc(steps, func(e api.Step) bool { return e.Name == s.Name })
		switch {
		case i >= 0:
			steps[i] = s
		case len(steps) < stepsKept:
			steps = append(steps, s)
		default:
			steps[len(steps)-1] = s
		}
		doc.Steps = steps
	})
}

// closeSteps ends the steps that the work left open.
func (op *operation) closeSteps(err error) {
	steps := slices.Clone(op.doc.Steps)
	for i := range steps {
		if steps[i].State != api.StepRunning {
			continue
		}
		steps[i].State = api.StepDone
		if err != nil {
			steps[i].State = api.StepFailed
		}
		steps[i].Seconds = time.Since(op.begun[steps[i].Name]).Seconds()
	}
	op.doc.Steps = steps
}

// snapshot copies the document; steps and results are never changed in place.
func (op *operation) snapshot() api.Operation { return op.doc }

// wait returns the operation as soon as it is done or newer than revision
// after, and at the latest when ctx ends. after < 0 waits for the end only.
func (o *operations) wait(ctx context.Context, id string, after int64) (api.Operation, bool) {
	for {
		o.mu.Lock()
		op, ok := o.byID[id]
		if !ok {
			o.mu.Unlock()
			return api.Operation{}, false
		}
		doc, changed := op.snapshot(), op.changed
		o.mu.Unlock()
		if doc.Done() || after >= 0 && doc.Revision > after {
			return doc, true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return doc, true
		case <-o.ctx.Done():
			return doc, true
		}
	}
}

// close refuses new operations, cuts off the running ones and waits for them.
func (o *operations) close(ctx context.Context) error {
	o.mu.Lock()
	o.stopping = true
	o.mu.Unlock()
	o.stop()
	done := make(chan struct{})
	go func() { o.wg.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stop admin operations: %w", ctx.Err())
	}
}

func newID() string {
	var b [8]byte
	rand.Read(b[:])
	return "op-" + hex.EncodeToString(b[:])
}
