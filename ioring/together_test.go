package ioring

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"umbra/ioring/disktest"
)

// togetherRig is a ring whose files lie on a volume of the test's own: call is its
// syncfs, and counters its disk's. None of its calls is slow.
type togetherRig struct {
	t        *testing.T
	r        *Ring
	files    []*File
	counters *os.File
	dirty    int64 // what the machine has dirty
}

func newTogetherRig(t *testing.T, cfg Config, call func(*togetherRig) error) *togetherRig {
	t.Helper()
	r, err := New(cfg)
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) {
		t.Skipf("this kernel forbids the engine: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	g := &togetherRig{t: t, r: r}
	r.together.slow = time.Hour
	v := &r.together.vol
	if v.dir, err = os.Open(dir); err != nil {
		t.Fatal(err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(v.dir.Fd()), &st); err != nil {
		t.Fatal(err)
	}
	if g.counters, err = os.Create(filepath.Join(dir, "stat")); err != nil {
		t.Fatal(err)
	}
	v.looked, v.dev, v.disk = true, st.Dev, g.counters
	v.dirty = func() (int64, error) { return g.dirty, nil }
	v.call = func(int) error { return call(g) }
	g.wrote(0)
	for i := range 2 * togetherMin {
		f, err := r.OpenFile(filepath.Join(dir, fmt.Sprint(i)), os.O_RDWR|os.O_CREATE, 0o600, false)
		if err != nil {
			t.Fatal(err)
		}
		g.files = append(g.files, f)
	}
	t.Cleanup(func() {
		for _, f := range g.files {
			if err := f.Close(); err != nil {
				t.Error(err)
			}
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return g
}

// wrote sets the disk's counters.
func (g *togetherRig) wrote(bytes int) {
	if _, err := g.counters.WriteAt(fmt.Appendf(nil, "1 2 3 4 5 6 %12d 8\n", bytes/512), 0); err != nil {
		g.t.Error(err)
	}
}

// sync asks for an fsync of each of files and returns their outcomes when all are there.
func (g *togetherRig) sync(files []*File) []error {
	errs, left := g.push(files)
	g.await(left)
	return errs
}

func (g *togetherRig) push(files []*File) (errs []error, left *int) {
	g.t.Helper()
	errs, left = make([]error, len(files)), new(int)
	for i, f := range files {
		*left++
		if err := g.r.Push(&Op{Kind: Sync, File: f, Done: func(op *Op) { *left--; errs[i] = op.Err }}); err != nil {
			g.t.Fatal(err)
		}
	}
	if err := g.r.Submit(); err != nil {
		g.t.Fatal(err)
	}
	return errs, left
}

func (g *togetherRig) await(left *int) {
	g.t.Helper()
	for deadline := time.Now().Add(time.Minute); *left > 0; g.r.Reap() {
		if time.Now().After(deadline) {
			g.t.Fatalf("%d operations never ended", *left)
		}
		g.r.Wait(time.Second)
	}
}

// want compares what the ring counted.
func (g *togetherRig) want(fsyncs, calls, files, failed, rests int64) {
	g.t.Helper()
	c := g.r.Stats()
	if got, want := [5]int64{c.Fsyncs, c.Syncfs, c.SyncfsFiles, c.SyncfsFailed, c.SyncfsRests}, [5]int64{fsyncs, calls, files, failed, rests}; got != want {
		g.t.Errorf("fsyncs, syncfs calls, their files, failed, rests: got %v, want %v", got, want)
	}
}

func noError(t *testing.T, errs []error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
}

// TestManyFsyncsAreOneSyncfs: many are one call, few are not.
func TestManyFsyncsAreOneSyncfs(t *testing.T) {
	for _, engine := range []string{EngineUring, EnginePwrite} {
		t.Run(engine, func(t *testing.T) {
			g := newTogetherRig(t, Config{Engine: engine}, func(*togetherRig) error { return nil })
			noError(t, g.sync(g.files[1:togetherMin]))
			g.want(togetherMin-1, 0, 0, 0, 0)
			noError(t, g.sync(g.files))
			g.want(togetherMin-1, 1, 2*togetherMin, 0, 0)
		})
	}
}

// TestManyFsyncsLeaveRoom: they do not fill the ring, and when each has to be done by
// itself after all, they wait for one another.
func TestManyFsyncsLeaveRoom(t *testing.T) {
	for _, engine := range []string{EngineUring, EnginePwrite} {
		t.Run(engine, func(t *testing.T) {
			begun, goOn := make(chan bool), make(chan bool)
			g := newTogetherRig(t, Config{Engine: engine, Depth: 8}, func(*togetherRig) error { begun <- true; <-goOn; return unix.EIO })
			errs, left := g.push(g.files)
			<-begun
			if g.r.Full() || g.r.InFlight() != len(g.files) {
				t.Errorf("%d in flight, full %v", g.r.InFlight(), g.r.Full())
			}
			goOn <- true
			g.await(left)
			noError(t, errs)
			g.want(2*togetherMin, 1, 0, 1, 0)
		})
	}
}

// TestSyncfsOfAnotherVolume: a file that lies elsewhere has an fsync of its own.
func TestSyncfsOfAnotherVolume(t *testing.T) {
	g := newTogetherRig(t, Config{}, func(*togetherRig) error { return nil })
	g.files[3].together = false
	noError(t, g.sync(g.files))
	g.want(1, 1, 2*togetherMin-1, 0, 0)
}

// TestSyncfsFails: each file is asked by itself then, and from then on.
func TestSyncfsFails(t *testing.T) {
	g := newTogetherRig(t, Config{}, func(*togetherRig) error { return unix.EIO })
	noError(t, g.sync(g.files))
	g.want(2*togetherMin, 1, 0, 1, 0)
	noError(t, g.sync(g.files))
	g.want(4*togetherMin, 1, 0, 1, 0)
}

// TestSyncfsFailsForThoseThatWait: the error has been told once. They must not ask the
// same descriptor again.
func TestSyncfsFailsForThoseThatWait(t *testing.T) {
	begun, goOn := make(chan bool), make(chan error)
	g := newTogetherRig(t, Config{}, func(*togetherRig) error { begun <- true; return <-goOn })
	first, left1 := g.push(g.files[:togetherMin])
	<-begun
	second, left2 := g.push(g.files[togetherMin:])
	goOn <- unix.EIO
	go func() { // a second call would hang otherwise, and the test with it
		if <-begun {
			goOn <- nil
		}
	}()
	g.await(left1)
	g.await(left2)
	close(begun)
	noError(t, append(first, second...))
	g.want(2*togetherMin, 1, 0, 1, 0)
}

// TestSyncfsRestsForThoseThatWait: it did what it was to do, but wrote too much, or left
// it because there was too much. The others do not make it worse.
func TestSyncfsRestsForThoseThatWait(t *testing.T) {
	begun, goOn := make(chan bool), make(chan int)
	g := newTogetherRig(t, Config{}, func(g *togetherRig) error { begun <- true; g.wrote(<-goOn); return nil })
	_, left1 := g.push(g.files[:togetherMin])
	<-begun
	_, left2 := g.push(g.files[togetherMin:])
	goOn <- 2 * foreignMax
	g.await(left1)
	g.r.together.until = time.Now().Add(time.Hour)
	g.await(left2)
	g.want(togetherMin, 1, togetherMin, 0, 1)
}

// TestFsyncBehindSyncfsFails: it was one file's, and that one is poisoned.
func TestFsyncBehindSyncfsFails(t *testing.T) {
	g := newTogetherRig(t, Config{}, func(*togetherRig) error { return nil })
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(unix.Dup3(pipe[0], g.files[0].fd, unix.O_CLOEXEC), unix.Close(pipe[0]), unix.Close(pipe[1])); err != nil {
		t.Fatal(err)
	}
	errs := g.sync(g.files)
	if !errors.Is(errs[0], ErrPoisoned) || g.files[0].Err() == nil {
		t.Errorf("the file whose fsync failed: %v", errs[0])
	}
	noError(t, errs[1:])
	g.want(2*togetherMin-1, 1, 0, 1, 0)
}

// TestSyncfsOneAtATime: what comes while one runs waits for the next, few do not wait.
func TestSyncfsOneAtATime(t *testing.T) {
	begun, goOn := make(chan bool), make(chan bool)
	g := newTogetherRig(t, Config{}, func(*togetherRig) error { begun <- true; <-goOn; return nil })
	first, left1 := g.push(g.files[:togetherMin])
	<-begun
	second, left2 := g.push(g.files[togetherMin:])
	third, left3 := g.push(g.files[:1]) // its file has an fsync running: it waits for that one
	if g.r.Reap(); *left1 != togetherMin || *left2 != togetherMin || *left3 != 1 {
		t.Errorf("%d, %d and %d to go while the first runs", *left1, *left2, *left3)
	}
	goOn <- true
	g.await(left1)
	<-begun // the second one, and nobody had to ask for it again
	g.await(left3)
	if *left2 != togetherMin {
		t.Errorf("%d to go of the second", *left2)
	}
	goOn <- true
	g.await(left2)
	noError(t, append(append(first, second...), third...))
	g.want(1, 2, 2*togetherMin, 0, 0)
}

// TestSyncfsRests: after one that wrote much of what others had made dirty, and longer
// after the next; what the ring itself writes meanwhile changes nothing.
func TestSyncfsRests(t *testing.T) {
	wrote, more := 0, foreignMax
	g := newTogetherRig(t, Config{}, func(g *togetherRig) error { wrote += more; g.wrote(wrote); return nil })
	noError(t, g.sync(g.files))
	g.want(0, 1, 2*togetherMin, 0, 0)
	more = 2 * foreignMax
	for i := range int64(10) {
		noError(t, g.sync(g.files))
		g.want(i*2*togetherMin, 2+i, (2+i)*2*togetherMin, 0, 1+i)
		if rest, want := g.r.together.rest, min(restFirst<<i, restMost); rest != want {
			t.Errorf("rests for %v after %d, want %v", rest, i+1, want)
		}
		g.r.together.until = time.Now().Add(time.Hour)
		g.r.together.own += 100 * foreignMax
		noError(t, g.sync(g.files))
		g.r.together.until = time.Time{}
	}
	more = 0
	noError(t, g.sync(g.files))
	if g.r.together.rest != 0 || g.r.together.alone() {
		t.Error("rests after a good one")
	}
}

// TestSyncfsIsSkipped: where so much is dirty that it would take long.
func TestSyncfsIsSkipped(t *testing.T) {
	g := newTogetherRig(t, Config{}, func(*togetherRig) error { return nil })
	g.dirty = dirtyMost + 1
	noError(t, g.sync(g.files))
	g.want(2*togetherMin, 0, 0, 0, 1)
	g.r.together.until = time.Now().Add(time.Hour)
	g.dirty = 0
	noError(t, g.sync(g.files))
	g.want(4*togetherMin, 0, 0, 0, 1)
}

// TestSlowSyncfs: it is the last one for a while.
func TestSlowSyncfs(t *testing.T) {
	g := newTogetherRig(t, Config{}, func(*togetherRig) error { return nil })
	g.r.together.slow = 0
	noError(t, g.sync(g.files))
	g.want(0, 1, 2*togetherMin, 0, 1)
}

// realRig is a ring with many files on a real file system that
// can do it; starve takes away what its disk promised.
func realRig(t *testing.T) (g *togetherRig, starve func() func()) {
	t.Helper()
	if !kernelAtLeast(5, 17) {
		t.Skip("this kernel does not tell enough")
	}
	dir, starve := disktest.Lying(t, true)
	r, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	g = &togetherRig{t: t, r: r}
	r.together.slow = time.Hour
	for i := range togetherMin {
		f, err := r.OpenFile(filepath.Join(dir, fmt.Sprint(i)), os.O_RDWR|os.O_CREATE, 0o600, false)
		if err != nil {
			t.Fatal(err)
		}
		g.files = append(g.files, f)
	}
	if r.together.vol.dir == nil || !g.files[0].together {
		t.Fatal("an ext4 with a journal is not trusted")
	}
	if why, can, known := r.Syncfs(); why != "ext4 with a journal" || !can || !known {
		t.Errorf("%q, %v, %v", why, can, known)
	}
	r.together.vol.dirty = func() (int64, error) { return 0, nil } // whatever else the machine does
	t.Cleanup(func() {
		for _, f := range g.files {
			_ = f.Close()
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return g, starve
}

// fill writes each file through the page cache.
func (g *togetherRig) fill(content []byte) {
	g.t.Helper()
	for _, f := range g.files {
		if _, err := unix.Pwrite(f.fd, content, 0); err != nil {
			g.t.Fatal(err)
		}
	}
}

// TestSyncfsForReal: the bytes get to the disk.
func TestSyncfsForReal(t *testing.T) {
	const size = 64 << 10
	g, _ := realRig(t)
	before, err := g.r.together.vol.written()
	if err != nil {
		t.Fatal(err)
	}
	g.fill(bytes.Repeat([]byte("umbra"), size/5))
	noError(t, g.sync(g.files))
	g.want(0, 1, togetherMin, 0, 0)
	if after, err := g.r.together.vol.written(); err != nil || after-before < togetherMin*(size/5*5) {
		t.Errorf("the disk got %d bytes, %v", after-before, err)
	}
	if dirty, err := dirtyBytes(); err != nil || dirty < 0 {
		t.Errorf("%d bytes are dirty, %v", dirty, err)
	}
}

// TestSyncfsOfALyingDisk: no file is called durable that is not. What the page cache holds
// of the others is taken away before a look at the disk.
func TestSyncfsOfALyingDisk(t *testing.T) {
	const size = 1 << 20
	g, starve := realRig(t)
	content := bytes.Repeat([]byte("umbra"), size/5)
	g.fill(content)
	feed := starve()
	errs := g.sync(g.files)
	feed()
	if g.r.Stats().SyncfsFailed != 1 || errors.Join(errs...) == nil {
		t.Errorf("%+v: %v", g.r.Stats(), errs)
	}
	got := make([]byte, len(content))
	for i, err := range errs {
		if err != nil {
			continue
		}
		f := g.files[i]
		_ = unix.Fadvise(f.fd, 0, 0, unix.FADV_DONTNEED)
		if _, err := unix.Pread(f.fd, got, 0); err != nil || !bytes.Equal(got, content) {
			t.Errorf("file %d is called durable, and the disk has something else (%v)", i, err)
		}
	}
}

// TestUntrustedVolume: a file system whose syncfs does not tell all has none.
func TestUntrustedVolume(t *testing.T) {
	dir, _ := disktest.Lying(t, false)
	var v volume
	v.look(filepath.Join(dir, "log"))
	defer v.close()
	if v.dir != nil {
		t.Error("an ext4 without a journal is trusted")
	}
	if why, can, known := v.reason(); why != "ext4 without a journal" || can || !known {
		t.Errorf("%q, %v, %v", why, can, known)
	}
}

func TestKernelAtLeast(t *testing.T) {
	if !kernelAtLeast(2, 6) || kernelAtLeast(1000, 0) {
		t.Error("the running kernel is older than 2.6, or from the far future")
	}
}
