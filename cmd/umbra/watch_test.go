package main

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"
	"time"
)

// screen counts what a watching person sees; after enough it presses ^C.
type screen struct {
	mu     sync.Mutex
	b      bytes.Buffer
	mark   string
	enough int
	stop   func()
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.b.Write(p)
	if strings.Count(s.b.String(), s.mark) >= s.enough {
		s.stop()
	}
	return len(p), nil
}

// watch runs args until mark was shown enough times.
func watch(d *fakeDaemon, tty bool, mark string, args ...string) (int, string) {
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	s := &screen{mark: mark, enough: 3, stop: stop}
	a := &app{out: s, err: s, outTTY: tty, getenv: func(string) string { return "" }, interval: time.Millisecond, admin: d.socket}
	code := run(ctx, a, nil, append(args, "--admin", d.socket))
	return code, s.b.String()
}

func TestWatchRepeats(t *testing.T) {
	d := serveDaemon(t, &fakeDaemon{})
	code, out := watch(d, false, "UNHEALTHY", "status", "--watch")
	if code != exitUnhealthy || strings.Contains(out, "\x1b") {
		t.Errorf("exit %d\n%s", code, out)
	}
	if code, out = watch(d, true, "\x1b[H\x1b[2J", "link", "status", "dr-east", "-w"); code != exitOK {
		t.Errorf("on a terminal: exit %d\n%q", code, out)
	}
}

// While the daemon is away it is said so, and asked again.
func TestWatchSurvivesTheDaemon(t *testing.T) {
	code, out := watch(&fakeDaemon{socket: t.TempDir() + "/none.sock"}, false, "cannot reach the umbra daemon", "status", "--watch")
	if code != exitUnreachable {
		t.Errorf("exit %d\n%s", code, out)
	}
}

// What cannot get better by waiting ends the watching.
func TestWatchEndsOnAnError(t *testing.T) {
	d := serveDaemon(t, &fakeDaemon{})
	code, out := watch(d, false, "never", "link", "status", "other", "--watch")
	if code != exitError || !strings.Contains(out, "does not exist") {
		t.Errorf("exit %d\n%s", code, out)
	}
}
