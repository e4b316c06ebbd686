package metadata

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"umbra/core/link/spec"
)

// A closed Store leaves nothing running, etcd included.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// tempDir is short enough for Unix sockets.
func tempDir(t testing.TB) string {
	dir, err := os.MkdirTemp("", "umd")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

func open(t testing.TB, o Options) *Store {
	t.Helper()
	if o.Dir == "" && o.Endpoints == nil {
		o.Dir = filepath.Join(tempDir(t), "md")
	}
	if o.Log == nil {
		o.Log = quiet()
	}
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func definition(name, include string) spec.Definition {
	ps, err := spec.ParsePatterns(include)
	if err != nil {
		panic(err)
	}
	return spec.Definition{Name: name, Bootstrap: []string{"src:9092"}, Filter: spec.Filter{Include: ps}}
}

// patience is for a hang, not a measurement. It is also the OpTimeout where a change
// is made by many at once: that bounds all tries of a change together, and on a slow
// disk the one that loses most often needs longer than any operator would wait.
const patience = time.Minute

// deadline is a context that outlives nothing but the test.
func deadline(t testing.TB) context.Context {
	c, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return c
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func wantErr(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error %v, want %v", err, want)
	}
}
