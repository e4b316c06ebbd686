package ioring

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

// scripted is an engine whose kernel is the test: it decides what ends when,
// and how. It checks that fsyncs of a file never overlap.
type scripted struct {
	t       *rapid.T
	r       *Ring
	open    []*Op // transfers and fsyncs in the "kernel"
	ended   []*Op
	syncing map[*File]bool
	clock   int            // one tick per event
	started map[*Op]int    // when the running fsync led by an operation began
	began   map[*File]int  // when the last fsync that succeeded began
	wrote   map[*Op]int    // when an operation's transfer ended whole
	failed  map[*File]bool // an fsync failed in the kernel
}

func (s *scripted) register([]byte, int) error { return nil }
func (s *scripted) unregister(int) error       { return nil }
func (s *scripted) close() error               { return nil }
func (s *scripted) cancel()                    {}
func (s *scripted) stats(*Stats)               {}
func (s *scripted) submit() error              { return nil }
func (s *scripted) ready() bool                { return len(s.ended) > 0 }
func (s *scripted) wait(time.Duration)         {}

func (s *scripted) transfer(op *Op) {
	op.state.fsyncOnly = false
	if op.state.chained {
		s.beginSync(op)
	}
	s.open = append(s.open, op)
}

func (s *scripted) fsync(op *Op) {
	op.state.fsyncOnly = true
	s.beginSync(op)
	s.started[op] = s.clock
	s.open = append(s.open, op)
}

func (s *scripted) beginSync(op *Op) {
	if s.syncing[op.File] {
		s.t.Fatalf("two fsyncs of %s overlap", op.File.name)
	}
	s.syncing[op.File] = true
}

// end lets operation i end with a random outcome.
func (s *scripted) end(i int) {
	op := s.open[i]
	s.open = append(s.open[:i], s.open[i+1:]...)
	s.ended = append(s.ended, op)
	st := &op.state
	s.clock++
	st.transferN, st.transferErr, st.fsyncErr = 0, 0, 0
	if !st.fsyncOnly {
		left := len(op.Buf) - st.done
		switch rapid.IntRange(0, 9).Draw(s.t, "outcome") {
		case 0:
			st.transferErr = unix.ENOSPC
		case 1:
			st.transferErr = unix.EINTR
		case 2:
			st.transferN = rapid.IntRange(1, left).Draw(s.t, "short")
		default:
			st.transferN = left
		}
		if st.transferN == left {
			s.wrote[op] = s.clock
		}
	}
	if !st.fsyncOnly && !st.chained {
		return
	}
	s.syncing[op.File] = false
	switch {
	case !st.fsyncOnly && st.transferN < len(op.Buf)-st.done:
		st.fsyncErr = unix.ECANCELED
	case !st.fsyncOnly && rapid.IntRange(0, 19).Draw(s.t, "cut") == 0:
		st.cut = true
	case rapid.IntRange(0, 39).Draw(s.t, "fsync") == 0:
		st.fsyncErr = unix.EIO
		s.failed[op.File] = true
	case st.fsyncOnly:
		s.began[op.File] = s.started[op]
	default:
		s.began[op.File] = s.clock
	}
	s.clock++
}

func (s *scripted) reap() bool {
	for len(s.ended) > 0 {
		op := s.ended[0]
		s.ended = s.ended[1:]
		s.r.report(op)
	}
	return false
}

// Whatever order and outcome the kernel chooses: every operation ends once;
// success of a write means all its bytes went out; success of anything with
// a sync means an fsync began after those bytes went out, and for Sync after
// all earlier writes ended; nothing succeeds on a file after a failed fsync.
func TestSyncRules(t *testing.T) {
	dir := t.TempDir()
	var files []*File
	r := &Ring{cfg: Config{Depth: 64, Bell: -1}.withDefaults(), eng: &scripted{}}
	r.together.vol.looked = true // every fsync is the engine's
	for _, name := range []string{"a", "b"} {
		f, err := r.OpenFile(filepath.Join(dir, name), os.O_RDWR|os.O_CREATE, 0o600, false)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = f.Close() }()
		files = append(files, f)
	}
	rapid.Check(t, func(t *rapid.T) { checkSyncRules(t, r, files) })
}

func checkSyncRules(t *rapid.T, r *Ring, files []*File) {
	s := &scripted{t: t, r: r, syncing: map[*File]bool{}, started: map[*Op]int{}, began: map[*File]int{}, wrote: map[*Op]int{}, failed: map[*File]bool{}}
	r.eng, r.inFlight, r.reaping = s, 0, false
	for _, f := range files {
		f.sync = syncer{}
		f.gate = syncGate{}
		f.gate.init()
		f.poison.Store(nil)
		f.inFlight.Store(0)
	}
	type entry struct {
		op     *Op
		pushed int
		done   int
	}
	var log []*entry
	push := func() {
		op := &Op{Kind: Kind(rapid.SampledFrom([]int{int(Write), int(Write), int(Sync)}).Draw(t, "kind")),
			File: files[rapid.IntRange(0, len(files)-1).Draw(t, "file")], Buf: make([]byte, 100)}
		op.Sync = op.Kind == Write && rapid.Bool().Draw(t, "sync")
		s.clock++
		e := &entry{op: op, pushed: s.clock}
		op.Done = func(op *Op) {
			if e.done != 0 {
				t.Fatalf("%v ended twice", op.Kind)
			}
			s.clock++
			e.done = s.clock
			if op.Err != nil {
				return
			}
			if op.File.Err() != nil {
				t.Fatalf("%v succeeded on a poisoned file", op.Kind)
			}
			if op.Kind == Write && op.N != len(op.Buf) {
				t.Fatalf("write of %d bytes succeeded with %d", len(op.Buf), op.N)
			}
			if op.Sync && s.began[op.File] < s.wrote[op] {
				t.Fatal("write+sync succeeded without an fsync behind its bytes")
			}
			if op.Kind != Sync {
				return
			}
			for _, w := range log {
				if w.op.Kind == Write && w.op.File == op.File && w.pushed < e.pushed &&
					(w.done == 0 || s.wrote[w.op] > s.began[op.File]) {
					t.Fatal("sync succeeded before a write pushed earlier was covered")
				}
			}
		}
		switch err := r.Push(op); {
		case err == nil:
			log = append(log, e)
		case errors.Is(err, ErrPoisoned) && s.failed[op.File], errors.Is(err, ErrFull):
		default:
			t.Fatal(err)
		}
	}
	for range rapid.IntRange(1, 80).Draw(t, "steps") {
		switch rapid.IntRange(0, 3).Draw(t, "step") {
		case 0, 1:
			push()
		case 2:
			if len(s.open) > 0 {
				s.end(rapid.IntRange(0, len(s.open)-1).Draw(t, "which"))
			}
		case 3:
			r.Reap()
		}
	}
	for len(s.open) > 0 || len(s.ended) > 0 {
		if len(s.open) > 0 {
			s.end(0)
		}
		r.Reap()
	}
	for _, f := range files {
		if s.failed[f] && f.Err() == nil {
			t.Fatal("a failed fsync did not poison its file")
		}
	}
	for _, e := range log {
		if e.done == 0 {
			t.Fatalf("%v never ended", e.op.Kind)
		}
	}
	if r.InFlight() != 0 {
		t.Fatalf("%d in flight at the end", r.InFlight())
	}
}

// The gate: one side at a time, turns for both, nothing lost on decline.
func TestGateTakesTurns(t *testing.T) {
	var g syncGate
	g.init()
	if !g.tryEnter() || g.tryEnter() {
		t.Fatal("the gate let two in, or none")
	}
	g.wanted = false
	entered := make(chan struct{})
	go func() { g.enter(); close(entered) }()
	for blocked := 0; blocked == 0; {
		g.mu.Lock()
		blocked = g.blocked
		g.mu.Unlock()
	}
	g.leave()
	<-entered
	if g.tryEnter() {
		t.Fatal("the ring entered a busy gate")
	}
	if !g.leave() {
		t.Fatal("the ring waits and was not to be kicked")
	}
	go func() { g.enter(); g.leave() }()
	if !g.tryEnter() {
		t.Fatal("the gate was kept for the ring and refused it")
	}
	g.leave()
}

// Operations no worker began are cancelled; they are never a success.
func TestPwriteCancel(t *testing.T) {
	r := &Ring{cfg: Config{Engine: EnginePwrite, Bell: -1}.withDefaults()}
	p := &pwriter{r: r, woken: make(chan struct{}, 1)} // no workers: all hang
	p.work.L = &p.mu
	r.eng = p
	r.cfg.CloseTimeout = time.Millisecond
	f, err := r.OpenFile(filepath.Join(t.TempDir(), "log"), os.O_RDWR|os.O_CREATE, 0o600, true)
	if err != nil {
		t.Fatal(err)
	}
	var errs [3]error
	for i := range errs {
		op := &Op{Kind: Write, File: f, Buf: mapped(t, directAlign), Sync: i == 1, Done: func(op *Op) { errs[i] = op.Err }}
		if err := r.Push(op); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(r.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
	for i, err := range errs {
		if !errors.Is(err, ErrCancelled) {
			t.Errorf("operation %d ended with %v", i, err)
		}
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	op := &Op{Kind: Write, Off: 4096, Buf: make([]byte, 8192), File: &File{name: "/data/t-0/0.log"}}
	err := opError(op, syscall.ENOSPC)
	want := "write 8192 bytes at offset 4096 of /data/t-0/0.log: no space left on device; free space on the volume or raise its quota"
	if err.Error() != want || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("got  %q\nwant %q", err, want)
	}
}
