package kafka

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"

	"umbra/loadtest/proc"
)

// ScriptJVM is what Kafka's own start scripts pass to the JVM of a broker or a
// mirror (bin/kafka-run-class.sh of 4.3), for benches: what is measured is run as
// people run it. Without it a JVM here has the collector that starts quickest.
func ScriptJVM() []string {
	return []string{"-server", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-XX:InitiatingHeapOccupancyPercent=35",
		"-XX:+ExplicitGCInvokesConcurrent", "-XX:MaxInlineLevel=15", "-Djava.awt.headless=true"}
}

// choosesGC says whether JVM flags name a collector: a second one is refused.
func choosesGC(jvm []string) bool {
	return slices.ContainsFunc(jvm, func(f string) bool { return strings.HasPrefix(f, "-XX:+Use") && strings.HasSuffix(f, "GC") })
}

// java is the command line of a class of this release. heapMiB bounds the heap.
func (d *Dist) java(heapMiB int, logLevel, class string, jvm []string, args ...string) []string {
	argv := []string{"java",
		fmt.Sprintf("-Xmx%dm", heapMiB), "-Xshare:auto", "-XX:-UsePerfData",
		"-Dlog4j2.configurationFile=" + filepath.Join(d.dir, "log4j2.properties"), "-Dumbra.log=" + logLevel,
		"-Dorg.slf4j.simpleLogger.defaultLogLevel=" + strings.ToLower(logLevel),
		"-Dorg.slf4j.simpleLogger.showDateTime=true",
		"-Djava.net.preferIPv4Stack=true",
	}
	if !choosesGC(jvm) {
		argv = append(argv, "-XX:+UseSerialGC")
	}
	if _, err := os.Stat(d.classes()); err == nil {
		argv = append(argv, "-XX:SharedArchiveFile="+d.classes())
	}
	argv = append(argv, jvm...)
	argv = append(argv, "-cp", filepath.Join(d.libs(), "*"), class)
	return append(argv, args...)
}

// A ToolError is a tool that ended with a status other than 0.
type ToolError struct {
	Class  string
	Args   []string
	Err    error
	Output string // both streams
}

func (e *ToolError) Error() string {
	return fmt.Sprintf("run %s %s: %v\n%s", e.Class, strings.Join(e.Args, " "), e.Err, proc.Tail(e.Output, 30))
}

func (e *ToolError) Unwrap() error { return e.Err }

// Tool runs a command-line class of the release, for instance
// "org.apache.kafka.tools.TopicCommand", and returns its standard output.
// The class may talk to any broker, not only to one of this release.
func (d *Dist) Tool(ctx context.Context, class string, args ...string) (string, error) {
	return d.ToolInput(ctx, nil, class, args...)
}

// ToolInput is Tool with standard input.
func (d *Dist) ToolInput(ctx context.Context, input io.Reader, class string, args ...string) (string, error) {
	argv := d.java(256, "ERROR", class, []string{"-XX:TieredStopAtLevel=1"}, args...)
	cmd := exec.Command(argv[0], argv[1:]...)
	var stdout bytes.Buffer
	var both shared
	cmd.Stdin = input
	cmd.Stdout = io.MultiWriter(&stdout, &both)
	cmd.Stderr = &both
	started := make(chan error, 1)
	go proc.Tied(cmd, started)
	if err := <-started; err != nil {
		return "", &ToolError{Class: class, Args: args, Err: err}
	}
	select {
	case err := <-started:
		if err != nil {
			return stdout.String(), &ToolError{Class: class, Args: args, Err: err, Output: both.String()}
		}
		return stdout.String(), nil
	case <-ctx.Done():
		p := &proc.Process{Name: class, PID: cmd.Process.Pid}
		if err := p.Signal(syscall.SIGKILL); err != nil {
			return "", err
		}
		<-started
		return stdout.String(), &ToolError{Class: class, Args: args, Err: ctx.Err(), Output: both.String()}
	}
}

// shared is a buffer that both output streams of a program write to.
type shared struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (s *shared) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.Write(b)
}

func (s *shared) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.String()
}
