package shadow

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"umbra/bench/plain"
	"umbra/kafkaproto"
	"umbra/loadtest/umbra"
)

func TestReached(t *testing.T) {
	f := func(have, want map[int32]int64, sum int64, all bool) {
		t.Helper()
		if s, a := reached(have, want); s != sum || a != all {
			t.Errorf("have %v of %v: got %d %v", have, want, s, a)
		}
	}
	f(nil, map[int32]int64{0: 0, 1: 0}, 0, false) // not there is not empty
	f(map[int32]int64{0: 0, 1: 0}, map[int32]int64{0: 0, 1: 0}, 0, true)
	f(map[int32]int64{0: 5, 1: 6}, map[int32]int64{0: 5, 1: 7}, 11, false)
	f(map[int32]int64{0: 9, 1: 7}, map[int32]int64{0: 5, 1: 7}, 16, true)
}

func TestPasses(t *testing.T) {
	for err, want := range map[error]bool{
		fmt.Errorf("x: %w", plain.ErrNotThere):                          true,
		fmt.Errorf("x: %w", kafkaproto.NotLeaderOrFollower):             true,
		fmt.Errorf("x: %w", kafkaproto.TopicAuthorizationFailed):        false,
		errors.New("connection reset"):                                  false,
		fmt.Errorf("x: %w", errors.Join(errors.New("y"), os.ErrClosed)): false,
	} {
		if got := Passes(err); got != want {
			t.Errorf("%v: got %v", err, got)
		}
	}
}

// What lies on disk is compared by its length, the topic's own files only.
func TestCheckFiles(t *testing.T) {
	dir := t.TempDir()
	for name, size := range map[string]int{"load-0/00.log": 100, "load-0/90.log": 50, "load-1/00.log": 7, "load-1/00.index": 1000, "other-0/00.log": 10_000} {
		file := filepath.Join(dir, "data", "partitions", name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, make([]byte, size), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s := &Shadow{Daemon: &umbra.Daemon{Dir: dir}}
	if err := s.CheckFiles("load", 157); err != nil {
		t.Error(err)
	}
	if err := s.CheckFiles("load", 158); err == nil || !strings.Contains(err.Error(), "158 bytes at the source and 157 in 3 segment files") {
		t.Errorf("a byte is missing: %v", err)
	}
}
