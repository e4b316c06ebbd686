package umbra

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"umbra/loadtest/kafka"
	"umbra/loadtest/proc"
)

// startLimit bounds the way to the ready line on a busy machine.
const startLimit = 60 * time.Second

// Build compiles ./cmd/umbra of this module into dir and returns the binary.
func Build(ctx context.Context, dir string) (string, error) {
	root, err := kafka.ModuleRoot()
	if err != nil {
		return "", err
	}
	binary := filepath.Join(dir, "umbra")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", binary, "./cmd/umbra")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build ./cmd/umbra: %w\n%s", err, out)
	}
	return binary, nil
}

// A Daemon is one `umbra serve`. The fields of its addresses are set by Start and
// stay the same over restarts.
type Daemon struct {
	Binary string
	Dir    string   // working folder: data, socket, log, receipts
	Args   []string // further arguments of serve
	Env    []string // added to this process's

	Listen  string // Kafka clients
	Metrics string // HTTP
	Admin   string // Unix socket

	proc *proc.Process
	out  *readyLine
}

// DataDir is the daemon's --data.
func (d *Daemon) DataDir() string { return filepath.Join(d.Dir, "data") }

// LogFile is the daemon's standard error over all its starts.
func (d *Daemon) LogFile() string { return filepath.Join(d.Dir, "umbra.log") }

// Start runs the daemon on its data and waits for the ready line. The first start
// takes free ports, later ones the same again. It returns how long ready took.
func (d *Daemon) Start(ctx context.Context) (time.Duration, error) {
	if d.Running() {
		return 0, errors.New("start umbra: it runs already")
	}
	if d.Listen == "" {
		d.Listen, d.Metrics, d.Admin = "127.0.0.1:0", "127.0.0.1:0", filepath.Join(d.Dir, "a.sock")
	}
	d.out = &readyLine{}
	argv := append([]string{d.Binary, "serve", "--data", d.DataDir(), "--listen", d.Listen, "--metrics", d.Metrics, "--admin", d.Admin}, d.Args...)
	begin := time.Now()
	p, err := proc.Start(proc.Command{Name: "umbra serve", Argv: argv, Dir: d.Dir, Env: append(os.Environ(), d.Env...), Log: d.LogFile(), Stdout: d.out})
	if err != nil {
		return 0, err
	}
	d.proc = p
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	if err := p.Until(ctx, time.Millisecond, "wait for the ready line", func() bool { return d.out.fields() != nil }); err != nil {
		return 0, errors.Join(err, d.Kill())
	}
	took := time.Since(begin)
	f := d.out.fields()
	for key, into := range map[string]*string{"listen": &d.Listen, "metrics": &d.Metrics, "admin": &d.Admin} {
		if f[key] == "" {
			return took, errors.Join(fmt.Errorf("ready line %q has no %s=", d.out.String(), key), d.Kill())
		}
		*into = strings.TrimPrefix(f[key], "unix:")
	}
	return took, nil
}

// Running reports whether the daemon's process is there.
func (d *Daemon) Running() bool { return d.proc != nil && d.proc.Running() }

// Stop sends SIGTERM; a daemon that is not gone 10 s later breaks its promise: it is
// killed and an error returned. So is one that exits with a status other than 0.
func (d *Daemon) Stop() error {
	if !d.Running() {
		return nil
	}
	begin := time.Now()
	if err := d.proc.Stop(10 * time.Second); err != nil {
		return err
	}
	if d.proc.Err != nil {
		return fmt.Errorf("umbra serve ended %v after SIGTERM with %w; its log ends:\n%s", time.Since(begin).Round(time.Millisecond), d.proc.Err, d.proc.LogTail(30))
	}
	return nil
}

// Kill sends SIGKILL and waits until the process is gone.
func (d *Daemon) Kill() error {
	if !d.Running() {
		return nil
	}
	return d.proc.Kill()
}

// PID is the process id; 0 when the daemon does not run.
func (d *Daemon) PID() int {
	if !d.Running() {
		return 0
	}
	return d.proc.PID
}

// LogTail is the end of the daemon's log.
func (d *Daemon) LogTail(lines int) string {
	b, err := os.ReadFile(d.LogFile())
	if err != nil {
		return err.Error()
	}
	return proc.Tail(string(b), lines)
}

// readyLine collects standard output and finds the line that begins with "ready ".
type readyLine struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (r *readyLine) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buf.Write(b)
}

func (r *readyLine) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buf.String()
}

// fields is the key=value pairs of the complete ready line, nil before it came.
func (r *readyLine) fields() map[string]string {
	for line := range strings.Lines(r.String()) {
		rest, ok := strings.CutPrefix(line, "ready ")
		if !ok || !strings.HasSuffix(line, "\n") {
			continue
		}
		f := map[string]string{}
		for pair := range strings.FieldsSeq(rest) {
			key, value, _ := strings.Cut(pair, "=")
			f[key] = value
		}
		return f
	}
	return nil
}
