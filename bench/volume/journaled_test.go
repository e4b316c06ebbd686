package volume

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// What is made is another file system, and is gone afterwards.
func TestJournaled(t *testing.T) {
	dir := t.TempDir()
	needed(t)
	v, err := NewJournaled(dir, 64<<20)
	if err != nil {
		t.Fatal(err)
	}
	var below, here unix.Stat_t
	if err := unix.Stat(dir, &below); err != nil {
		t.Fatal(err)
	}
	if err := unix.Stat(v.Dir, &here); err != nil || here.Dev == below.Dev {
		t.Errorf("device %d in %d, %v", here.Dev, below.Dev, err)
	}
	if err := os.WriteFile(filepath.Join(v.Dir, "log"), []byte("umbra"), 0o600); err != nil {
		t.Error(err)
	}
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if mounts, _ := os.ReadFile("/proc/mounts"); strings.Contains(string(mounts), dir) {
		t.Error("it is still mounted")
	}
}

// A folder that is not there is named.
func TestJournaledNowhere(t *testing.T) {
	if _, err := NewJournaled("/nowhere/at/all", 64<<20); err == nil || !strings.Contains(err.Error(), "/nowhere/at/all") {
		t.Errorf("got %v", err)
	}
}

// needed skips the test where something is missing that is not ours to make.
func needed(t *testing.T) {
	t.Helper()
	for _, program := range []string{"mkfs.ext4", "losetup"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip(err)
		}
	}
	if _, err := os.Stat("/dev/loop0"); err != nil {
		t.Skipf("there are no loop devices: %v", err)
	}
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, ""); err != nil {
		t.Skipf("this user may not mount: %v", err)
	}
	if err := unix.Unmount(dir, 0); err != nil {
		t.Fatal(err)
	}
}
