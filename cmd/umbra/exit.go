package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"

	"umbra/admin/api"
	"umbra/admin/client"
)

// The exit codes, the same for all commands. They are part of the interface.
const (
	exitOK          = 0
	exitError       = 1
	exitUsage       = 2  // the command line cannot be understood
	exitUnreachable = 3  // no daemon answers
	exitRefused     = 4  // not confirmed, not allowed, or not possible now
	exitUnhealthy   = 10 // status: something needs a person
	exitPartial     = 11 // failover: not all topics are writable
)

// failure is an error as a person sees it: what failed, why, what to do. An
// empty what is silent: the command has shown all there is to say.
type failure struct {
	code          int
	what, why, do string
}

func (f *failure) Error() string { return sentence(": ", f.what, f.why) }

// silent ends the command with a code and no error text.
func silent(code int) error {
	if code == exitOK {
		return nil
	}
	return &failure{code: code}
}

// failed gives an error of a command its exit code and its three lines.
func failed(err error) error {
	var f *failure
	var p *api.Problem
	var u *client.Unreachable
	switch {
	case err == nil:
		return nil
	case errors.As(err, &f):
		return err
	case errors.As(err, &p):
		return &failure{code: codeOf(p), what: p.Title, why: sentence(" ", p.Detail, "("+p.Code+")"), do: p.Hint}
	case errors.As(err, &u):
		return unreachable(u)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return &failure{code: exitError, what: "stopped waiting", why: err.Error(), do: "what was begun goes on in the daemon; look with: umbra status"}
	}
	return &failure{code: exitError, what: err.Error()}
}

func codeOf(p *api.Problem) int {
	switch p.Code {
	case api.CodeInvalid:
		return exitUsage
	case api.CodeConflict, api.CodeExists, api.CodeForbidden, api.CodeBusy, api.CodeKeyReused:
		return exitRefused
	}
	return exitError
}

func unreachable(u *client.Unreachable) *failure {
	f := &failure{
		code: exitUnreachable, what: "cannot reach the umbra daemon on " + u.Socket, why: u.Err.Error(),
		do: "start it (umbra serve), or name its socket with --admin or UMBRA_ADMIN",
	}
	if errors.Is(u.Err, syscall.EACCES) {
		f.do = "run this as root, as the daemon's user, or as a member of the group umbra"
	}
	return f
}

// usage is the failure of a command line that cannot be understood, made of
// cobra's own text, which may carry suggestions on further lines.
func usage(err error, path string) *failure {
	lines := strings.Split(strings.TrimSpace(err.Error()), "\n")
	do := fmt.Sprintf("see: %s --help", path)
	var similar []string
	for _, l := range lines[1:] {
		if strings.HasPrefix(l, "\t") {
			similar = append(similar, strings.TrimSpace(l))
		}
	}
	if len(similar) > 0 {
		do = "did you mean: " + strings.Join(similar, ", ") + "?   " + do
	}
	return &failure{code: exitUsage, what: lines[0], do: do}
}

// report prints the failure, at most three lines.
func (f *failure) report(w io.Writer) {
	for _, l := range []struct{ label, text string }{{"error: ", f.what}, {"why:   ", f.why}, {"do:    ", f.do}} {
		if l.text != "" && f.what != "" {
			fmt.Fprintln(w, l.label+strings.ReplaceAll(l.text, "\n", "; "))
		}
	}
}
