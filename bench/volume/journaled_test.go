package volume

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// What is made is another file system, and is gone afterwards.
func TestJournaled(t *testing.T) {
	dir := t.TempDir()
	v, err := NewJournaled(dir, 64<<20)
	if err != nil {
		if os.Getuid() == 0 && exists("/dev/loop-control") {
			t.Fatal(err)
		}
		t.Skipf("it cannot be made here: %v", err)
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

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
