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

// foreignMax is how much a syncfs may write beside the ring's own bytes. What others have
// made dirty is theirs to write when they like: a page that is changed again and again
// costs one write in half a minute then, and one a syncfs here.
const foreignMax = 8 << 20

// volume is the file system that a ring's files lie on. Its descriptor is older than any
// of them.
type volume struct {
	once sync.Once
	fd   int             // a directory of it; -1: it cannot sync many files at once
	dev  uint64          // of its files
	disk *os.File        // the disk's counters
	call func(int) error // syncfs
}

// look finds out about the file system of path, which is the ring's first file and not
// open yet. Later calls do nothing.
func (v *volume) look(path string) {
	v.once.Do(func() {
		v.fd, v.call = -1, unix.Syncfs
		if !kernelAtLeast(5, 8) {
			return
		}
		fd, err := openRetry(filepath.Dir(path), os.O_RDONLY, 0)
		if err != nil {
			return
		}
		if v.dev, v.disk, err = diskBelow(fd); err != nil {
			_ = unix.Close(fd)
			return
		}
		v.fd = fd
	})
}

// holds says whether an open file lies on the volume, and the volume can sync many.
func (v *volume) holds(fd int) bool {
	var st unix.Stat_t
	return v.fd >= 0 && unix.Fstat(fd, &st) == nil && st.Dev == v.dev
}

// diskBelow finds the device of a directory and the counters of its disk. An error where
// the file system is none whose syncfs is known to do what together needs.
func diskBelow(fd int) (dev uint64, disk *os.File, err error) {
	var fs unix.Statfs_t
	if err := unix.Fstatfs(fd, &fs); err != nil {
		return 0, nil, err
	}
	if fs.Type != unix.EXT4_SUPER_MAGIC && fs.Type != unix.XFS_SUPER_MAGIC {
		return 0, nil, unix.EOPNOTSUPP
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return 0, nil, err
	}
	disk, err = os.Open(fmt.Sprintf("/sys/dev/block/%d:%d/stat", unix.Major(st.Dev), unix.Minor(st.Dev)))
	return st.Dev, disk, err
}

// sync writes all that is dirty, of which own bytes are the ring's, and says whether
// there was much besides. The disk's cache may still hold some of it.
func (v *volume) sync(own int64) (foreign bool, err error) {
	before, err := v.written()
	if err == nil {
		err = v.call(v.fd)
	}
	if err != nil {
		return false, err
	}
	after, err := v.written()
	return after-before > own+foreignMax, err
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

func (v *volume) close() {
	if v.fd >= 0 {
		_ = unix.Close(v.fd)
		_ = v.disk.Close()
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
