package kafka

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// process is one running program in a process group of its own. It dies with
// the test binary, however that ends (parent-death signal).
type process struct {
	name string
	pid  int
	log  string        // file that holds its output, appended over restarts
	gone chan struct{} // closed when it has ended and was waited for
	err  error         // how it ended; valid after gone
}

// start runs argv with its output appended to logFile.
func start(name, dir, logFile string, argv []string) (*process, error) {
	out, err := os.OpenFile(logFile, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, out, out
	p := &process{name: name, log: logFile, gone: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		defer out.Close()
		runTied(cmd, started)
		p.err = <-started
		close(p.gone)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	p.pid = cmd.Process.Pid
	return p, nil
}

// runTied starts cmd so that it is killed when this process dies, reports the
// start on started, waits, and reports the end on started. The kernel ties the
// parent-death signal to the thread that forked, so that thread is kept until
// the child has ended.
func runTied(cmd *exec.Cmd, started chan error) {
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

// signal sends sig to the whole group; a process that is gone is no error.
func (p *process) signal(sig syscall.Signal) error {
	if err := syscall.Kill(-p.pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("signal %s with %s: %w", p.name, sig, err)
	}
	return nil
}

// kill ends the process at once and waits for it.
func (p *process) kill() error {
	if err := p.signal(syscall.SIGKILL); err != nil {
		return err
	}
	<-p.gone
	return nil
}

// stop asks the process to end and kills it when grace is over.
func (p *process) stop(grace time.Duration) error {
	if err := p.signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-p.gone:
		return nil
	case <-time.After(grace):
		return p.kill()
	}
}

// until polls cond every step until it is true; the process ending or ctx
// running out is an error that carries the end of its log.
func (p *process) until(ctx context.Context, step time.Duration, what string, cond func() bool) error {
	tick := time.NewTicker(step)
	defer tick.Stop()
	for !cond() {
		select {
		case <-p.gone:
			return fmt.Errorf("%s: %s ended first (%w); its log ends:\n%s", what, p.name, p.err, p.logTail(40))
		case <-ctx.Done():
			return fmt.Errorf("%s: %s: %w; its log ends:\n%s", what, p.name, ctx.Err(), p.logTail(40))
		case <-tick.C:
		}
	}
	return nil
}

func (p *process) logTail(lines int) string {
	b, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return tail(string(b), lines)
}
