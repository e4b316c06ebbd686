package metadata

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/zap"
)

// logLines keeps what a logger writes; etcd logs from many goroutines.
type logLines struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *logLines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logLines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *logLines) logger(level slog.Level) *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: level}))
}

func TestCleanStartAndStopLogNothing(t *testing.T) {
	dir := filepath.Join(tempDir(t), "md")
	var lines logLines
	for range 2 { // a new database, and one that is opened again
		s, err := Open(context.Background(), Options{Dir: dir, Log: lines.logger(slog.LevelInfo)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.CreateLink(deadline(t), definition("dr-"+s.Snapshot().ClusterID, "x")); err != nil && !errors.Is(err, ErrExists) {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	wantQuiet(t, &lines)
}

func wantQuiet(t *testing.T, lines *logLines) {
	t.Helper()
	for line := range strings.Lines(lines.String()) {
		if !slow(line) {
			t.Errorf("a clean start and stop say: %s", line)
		}
	}
}

// A member whose history is long says nothing of it at its start either: more entries
// lie before it than etcd takes for being behind (5,000).
func TestStartWithALongHistory(t *testing.T) {
	dir := filepath.Join(tempDir(t), "md")
	s, err := Open(context.Background(), Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	var writers sync.WaitGroup
	for range 128 { // at once, so that many share an fsync
		writers.Go(func() {
			for range 40 {
				if _, err := s.client.Put(deadline(t), s.keys.prefix+"/test", "x"); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	writers.Wait()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	var lines logLines
	if s, err = Open(context.Background(), Options{Dir: dir, Log: lines.logger(slog.LevelInfo)}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	wantQuiet(t, &lines)
}

// slow: what etcd says of a machine that is busy with something else, as one that runs
// tests may be. It is true, and an operator is to see it.
func slow(line string) bool {
	return slices.ContainsFunc([]string{"took too long", "slow fdatasync", "failed to send out heartbeat on time"},
		func(s string) bool { return strings.Contains(line, s) })
}

func TestHarmlessRecordsBecomeDebug(t *testing.T) {
	f := func(message, err, want string) {
		t.Helper()
		var lines logLines
		newZap(lines.logger(slog.LevelDebug)).Error(message, zap.Error(errors.New(err)))
		if got := lines.String(); !strings.Contains(got, "level="+want+" ") || !strings.Contains(got, "component=etcd") {
			t.Errorf("%q with %q: %s, want it at %s", message, err, got, want)
		}
	}
	const serving = "setting up serving from embedded etcd failed."
	f(serving, "http: Server closed", "DEBUG")
	f(serving, "grpc: the server has been stopped", "DEBUG")
	f(serving, "accept unix @82577: use of closed network connection", "DEBUG")
	f(serving, "accept unix @82577: too many open files", "ERROR")
	f("failed to update storage version", "cannot detect storage schema version: missing term information", "DEBUG")
	f("failed to update storage version", "no space left on device", "ERROR")
	f("failed to update cluster version", "etcdserver: request cancelled", "DEBUG")
	f("failed to update cluster version", "etcdserver: request timed out", "ERROR")
	f("failed to publish local member to cluster through raft", "etcdserver: too many requests", "DEBUG")
	f("failed to publish local member to cluster through raft", "etcdserver: request timed out", "ERROR")
	f("aborting cluster version update; server is stopped", "etcdserver: server stopped", "DEBUG")
	f("simple token is not cryptographically signed", "", "DEBUG")
	f("31c5b853530b01ba cannot campaign at term 2 since there are still pending configuration changes to apply", "", "DEBUG")
	f("disk is full", "http: Server closed", "ERROR")
	for _, h := range harmless() {
		if h.why == "" {
			t.Errorf("%q: no reason is given", h.message)
		}
	}
}
