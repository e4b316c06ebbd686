// Package proc runs programs for tests: each in a process group of its own, with its
// output in a file, and killed when the test binary dies, however that ends.
package proc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// A Process is one running program in a process group of its own. It dies with
// the test binary, however that ends (parent-death signal). Its methods may be
// called from any goroutine.
type Process struct {
	Name string        // for errors
	PID  int           // and id of its group
	Log  string        // file that holds its output, appended over restarts
	Gone chan struct{} // closed when it has ended and was waited for
	Err  error         // how it ended; valid after Gone
}

// A Command is what Start runs.
type Command struct {
	Name   string // for errors
	Argv   []string
	Dir    string
	Env    []string  // nil: this process's
	Log    string    // file for its output, appended
	Stdout io.Writer // nil: into Log too
}

// Start runs the command and returns when the process exists.
func Start(c Command) (*Process, error) {
	out, err := os.OpenFile(c.Log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", c.Name, err)
	}
	cmd := exec.Command(c.Argv[0], c.Argv[1:]...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = c.Dir, c.Env, out, out
	if c.Stdout != nil {
		cmd.Stdout = c.Stdout
	}
	p := &Process{Name: c.Name, Log: c.Log, Gone: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		defer out.Close()
		Tied(cmd, started)
		p.Err = <-started
		close(p.Gone)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", c.Name, err)
	}
	p.PID = cmd.Process.Pid
	return p, nil
}

// Running reports whether the process has not ended.
func (p *Process) Running() bool {
	select {
	case <-p.Gone:
		return false
	default:
		return true
	}
}

// Tied starts cmd so that it is killed when this process dies, reports the start on
// started (which must hold one value), waits, and reports the end on started. The kernel ties the
// parent-death signal to the thread that forked, so that thread is kept until
// the child has ended.
func Tied(cmd *exec.Cmd, started chan error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	err := cmd.Start()
	started <- err
	if err == nil {
		err = cmd.Wait()
	}
	started <- err
}

// Signal sends sig to the whole group; a process that is gone is no error.
func (p *Process) Signal(sig syscall.Signal) error {
	if err := syscall.Kill(-p.PID, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("signal %s with %s: %w", p.Name, sig, err)
	}
	return nil
}

// Kill ends the process at once and waits for it.
func (p *Process) Kill() error {
	if err := p.Signal(syscall.SIGKILL); err != nil {
		return err
	}
	<-p.Gone
	return nil
}

// Stop asks the process to end and kills it when grace is over.
func (p *Process) Stop(grace time.Duration) error {
	if err := p.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-p.Gone:
		return nil
	case <-time.After(grace):
		return p.Kill()
	}
}

// Until polls cond every step until it is true; the process ending or ctx
// running out is an error that carries the end of its log.
func (p *Process) Until(ctx context.Context, step time.Duration, what string, cond func() bool) error {
	tick := time.NewTicker(step)
	defer tick.Stop()
	for !cond() {
		select {
		case <-p.Gone:
			return fmt.Errorf("%s: %s ended first (%w); its log ends:\n%s", what, p.Name, p.Err, p.LogTail(40))
		case <-ctx.Done():
			return fmt.Errorf("%s: %s: %w; its log ends:\n%s", what, p.Name, ctx.Err(), p.LogTail(40))
		case <-tick.C:
		}
	}
	return nil
}

// LogTail is the end of the process's output.
func (p *Process) LogTail(lines int) string {
	b, err := os.ReadFile(p.Log)
	if err != nil {
		return err.Error()
	}
	return Tail(string(b), lines)
}

// Tail is the last n lines of s.
func Tail(s string, n int) string {
	lines := strings.Split(strings.TrimRight(s, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
