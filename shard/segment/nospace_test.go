package segment

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// A really full disk: the log refuses, serves what it has, and goes on when
// there is room; nothing that was acknowledged is lost.
func TestDiskFull(t *testing.T) {
	engines(t, func(t *testing.T, engine string) {
		mount := t.TempDir()
		if err := unix.Mount("tmpfs", mount, "tmpfs", 0, "size=3m"); err != nil {
			t.Skipf("cannot mount a small file system: %v", err)
		}
		t.Cleanup(func() {
			if err := unix.Unmount(mount, 0); err != nil {
				t.Error(err)
			}
		})
		r := newRig(t, engine, Config{SegmentBytes: 600 << 10})
		r.dir = filepath.Join(mount, "orders-0")
		r.open()
		ballast := filepath.Join(mount, "ballast")
		if err := os.WriteFile(ballast, make([]byte, 1200<<10), 0o640); err != nil {
			t.Fatal(err)
		}
		var want []made
		acked := int64(0)
		fill := func() error {
			for range 200 {
				base := r.log.EndOffset()
				b := makeBatch(batchSpec{base: base, size: 40 << 10})
				if err := r.mirror(b); err != nil {
					return err
				}
				for len(want) > 0 && want[len(want)-1].base >= base { // taken back before
					want = want[:len(want)-1]
				}
				want = append(want, made{b, base, base})
				r.log.Flush(func(err error) {
					if err == nil {
						acked = r.log.DurableOffset()
					} else if !errors.Is(err, ErrNoSpace) {
						t.Errorf("waiter was told %v", err)
					}
				})
				r.pump()
			}
			return nil
		}
		wantErr(t, fill(), ErrNoSpace)
		if acked == 0 || r.log.EndOffset() < acked || r.failed != nil {
			t.Fatalf("acknowledged %d, end %d, failed %v", acked, r.log.EndOffset(), r.failed)
		}
		want = want[:r.log.EndOffset()]
		equalBatches(t, "full", r.read(0, 1<<20), want)
		r.pass(2 * spaceRetry)
		wantErr(t, r.log.Err(), ErrNoSpace)
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
		before := acked
		r.pass(2 * spaceRetry)
		wantErr(t, fill(), ErrNoSpace)
		if acked <= before {
			t.Fatalf("nothing was appended after space returned: %d then %d", before, acked)
		}
		want = want[:r.log.EndOffset()]
		equalBatches(t, "full again", r.read(0, 1<<20), want)
		// Deleting records makes room, too.
		r.must(func(done func(error)) { r.log.SetStart(32, done) })
		r.pump()
		r.pass(2 * spaceRetry)
		if err := r.log.Err(); err != nil {
			t.Fatalf("after segments were removed: %v", err)
		}
		end := r.log.EndOffset()
		r.reopen()
		if r.log.EndOffset() != end {
			t.Fatalf("reopened end %d, want %d", r.log.EndOffset(), end)
		}
		equalBatches(t, "reopened", r.read(32, 1<<20), want[32:])
		r.close()
		r.log = nil
	})
}

// In steady state an append allocates nothing.
func TestAppendDoesNotAllocate(t *testing.T) {
	r := newRig(t, "pwrite", Config{IndexInterval: 1 << 20})
	r.open()
	b := makeBatch(batchSpec{size: 300})
	run := func() {
		for range 20 {
			if _, err := r.log.Append(b, AppendOptions{Now: r.now}); err != nil {
				t.Fatal(err)
			}
		}
		r.turn(true)
	}
	for range 500 {
		run()
	}
	if n := testing.AllocsPerRun(200, run); n >= 20 {
		t.Errorf("%v allocations for 20 appends", n)
	}
}
