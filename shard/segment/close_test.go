package segment

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// files is what a directory holds; a file that was replaced or written is another one.
func files(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, e := range entries {
		st, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&out, e.Name(), st.Size(), st.ModTime().UnixNano(), st.Sys().(*syscall.Stat_t).Ino)
	}
	return out.String()
}

// A node of thousands of logs, most of which nobody writes to, stops without an fsync
// for each of them.
func TestCloseOfAnUntouchedLogWritesNothing(t *testing.T) {
	engines(t, func(t *testing.T, engine string) {
		r := newRig(t, engine, Config{})
		r.open()
		appendSmall(t, r, 10)
		r.close()
		before := files(t, r.dir)
		for range 2 {
			r.open()
			r.close()
			if now := files(t, r.dir); now != before {
				t.Fatalf("closed untouched:\n%swas\n%s", now, before)
			}
		}
		r.open()
		appendSmall(t, r, 1)
		r.close()
		if files(t, r.dir) == before {
			t.Error("a log that was appended to left no checkpoint")
		}
	})
}

// What Open had to make again is left for the next one.
func TestCloseLeavesWhatOpenMissed(t *testing.T) {
	for _, suffix := range []string{indexSuffix, stateSuffix, metaName} {
		t.Run(suffix, func(t *testing.T) {
			r := newRig(t, "pwrite", Config{})
			r.open()
			appendSmall(t, r, 10)
			r.close()
			names := strings.Count(files(t, r.dir), "\n")
			missing, err := filepath.Glob(filepath.Join(r.dir, "*"+suffix))
			if err != nil || len(missing) == 0 {
				t.Fatalf("%v, %v", missing, err)
			}
			for _, path := range missing {
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
			}
			r.open()
			r.close()
			if now := files(t, r.dir); strings.Count(now, "\n") != names {
				t.Errorf("%v was not made again:\n%s", missing, now)
			}
		})
	}
}

// A close that is late is as durable, and leaves no checkpoint.
func TestCloseThatIsLate(t *testing.T) {
	engines(t, func(t *testing.T, engine string) {
		r := newRig(t, engine, Config{FlushInterval: -1})
		r.open()
		appendSmall(t, r, 10)
		if got := r.log.SinceCheckpoint(); got <= 0 {
			t.Errorf("%d bytes since the last checkpoint", got)
		}
		wantErr(t, r.await(func(done func(error)) { r.log.CloseUnlessLate(func() bool { return true }, done) }), ErrNoCheckpoint)
		if s, _ := filepath.Glob(filepath.Join(r.dir, "*"+stateSuffix)); len(s) != 0 {
			t.Errorf("late, and it left %v", s)
		}
		if l := r.open(); l.EndOffset() != 10 || l.DurableOffset() != 10 || len(r.read(0, 1<<20)) != 10 {
			t.Errorf("end %d, durable %d", l.EndOffset(), l.DurableOffset())
		}
	})
}
