package admin

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"umbra/admin/api"
)

func TestFailoverOperation(t *testing.T) {
	more := make(chan struct{})
	f := &fake{failover: func(ctx context.Context, call Call) (*api.Receipt, error) {
		call.Progress(api.Step{Name: "fence", State: api.StepRunning})
		<-more
		call.Progress(api.Step{Name: "fence", State: api.StepDone})
		call.Progress(api.Step{Name: "promote", State: api.StepRunning, Done: 1, Total: 2, Unit: "topics"})
		<-more
		call.Progress(api.Step{Name: "promote", State: api.StepRunning, Done: 2, Total: 2, Unit: "topics"})
		return &api.Receipt{Link: "dr", Outcome: api.OutcomeFailedOver}, nil
	}}
	_, c, audit := start(t, f)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	op, err := c.Failover(ctx, "dr", nil, "key-1")
	if err != nil || op.Done() || op.Verb != api.VerbFailover || op.Link != "dr" || !strings.HasPrefix(op.ID, "op-") {
		t.Fatalf("started: %+v %v", op, err)
	}
	if !strings.Contains(audit.String(), "operation="+op.ID) {
		t.Errorf("the audit line does not name the operation:\n%s", audit.String())
	}
	seen := map[string]bool{}
	done, err := c.Await(ctx, op.ID, func(o *api.Operation) {
		for _, s := range o.Steps {
			state := fmt.Sprintf("%s %s %d/%d", s.Name, s.State, s.Done, s.Total)
			if !seen[state] && (state == "fence running 0/0" || state == "promote running 1/2") {
				more <- struct{}{}
			}
			seen[state] = true
		}
	})
	if err != nil || done.State != api.Succeeded || done.Error != nil || done.FinishedAt.IsZero() {
		t.Fatalf("ended: %+v %v", done, err)
	}
	for _, want := range []string{"fence running 0/0", "promote running 1/2", "promote done 2/2"} {
		if !seen[want] {
			t.Errorf("step %q was not seen: %v", want, seen)
		}
	}
	r := done.Receipt
	if r == nil || r.Operation != op.ID || r.Version != api.ReceiptVersion || r.RequestedBy != op.RequestedBy || r.RequestedBy.PID == 0 {
		t.Fatalf("receipt: %+v", r)
	}
	b, err := api.Marshal(r, true)
	if err != nil {
		t.Fatal(err)
	}
	if err := api.CheckSeal(b); err != nil {
		t.Error(err)
	}
}

func TestIdempotencyKey(t *testing.T) {
	release := make(chan struct{})
	f := &fake{
		failover: func(ctx context.Context, call Call) (*api.Receipt, error) {
			<-release
			return &api.Receipt{}, nil
		},
		verify: func(ctx context.Context, call Call) (*api.VerifyReport, error) { return &api.VerifyReport{}, nil },
	}
	_, c, _ := start(t, f)
	ctx := context.Background()
	first, err := c.Failover(ctx, "dr", []string{"orders"}, "k")
	if err != nil {
		t.Fatal(err)
	}
	again, err := c.Failover(ctx, "dr", []string{"orders"}, "k")
	if err != nil || again.ID != first.ID {
		t.Errorf("repeated: %+v %v, want operation %s", again, err, first.ID)
	}
	f2 := func(name string, err error, code string) {
		t.Helper()
		var p *api.Problem
		if !errors.As(err, &p) || p.Code != code || !strings.Contains(p.Error(), first.ID) {
			t.Errorf("%s: got %v, want %s that names %s", name, err, code, first.ID)
		}
	}
	_, err = c.Failover(ctx, "dr", nil, "k")
	f2("other topics under the key", err, api.CodeKeyReused)
	_, err = c.Verify(ctx, "dr", nil, "k")
	f2("other verb under the key", err, api.CodeKeyReused)
	_, err = c.Failover(ctx, "dr", nil, "k2")
	f2("second failover of the link", err, api.CodeConflict)
	close(release)
	if _, err := c.Await(ctx, first.ID, nil); err != nil {
		t.Fatal(err)
	}
	if again, err = c.Failover(ctx, "dr", []string{"orders"}, "k"); err != nil || again.ID != first.ID || !again.Done() {
		t.Errorf("repeated after the end: %+v %v", again, err)
	}
	if n := len(f.noted()); n != 1 {
		t.Errorf("the backend was called %d times: %v", n, f.noted())
	}
}

func TestFailedOperation(t *testing.T) {
	f := &fake{verify: func(ctx context.Context, call Call) (*api.VerifyReport, error) {
		call.Progress(api.Step{Name: "compare", State: api.StepRunning})
		return nil, fmt.Errorf("verify: %w", api.NewProblem(api.CodeUnreachable, "source is away", "refused", "wait"))
	}}
	_, c, _ := start(t, f)
	ctx := context.Background()
	op, err := c.Verify(ctx, "dr", nil, "")
	if err != nil {
		t.Fatal(err)
	}
	if op, err = c.Await(ctx, op.ID, nil); err != nil {
		t.Fatal(err)
	}
	if op.State != api.Failed || op.Error == nil || op.Error.Code != api.CodeUnreachable || op.Verify != nil || op.Steps[0].State != api.StepFailed {
		t.Errorf("got %+v, error %+v", op, op.Error)
	}
}

// finished runs one operation of the registry to its end.
func finished(t *testing.T, o *operations, link, key string) api.Operation {
	t.Helper()
	op, err := o.start("verify", link, key, link, api.Caller{}, func(context.Context, Call) (func(*api.Operation), error) {
		return func(*api.Operation) {}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	op, ok := o.wait(context.Background(), op.ID, -1)
	if !ok {
		t.Fatalf("operation %s is unknown", op.ID)
	}
	return op
}

func TestRegistryForgetsTheOldest(t *testing.T) {
	o := newOperations()
	defer o.close(context.Background())
	first := finished(t, o, "l", "first")
	second := finished(t, o, "l", "")
	for range operationsKept - 1 {
		finished(t, o, "l", "")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, ok := o.wait(ctx, first.ID, 0); ok {
		t.Error("the oldest is still known above the bound")
	}
	if _, ok := o.wait(ctx, second.ID, 0); !ok {
		t.Error("one inside the bound was forgotten")
	}
	if again := finished(t, o, "l", "first"); again.ID == first.ID {
		t.Error("the key of a forgotten operation still finds it")
	}
}

func TestRegistryBoundsRunning(t *testing.T) {
	o := newOperations()
	defer o.close(context.Background())
	hold := func(ctx context.Context, _ Call) (func(*api.Operation), error) { <-ctx.Done(); return nil, ctx.Err() }
	for i := range operationsRunning {
		if _, err := o.start("verify", fmt.Sprint("l", i), "", "", api.Caller{}, hold); err != nil {
			t.Fatal(err)
		}
	}
	_, err := o.start("verify", "one more", "", "", api.Caller{}, hold)
	var p *api.Problem
	if !errors.As(err, &p) || p.Code != api.CodeBusy {
		t.Errorf("got %v", err)
	}
}

func TestStepsAreBounded(t *testing.T) {
	o := newOperations()
	defer o.close(context.Background())
	op, err := o.start("verify", "l", "", "", api.Caller{}, func(_ context.Context, call Call) (func(*api.Operation), error) {
		for i := range stepsKept + 5 {
			call.Progress(api.Step{Name: fmt.Sprint(i), State: api.StepDone})
		}
		return func(*api.Operation) {}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	op, _ = o.wait(context.Background(), op.ID, -1)
	if n := len(op.Steps); n != stepsKept || op.Steps[n-1].Name != fmt.Sprint(stepsKept+4) {
		t.Errorf("%d steps, the last is %q", n, op.Steps[n-1].Name)
	}
}

// Stopping the daemon ends what runs, says so, and lets waiting clients go.
func TestCloseEndsOperations(t *testing.T) {
	o := newOperations()
	op, err := o.start("verify", "l", "", "", api.Caller{}, func(ctx context.Context, _ Call) (func(*api.Operation), error) {
		<-ctx.Done()
		return nil, fmt.Errorf("compare: %w", ctx.Err())
	})
	if err != nil {
		t.Fatal(err)
	}
	var waiting sync.WaitGroup
	waiting.Go(func() { o.wait(context.Background(), op.ID, -1) })
	if err := o.close(context.Background()); err != nil {
		t.Fatal(err)
	}
	waiting.Wait()
	op, _ = o.wait(context.Background(), op.ID, -1)
	if op.State != api.Failed || op.Error.Code != api.CodeStopping {
		t.Errorf("got %+v %+v", op, op.Error)
	}
	var p *api.Problem
	if _, err := o.start("verify", "l", "", "", api.Caller{}, nil); !errors.As(err, &p) || p.Code != api.CodeStopping {
		t.Errorf("started while stopping: %v", err)
	}
}
