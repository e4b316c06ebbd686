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
	dirtyMost  = 256 << 20 // bytes that may be dirty on the machine; more could hold it up for seconds
)

// volume is the file system that a ring's files lie on. Its descriptor is older than any
// of them.
type volume struct {
	mu     sync.Mutex
	looked bool
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
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.looked {
		return
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return // nor can the file be opened, then
	}
	v.looked = true
	dev, disk, err := diskBelow(dir)
	if err != nil {
		_ = dir.Close()
		return
	}
	v.disk, v.dirty, v.call = disk, dirtyBytes, unix.Syncfs
	v.dir, v.dev = dir, dev
}

// holds says whether an open file lies on the volume, and the volume can sync many.
func (v *volume) holds(fd int) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	var st unix.Stat_t
	return v.dir != nil && unix.Fstat(fd, &st) == nil && st.Dev == v.dev && st.Mode&unix.S_IFMT == unix.S_IFREG
}

// diskBelow finds the device of a directory and the counters of its disk. An error where
// the kernel or the file system is none whose syncfs is known to do what together needs:
// before Linux 5.17 it does not say what the file system's own half of it came to.
func diskBelow(dir *os.File) (dev uint64, disk *os.File, err error) {
	var fs unix.Statfs_t
	var st unix.Stat_t
	if err := errors.Join(unix.Fstatfs(int(dir.Fd()), &fs), unix.Fstat(int(dir.Fd()), &st)); err != nil {
		return 0, nil, err
	}
	if !kernelAtLeast(5, 17) || fs.Type != unix.EXT4_SUPER_MAGIC && fs.Type != unix.XFS_SUPER_MAGIC {
		return 0, nil, unix.EOPNOTSUPP
	}
	disk, err = os.Open(fmt.Sprintf("/sys/dev/block/%d:%d/stat", unix.Major(st.Dev), unix.Minor(st.Dev)))
	return st.Dev, disk, err
}

// sync writes all that is dirty, of which own bytes are the ring's. It is skipped where
// there is too much, and says whether there was much besides. The disk's cache may still
// hold some of it.
func (v *volume) sync(own int64) (skipped, foreign bool, err error) {
	dirty, err := v.dirty()
	if err != nil || dirty > own+dirtyMost {
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
	return false, after-before > own+foreignMax, err
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

// dirtyBytes is what waits to be written, on the whole machine.
func dirtyBytes() (int64, error) {
	b, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, err
	}
	_, rest, _ := bytes.Cut(b, []byte("\nDirty:"))
	var kib int64
	if _, err := fmt.Sscan(string(rest[:min(len(rest), 32)]), &kib); err != nil {
		return 0, fmt.Errorf("/proc/meminfo does not say what is dirty: %w", err)
	}
	return kib << 10, nil
}

func (v *volume) close() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.looked = true
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
