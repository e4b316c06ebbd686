package backend

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"

	"umbra/admin/api"
	"umbra/core/link"
	"umbra/core/link/spec"
	"umbra/core/metadata"
)

// Errors of the core become the kinds of problem that a client can tell; every
// one keeps its text and says what to do.
func TestProblems(t *testing.T) {
	f := func(err error, code string) {
		t.Helper()
		got := problem("do it", fmt.Errorf("deep: %w", err))
		var p *api.Problem
		if !errors.As(got, &p) || p.Code != code || p.Title != "do it" || !strings.Contains(p.Detail, "deep: "+err.Error()) || p.Hint == "" {
			t.Errorf("%v: %+v, want code %s", err, got, code)
		}
	}
	f(&link.UnreachableError{Err: errors.New("refused")}, api.CodeUnreachable)
	f(&link.UnreachableError{Err: context.DeadlineExceeded}, api.CodeUnreachable)
	f(link.ErrNotFound, api.CodeNotFound)
	f(metadata.ErrNotFound, api.CodeNotFound)
	f(metadata.ErrExists, api.CodeExists)
	f(metadata.ErrInUse, api.CodeConflict)
	f(metadata.ErrStale, api.CodeConflict)
	f(metadata.ErrLinkOwned, api.CodeConflict)
	f(spec.ErrTransition, api.CodeConflict)
	f(link.ErrNothingToDo, api.CodeConflict)
	f(context.DeadlineExceeded, api.CodeTimeout)
	f(&net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}, api.CodeTimeout)
	if err := problem("do it", nil); err != nil {
		t.Errorf("no error is %v", err)
	}
	// What nobody expected stays an error: the server answers "internal".
	odd := errors.New("odd")
	if err := problem("do it", odd); !isPlain(err) || !errors.Is(err, odd) || err.Error() != "do it: odd" {
		t.Errorf("%v", err)
	}
	if isPlain(api.Invalid("a", "b", "c")) {
		t.Error("a problem is taken for a plain error")
	}
}
