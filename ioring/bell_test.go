package ioring_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"umbra/ioring"
)

// An owner that sleeps on the bell whenever something is in flight never
// sleeps for ever: not with random timing, failing writes, failing chains,
// short reads or operations that end inside Submit.
func TestBellWakesTheSleeper(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		rounds := 3000
		if testing.Short() {
			rounds = 300
		}
		g := newRig(t, ioring.Config{Engine: engine, Depth: 64})
		rng := rand.New(rand.NewPCG(5, 6))
		full := g.openAt("/dev/full", os.O_RDWR, false)
		files := []*ioring.File{g.open("direct", true), g.open("buffered", false), full, g.open("direct2", true), g.open("cached", true)}
		mem, slab := g.slab(64 << 10)
		for _, f := range files {
			if f != full {
				g.must(&ioring.Op{Kind: ioring.Write, File: f, Buf: mem, Slab: slab})
			}
		}
		for range rounds {
			for range 1 + rng.IntN(12) {
				op := &ioring.Op{Kind: ioring.Kind(rng.IntN(2)), File: files[rng.IntN(len(files))],
					Off: int64(rng.IntN(20)) << 12, Buf: mem[:4096<<rng.IntN(5)], Slab: slab, Sync: rng.IntN(10) == 0}
				op.Cached = op.File == files[4] // never beside a direct write
				if op.File != full && rng.IntN(20) == 0 {
					op.Kind = ioring.Sync
				}
				if err := g.tryPush(op); errors.Is(err, ioring.ErrFull) {
					break
				} else if err != nil {
					t.Fatal(err)
				}
			}
			must(t, g.ring.Submit())
			spin(rng)
			g.ring.Reap()
			for keep := rng.IntN(8); g.ring.InFlight() > keep; {
				spin(rng)
				g.sleep(t)
				spin(rng)
				g.ring.Reap()
			}
		}
		for g.ring.InFlight() > 0 {
			must(t, g.ring.Submit())
			g.ring.Reap()
			if g.ring.InFlight() > 0 {
				g.sleep(t)
			}
		}
		s := g.ring.Stats()
		t.Logf("%s: %d operations, %d failed", engine, s.Completed, s.Failed)
		if s.Failed == 0 {
			t.Error("no operation failed; the test means some to")
		}
	})
}

// spin lets other threads in for a random moment, or not.
func spin(rng *rand.Rand) {
	for range rng.IntN(4) * rng.IntN(4) {
		runtime.Gosched()
	}
}

// The bell is coalesced: one round of many operations does not wake for each,
// and a bell with nothing behind it does not go on ringing.
func TestBellIsCoalesced(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		g := newRig(t, ioring.Config{Engine: engine})
		f := g.open("log", false)
		mem, slab := g.slab(4096)
		const rounds, each = 20, 100
		sleeps := 0
		for range rounds {
			for i := range each {
				g.push(&ioring.Op{Kind: ioring.Write, File: f, Off: int64(i) * 4096, Buf: mem, Slab: slab})
			}
			must(t, g.ring.Submit())
			for g.ring.Reap(); g.ring.InFlight() > 0; g.ring.Reap() {
				sleeps++
				g.sleep(t)
			}
		}
		t.Logf("%d sleeps, %d rounds of %d operations", sleeps, rounds, each)
		if sleeps >= rounds*each {
			t.Errorf("%d sleeps for %d operations", sleeps, rounds*each)
		}
		// The count may be left over from what was reaped.
		p := []unix.PollFd{{Fd: int32(g.bell), Events: unix.POLLIN}}
		for late := 0; ; late++ {
			n, err := unix.Poll(p, 50)
			if errors.Is(err, unix.EINTR) {
				continue
			}
			if n == 0 {
				break
			}
			if late > 0 {
				t.Fatal("the bell goes on ringing with nothing in flight")
			}
			g.sleep(t)
			g.ring.Reap()
			must(t, g.ring.Submit())
		}
	})
}

// Two rings that sleep in turn on threads of their own, as shards do.
func TestBellOnLockedThreads(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		done := make(chan error, 2)
		for n := range 2 {
			g := newRig(t, ioring.Config{Engine: engine})
			f := g.open(fmt.Sprintf("log%d", n), true)
			mem, slab := g.slab(4096)
			go func() {
				runtime.LockOSThread()
				defer runtime.UnlockOSThread()
				done <- func() error {
					for i := range 500 {
						op := ioring.Op{Kind: ioring.Write, File: f, Off: int64(i) << 12, Buf: mem, Slab: slab, Sync: i%50 == 0, Done: func(*ioring.Op) {}}
						if err := errors.Join(g.ring.Push(&op), g.ring.Submit()); err != nil {
							return err
						}
						for g.ring.Reap(); g.ring.InFlight() > 0; g.ring.Reap() {
							g.sleep(t)
						}
						if op.Err != nil {
							return op.Err
						}
					}
					return nil
				}()
			}()
		}
		must(t, errors.Join(<-done, <-done))
	})
}
