package umbra

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// An Output is what one command line did.
type Output struct {
	Stdout, Stderr string
	Code           int // exit status
}

// CLI runs `umbra ARGS` against the daemon's socket, in the daemon's folder. Any exit
// status is a result; an error means that the command could not be run.
func (d *Daemon) CLI(ctx context.Context, args ...string) (Output, error) {
	cmd := exec.CommandContext(ctx, d.Binary, args...)
	cmd.Dir = d.Dir
	cmd.Env = append(os.Environ(), "UMBRA_ADMIN="+d.Admin, "NO_COLOR=1")
	cmd.WaitDelay = 2 * time.Second
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || ctx.Err() != nil) {
		return Output{}, fmt.Errorf("run umbra %s: %w\n%s%s", strings.Join(args, " "), err, stdout.String(), stderr.String())
	}
	return Output{Stdout: stdout.String(), Stderr: stderr.String(), Code: cmd.ProcessState.ExitCode()}, nil
}

// Do runs a command that must succeed (exit status 0).
func (d *Daemon) Do(ctx context.Context, args ...string) (Output, error) {
	out, err := d.CLI(ctx, args...)
	if err == nil && out.Code != 0 {
		err = fmt.Errorf("umbra %s: exit status %d\n%s%s", strings.Join(args, " "), out.Code, out.Stdout, out.Stderr)
	}
	return out, err
}

// JSON runs a command with -o json and decodes its output, whatever its exit status
// says about health; a status of failure (1 to 9) is an error.
func (d *Daemon) JSON(ctx context.Context, into any, args ...string) error {
	out, err := d.CLI(ctx, append(args, "-o", "json")...)
	if err != nil {
		return err
	}
	if out.Code > 0 && out.Code < 10 {
		return fmt.Errorf("umbra %s: exit status %d\n%s%s", strings.Join(args, " "), out.Code, out.Stdout, out.Stderr)
	}
	if err := json.Unmarshal([]byte(out.Stdout), into); err != nil {
		return fmt.Errorf("umbra %s -o json: %w\n%.2000s", strings.Join(args, " "), err, out.Stdout)
	}
	return nil
}
