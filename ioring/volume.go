package ioring

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"
)

// What others have made dirty is theirs to write when they like: a page that is changed
// again and again costs one write in half a minute then, and one a syncfs here.
const (
	foreignMax = 8 << 20   // bytes that a syncfs may write beside the ring's own
	ownMost    = 64 << 20  // bytes of the ring's own; nothing leaves more unsynced
	dirtyMost  = 256 << 20 // bytes that may be dirty on the machine; more could hold it up for seconds
)

// volume is the file system that a ring's files lie on. Its descriptor is older than any
// of them.
type volume struct {
	mu     sync.Mutex
	looked bool
	why    string   // it can, or cannot
	dir    *os.File // of the file system; nil: it cannot sync many files at once
	dev    uint64   // of its files

	// Set before dir.
	disk  *os.File              // the disk's counters
	dirty func() (int64, error) // bytes that wait to be written, on the whole machine
	call  func(fd int) error    // syncfs
}

// look finds out about the file system of path, which is the ring's first file and not
// open yet. Later calls do nothing.
func (v *volume) look(path string) {
	if !v.unknown() {
		return
	}
	dir, err := os.Open(filepath.Dir(path)) // not under the lock: the disk may hang
	if err != nil {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.looked {
		_ = dir.Close()
		return
	}
	if v.why = v.learn(dir); v.dir == nil {
		_ = dir.Close()
	}
	v.looked = true
}

func (v *volume) unknown() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return !v.looked
}

// learn takes dir when its file system can do what together needs, and says why it can or
// cannot.
func (v *volume) learn(dir *os.File) (why string) {
	var st unix.Stat_t
	if err := unix.Fstat(int(dir.Fd()), &st); err != nil {
		return err.Error()
	}
	device := fmt.Sprintf("/sys/dev/block/%d:%d", unix.Major(st.Dev), unix.Minor(st.Dev))
	why, ok := trusted(dir, device)
	if !ok {
		return why
	}
	disk, err := os.Open(filepath.Join(device, "stat"))
	if err != nil {
		return err.Error()
	}
	v.disk, v.dirty, v.call = disk, dirtyBytes, unix.Syncfs
	_, errDirty := v.dirty()
	_, errWritten := v.written()
	if err := errors.Join(errDirty, errWritten); err != nil {
		_ = disk.Close()
		return err.Error()
	}
	v.dir, v.dev = dir, st.Dev
	return why
}

// trusted says whether syncfs tells all there is to tell, and why. Before Linux 5.17 it
// keeps to itself what the file system's own half came to. ext4 without a journal, and
// ext2, leave inodes to the block device, whose error goes to whoever asks first and not to
// each of the files.
func trusted(dir *os.File, device string) (why string, ok bool) {
	var fs unix.Statfs_t
	if err := unix.Fstatfs(int(dir.Fd()), &fs); err != nil {
		return err.Error(), false
	}
	switch {
	case !kernelAtLeast(5, 17):
		return "Linux is older than 5.17", false
	case fs.Type == unix.XFS_SUPER_MAGIC:
		return "xfs", true
	case fs.Type != unix.EXT4_SUPER_MAGIC:
		return "neither ext4 nor xfs", false
	case !journaled(device):
		return "ext4 without a journal", false
	}
	return "ext4 with a journal", true
}

// reason says whether the volume can sync many files at once, and why; known is false
// before its first file.
func (v *volume) reason() (why string, can, known bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.why, v.dir != nil, v.looked
}

// journaled asks ext4 for the task of its journal.
func journaled(device string) bool {
	path, err := filepath.EvalSymlinks(device)
	if err != nil {
		return false
	}
	task, err := os.ReadFile(filepath.Join("/sys/fs/ext4", filepath.Base(path), "journal_task"))
	return err == nil && !bytes.HasPrefix(task, []byte("<none>"))
}

// holds says whether an open file lies on the volume, and the volume can sync many.
func (v *volume) holds(fd int) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	var st unix.Stat_t
	return v.dir != nil && unix.Fstat(fd, &st) == nil && st.Dev == v.dev && st.Mode&unix.S_IFMT == unix.S_IFREG
}

// sync writes all that is dirty, of which own bytes are the ring's. It is skipped where
// there is too much, and says whether there was much besides. The disk's cache may still
// hold some of it.
func (v *volume) sync(own int64) (skipped, foreign bool, err error) {
	dirty, err := v.dirty()
	if err != nil || dirty > dirtyMost {
		return true, false, err
	}
	before, err := v.written()
	if err == nil {
		err = v.call(int(v.dir.Fd()))
	}
	if err != nil {
		return false, false, err
	}
	after, err := v.written()
	return false, after-before > min(own, ownMost)+foreignMax, err
}

// written is how many bytes the disk has been given since the machine started: the
// seventh of its counters, in sectors of 512 bytes (the kernel's Documentation/block/stat).
func (v *volume) written() (int64, error) {
	var b [256]byte
	n, err := v.disk.ReadAt(b[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	fields := bytes.Fields(b[:n])
	if len(fields) < 7 {
		return 0, fmt.Errorf("%s has %d counters, want 7 or more", v.disk.Name(), len(fields))
	}
	sectors, err := strconv.ParseInt(string(fields[6]), 10, 64)
	return sectors * 512, err
}

// dirtyBytes is what waits to be written, or is being written, on the whole machine.
func dirtyBytes() (int64, error) {
	b, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, err
	}
	sum := int64(0)
	for _, name := range []string{"\nDirty:", "\nWriteback:"} {
		_, rest, _ := bytes.Cut(b, []byte(name))
		var kib int64
		if _, err := fmt.Sscan(string(rest[:min(len(rest), 32)]), &kib); err != nil {
			return 0, fmt.Errorf("/proc/meminfo has no number at %q: %w", name, err)
		}
		sum += kib << 10
	}
	return sum, nil
}

func (v *volume) close() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.looked = true
	v.why = "closed"
	if v.dir != nil {
		_ = v.dir.Close()
		_ = v.disk.Close()
		v.dir = nil
	}
}

// kernelAtLeast compares the release of the running kernel.
func kernelAtLeast(major, minor int) bool {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return false
	}
	var a, b int
	if n, _ := fmt.Sscanf(unix.ByteSliceToString(u.Release[:]), "%d.%d", &a, &b); n != 2 {
		return false
	}
	return a > major || a == major && b >= minor
}
