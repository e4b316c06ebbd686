package ioring

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// testRing is a Ring over an io_uring of the given sizes, with a system call
// the test may interfere with. Memory is plain mapped pages.
func testRing(t *testing.T, cfg Config, sq, cq uint32, enter enterFunc) (*Ring, *uring) {
	t.Helper()
	r := &Ring{cfg: cfg.withDefaults(), name: EngineUring}
	u, err := newUringSized(r, enter, func(int) (uint32, uint32) { return sq, cq })
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) {
		t.Skipf("this kernel forbids the engine: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	r.eng = u
	return r, u
}

func eventfd(t *testing.T) int {
	t.Helper()
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	return fd
}

// awaitBell waits until the bell rings and takes its count.
func awaitBell(t *testing.T, bell int) {
	t.Helper()
	for {
		switch n, err := unix.Poll([]unix.PollFd{{Fd: int32(bell), Events: unix.POLLIN}}, 30_000); {
		case errors.Is(err, unix.EINTR):
			continue
		case n != 1:
			t.Fatalf("the bell did not ring: %v", err)
		}
		break
	}
	if _, err := unix.Read(bell, make([]byte, 8)); err != nil {
		t.Fatal(err)
	}
}

func mapped(t *testing.T, n int) []byte {
	t.Helper()
	mem, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Munmap(mem) })
	return mem
}

// blocks is a burst of writes under way, and what the file is to hold at its end.
type blocks struct {
	r   *Ring
	f   *File
	mem []byte
}

// runBlocks writes n blocks in one burst, some with a chained fsync, and
// checks the file.
func runBlocks(t *testing.T, r *Ring, n int) {
	t.Helper()
	pushBlocks(t, r, n).finish(t)
}

func pushBlocks(t *testing.T, r *Ring, n int) blocks {
	t.Helper()
	f, err := r.OpenFile(filepath.Join(t.TempDir(), "log"), os.O_RDWR|os.O_CREATE, 0o600, true)
	if err != nil {
		t.Fatal(err)
	}
	mem := mapped(t, n*4096)
	for i := range mem {
		mem[i] = byte(i>>12 + i)
	}
	for i := range n {
		op := &Op{Kind: Write, File: f, Off: int64(i) << 12, Buf: mem[i<<12 : (i+1)<<12], Sync: i%7 == 0, Done: func(op *Op) {
			if op.Err != nil {
				t.Error(op.Err)
			}
		}}
		if err := r.Push(op); err != nil {
			t.Fatal(err)
		}
	}
	return blocks{r, f, mem}
}

// finish takes the completions, and checks and closes the file.
func (b blocks) finish(t *testing.T) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for b.r.InFlight() > 0 && time.Now().Before(deadline) {
		if err := b.r.Submit(); err != nil {
			t.Fatal(err)
		}
		b.r.Wait(time.Millisecond)
		b.r.Reap()
	}
	got, err := os.ReadFile(b.f.Name())
	if err != nil || !bytes.Equal(got, b.mem) {
		t.Fatalf("%d operations left, file differs (%v)", b.r.InFlight(), err)
	}
	if err := errors.Join(b.f.Close(), b.r.Close()); err != nil {
		t.Fatal(err)
	}
}

// A burst larger than the submission ring goes in parts and chains stay whole.
func TestSubmissionRingFull(t *testing.T) {
	r, u := testRing(t, Config{Depth: 500}, 4, 2048, sysEnter)
	runBlocks(t, r, 500)
	if u.enters < 500/4 {
		t.Errorf("%d system calls; the ring of 4 entries was never full", u.enters)
	}
}

// More completions than the ring holds wait in the kernel and are fetched. None is
// taken until that is so: a disk slower than the loop would never fill the ring.
func TestCompletionRingOverflow(t *testing.T) {
	r, u := testRing(t, Config{Depth: 500}, 4, 4, sysEnter)
	b := pushBlocks(t, r, 500)
	if err := r.Submit(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); !u.overflown(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the completion ring of 4 entries never overflowed")
		}
	}
	b.finish(t)
}

// A direct write that is durable by itself is one entry; buffered, or with all that was
// written before it, it is a write and an fsync.
func TestOwnSyncIsOneEntry(t *testing.T) {
	for _, c := range []struct {
		direct, own bool
	}{{false, false}, {false, true}, {true, false}, {true, true}} {
		r, u := testRing(t, Config{Depth: 8}, 8, 32, sysEnter)
		f, err := r.OpenFile(filepath.Join(t.TempDir(), "log"), os.O_RDWR|os.O_CREATE, 0o600, c.direct)
		if err != nil {
			t.Fatal(err)
		}
		want := 2
		if c.own && f.Align() > 1 {
			want = 1
		}
		op := &Op{Kind: Write, File: f, Buf: mapped(t, 4096), Sync: true, Own: c.own, Done: func(op *Op) {
			if op.Err != nil {
				t.Error(op.Err)
			}
		}}
		before := u.tail
		if err := r.Push(op); err != nil {
			t.Fatal(err)
		}
		if got := int(u.tail - before); got != want {
			t.Errorf("direct %v, own %v: %d entries, want %d", c.direct, c.own, got, want)
		}
		blocks{r, f, op.Buf}.finish(t)
	}
}

// Interrupted, refused and half-taken rounds lose nothing.
func TestKernelRefusesRounds(t *testing.T) {
	calls := 0
	var u *uring
	enter := func(fd int, n, wait uint32, flags uintptr, arg *enterArg) (int, syscall.Errno) {
		if u == nil || n == 0 {
			return sysEnter(fd, n, wait, flags, arg)
		}
		calls++
		switch calls % 5 {
		case 0:
			return -1, unix.EINTR
		case 1:
			return -1, unix.EAGAIN
		case 2:
			return -1, unix.EBUSY
		case 3:
			return sysEnter(fd, 1, wait, flags, arg) // cuts chains
		}
		return sysEnter(fd, n, wait, flags, arg)
	}
	r, u2 := testRing(t, Config{Depth: 300}, 8, 1024, enter)
	u = u2
	runBlocks(t, r, 300)
	if u.refused == 0 {
		t.Error("no round was refused")
	}
}

// A round the kernel refuses rings, so that a sleeping owner tries again: nothing
// else would wake it.
func TestRefusedRoundRings(t *testing.T) {
	for _, no := range []syscall.Errno{unix.EAGAIN, unix.EBUSY} {
		bell, refuse := eventfd(t), false
		enter := func(fd int, n, wait uint32, flags uintptr, arg *enterArg) (int, syscall.Errno) {
			if refuse {
				return -1, no
			}
			return sysEnter(fd, n, wait, flags, arg)
		}
		r, _ := testRing(t, Config{Depth: 8, Bell: bell}, 8, 32, enter)
		refuse = true
		b := pushBlocks(t, r, 1)
		if err := r.Submit(); err != nil {
			t.Fatal(err)
		}
		awaitBell(t, bell)
		refuse = false
		b.finish(t)
	}
}

// A round cut inside a chain must not let the fsync run beside its write: the
// operation gets a second one.
func TestChainCutByTheKernel(t *testing.T) {
	bell := eventfd(t)
	var u *uring
	one := func(fd int, n, wait uint32, flags uintptr, arg *enterArg) (int, syscall.Errno) {
		if u != nil {
			n = min(n, 1)
		}
		return sysEnter(fd, n, wait, flags, arg)
	}
	r, u2 := testRing(t, Config{Depth: 8, Bell: bell}, 8, 32, one)
	u = u2
	f, err := r.OpenFile(filepath.Join(t.TempDir(), "log"), os.O_RDWR|os.O_CREATE, 0o600, true)
	if err != nil {
		t.Fatal(err)
	}
	mem := mapped(t, 4096)
	for range 100 {
		op := &Op{Kind: Write, File: f, Buf: mem, Sync: true, Done: func(*Op) {}}
		before := r.count.Fsyncs
		if err := r.Push(op); err != nil {
			t.Fatal(err)
		}
		if err := r.Submit(); err != nil {
			t.Fatal(err)
		}
		for r.Reap(); r.InFlight() > 0; r.Reap() {
			awaitBell(t, bell)
		}
		if op.Err != nil || r.count.Fsyncs != before+2 {
			t.Fatalf("error %v after %d fsyncs; a cut chain needs a second", op.Err, r.count.Fsyncs-before)
		}
	}
	if err := errors.Join(f.Close(), r.Close()); err != nil {
		t.Fatal(err)
	}
}

// What hangs is cancelled when the ring closes, and is no success.
func TestCloseCancels(t *testing.T) {
	r, _ := testRing(t, Config{CloseTimeout: 20 * time.Millisecond}, 8, 32, sysEnter)
	path := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := r.OpenFile(path, os.O_RDWR, 0, false)
	if err != nil {
		t.Fatal(err)
	}
	op := &Op{Kind: Read, File: f, Buf: mapped(t, 4096), Done: func(*Op) {}} // nobody writes to it
	if err := errors.Join(r.Push(op), r.Submit(), r.Close()); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(op.Err, ErrCancelled) {
		t.Errorf("the read ended with %v", op.Err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestSetupErrorsSayWhy(t *testing.T) {
	for no, want := range map[error]string{
		unix.ENOSYS: "no io_uring", unix.EPERM: "forbidden", unix.ENOMEM: "no memory", unix.EMFILE: "set up",
	} {
		err := setupError(no)
		if !errors.Is(err, no) || !bytes.Contains([]byte(err.Error()), []byte(want)) {
			t.Errorf("%v became %q", no, err)
		}
	}
	if _, err := openRing(0, 0); err == nil {
		t.Error("a ring without entries was accepted")
	}
}
