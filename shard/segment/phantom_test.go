package segment

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// lyingDisk mounts an ext4 that promises more than what lies under it has. starve takes
// away what is free there; the function that it returns gives it back.
func lyingDisk(t *testing.T) (dir string, starve func() (feed func())) {
	t.Helper()
	under, dir := t.TempDir(), t.TempDir()
	if _, err := os.Stat("/dev/loop-control"); err != nil {
		t.Skipf("there are no loop devices: %v", err)
	}
	switch err := unix.Mount("tmpfs", under, "tmpfs", 0, "size=8m"); {
	case errors.Is(err, unix.EPERM):
		t.Skipf("this user may not mount: %v", err)
	case err != nil:
		t.Fatal(err)
	}
	t.Cleanup(func() { unmount(t, under) })
	image := filepath.Join(under, "image")
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(image, 64<<20); err != nil {
		t.Fatal(err)
	}
	for _, c := range []string{"mkfs.ext4 -q -O ^has_journal " + image, "mount -o loop " + image + " " + dir} {
		words := strings.Fields(c)
		if out, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", c, err, out)
		}
	}
	t.Cleanup(func() { unmount(t, dir) })
	return dir, func() func() {
		ballast := filepath.Join(under, "ballast")
		_ = os.WriteFile(ballast, make([]byte, 16<<20), 0o600) // as much as there is room for
		return func() {
			if err := os.Remove(ballast); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// unmount does not wait for whoever still looks at the disk, as a system's device
// manager does when a loop device comes or goes.
func unmount(t *testing.T, dir string) {
	if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
		t.Errorf("unmount %s: %v", dir, err)
	}
}

// TestRecoveryReadsTheDisk: bytes that a failed write-back has lost stay in the page
// cache, valid and clean. A log that is opened again does not take them for its own:
// it holds the same when the cache has forgotten them.
func TestRecoveryReadsTheDisk(t *testing.T) {
	engines(t, func(t *testing.T, engine string) {
		dir, starve := lyingDisk(t)
		r := newRig(t, engine, Config{})
		r.dir = filepath.Join(dir, "orders-0")
		r.open()
		r.appendCached()
		r.must(r.log.Flush)
		feed := starve()
		for r.failed == nil {
			r.appendCached()
			_ = r.await(r.log.Flush) // a loop device says yes to a write of which it took the first block
		}
		path := r.log.active().path
		_ = r.await(r.log.Close)
		r.pump()
		r.log.Release()
		r.log.dropPieces()
		feed()
		r.open()
		taken, size := r.log.EndOffset(), r.log.active().size
		r.close()
		if err := emptyCache(path); err != nil {
			t.Fatal(err)
		}
		if n := validBatches(t, path, size); int64(n) != taken {
			t.Errorf("%d batches were taken for the log's, the disk has %d", taken, n)
		}
	})
}

// validBatches counts what is whole in a file's first bytes.
func validBatches(t *testing.T, path string, size int64) (n int) {
	t.Helper()
	in, err := openScanner(path, 0, size)
	if err != nil {
		t.Fatal(err)
	}
	defer in.close()
	for {
		if _, _, err := in.next(true); err != nil {
			return n
		}
		n++
	}
}

// appendCached appends a batch that goes to the page cache.
func (r *rig) appendCached() {
	r.t.Helper()
	if err := r.mirror(makeBatch(batchSpec{base: r.log.EndOffset(), size: 30 << 10})); err != nil {
		r.t.Fatal(err)
	}
	r.pump()
	if r.log.WrittenOffset() != r.log.EndOffset() {
		r.t.Fatalf("written to %d of %d: the cache did not take it", r.log.WrittenOffset(), r.log.EndOffset())
	}
}
