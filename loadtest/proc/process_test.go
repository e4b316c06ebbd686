package proc_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"umbra/loadtest/proc"
)

const childEnv = "UMBRA_PROC_TEST_CHILD"

func sleeper(log string) proc.Command {
	return proc.Command{Name: "sleeper", Argv: []string{"sleep", "1000"}, Log: log}
}

func gone(pid int) bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }

func await(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !cond(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("still waiting: %s", what)
		}
	}
}

func TestKillEndsTheGroup(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	p, err := proc.Start(proc.Command{Name: "shell", Argv: []string{"sh", "-c", "sleep 1000 & echo $!; wait"}, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	await(t, "the shell's child", func() bool { return strings.TrimSpace(p.LogTail(1)) != "" })
	var child int
	fmt.Sscan(p.LogTail(1), &child)
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	if p.Running() {
		t.Fatal("runs after Kill")
	}
	await(t, "the shell's child to end", func() bool { return gone(child) || zombie(child) })
}

func zombie(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && strings.Contains(string(b), ") Z ")
}

func TestUntilReportsAnEarlyEnd(t *testing.T) {
	p, err := proc.Start(proc.Command{Name: "shell", Argv: []string{"sh", "-c", "echo a last word; exit 3"}, Log: filepath.Join(t.TempDir(), "log")})
	if err != nil {
		t.Fatal(err)
	}
	err = p.Until(context.Background(), time.Millisecond, "wait for ever", func() bool { return false })
	if err == nil || !strings.Contains(err.Error(), "a last word") || !strings.Contains(err.Error(), "exit status 3") {
		t.Fatalf("%v, want the end and the log", err)
	}
}

// A test binary that is killed takes its programs along.
func TestDiesWithItsParent(t *testing.T) {
	if os.Getenv(childEnv) != "" {
		p, err := proc.Start(sleeper(filepath.Join(os.Getenv(childEnv), "log")))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Println("pid", p.PID)
		<-p.Gone
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run", "^TestDiesWithItsParent$", "-test.v")
	cmd.Env = append(os.Environ(), childEnv+"="+t.TempDir())
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	for lines := bufio.NewScanner(out); pid == 0 && lines.Scan(); {
		fmt.Sscanf(lines.Text(), "pid %d", &pid)
	}
	if pid == 0 || gone(pid) {
		t.Fatalf("no program to look at, pid %d", pid)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	await(t, "the orphan to be killed", func() bool { return gone(pid) || zombie(pid) })
}
