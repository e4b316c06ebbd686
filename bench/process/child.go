package process

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"

	"umbra/loadtest/proc"
)

// child is a running hidden command.
type child struct {
	name   string
	pid    int
	in     *os.File
	out    *os.File
	say    *json.Encoder
	hear   *json.Decoder
	stderr *tail
	ended  chan error // its end, once
}

// spawn runs this program again with the given arguments. The child dies with
// this process.
func spawn(name string, args ...string) (*child, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	inR, inW, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	outR, outW, err := os.Pipe()
	if err != nil {
		inR.Close()
		inW.Close()
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	c := &child{name: name, in: inW, out: outR, say: json.NewEncoder(inW), hear: json.NewDecoder(outR), stderr: &tail{}, ended: make(chan error, 1)}
	cmd := exec.Command(exe, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = inR, outW, c.stderr
	started := make(chan error, 1)
	go proc.Tied(cmd, started)
	err = <-started
	inR.Close()
	outW.Close()
	if err != nil {
		inW.Close()
		outR.Close()
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	c.pid = cmd.Process.Pid
	go func() { c.ended <- <-started }()
	return c, nil
}

// tell sends a document.
func (c *child) tell(doc any) error {
	if err := c.say.Encode(doc); err != nil {
		return c.failed(err)
	}
	return nil
}

// ask waits for the next document.
func (c *child) ask(into any) error {
	if err := c.hear.Decode(into); err != nil {
		return c.failed(err)
	}
	return nil
}

func (c *child) failed(err error) error {
	return fmt.Errorf("%s, process %d: %w%s", c.name, c.pid, err, c.stderr)
}

// kill ends the child at once; a call that waits for it fails.
func (c *child) kill() { syscall.Kill(-c.pid, syscall.SIGKILL) }

// PID is the process id.
func (c *child) PID() int { return c.pid }

// Close ends the child's input, and so the child, and waits for it.
func (c *child) Close() error {
	c.in.Close()
	err := <-c.ended
	c.out.Close()
	if err != nil {
		return c.failed(err)
	}
	return nil
}

// tail keeps the first of what a child writes to its standard error.
type tail struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if room := 16<<10 - t.buf.Len(); room > 0 {
		t.buf.Write(b[:min(room, len(b))])
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.buf.Len() == 0 {
		return ""
	}
	return "\n" + t.buf.String()
}
