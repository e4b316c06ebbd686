// Package disktest makes disks for tests that need a bad one.
package disktest

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Lying mounts an ext4 of 64 MiB, with or without a journal, that promises more than what
// lies under it has, which is 8 MiB. starve takes away what is free there; the function
// that it returns gives it back. The test is skipped where it may not mount.
func Lying(t *testing.T, journal bool) (dir string, starve func() (feed func())) {
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
	if err := errors.Join(os.WriteFile(image, nil, 0o600), os.Truncate(image, 64<<20)); err != nil {
		t.Fatal(err)
	}
	features := "^has_journal"
	if journal {
		features = "has_journal"
	}
	for _, c := range []string{"mkfs.ext4 -q -O " + features + " " + image, "mount -o loop " + image + " " + dir} {
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
