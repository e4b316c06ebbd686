package ioring_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"umbra/ioring"
)

// The real thing: a disk that promises 64 MiB and has 1. Buffered writes
// succeed, the fsync fails, and a second fsync on the same descriptor would
// not tell any more. Where loop devices are forbidden TestFailedFsyncPoisons
// walks the same code with an fsync that fails for another reason.
func TestFsyncgate(t *testing.T) {
	for _, cached := range []bool{false, true} {
		t.Run(fmt.Sprintf("cached=%v", cached), func(t *testing.T) { fsyncgate(t, cached) })
	}
}

// fsyncgate writes to a buffered file or, cached, through the second descriptor of a
// direct one: the fsync of the first has to hear of it.
func fsyncgate(t *testing.T, cached bool) {
	eachEngine(t, func(t *testing.T, engine string) {
		disk, ok := lyingDisk(t)
		if !ok {
			t.Skip("no loop device or no right to use one; TestFailedFsyncPoisons covers the code")
		}
		g := newRig(t, ioring.Config{Engine: engine})
		f, err := g.ring.OpenFile(disk, os.O_RDWR, 0, cached)
		must(t, err)
		defer func() { must(t, f.Close()) }()
		mem, slab := g.slab(1 << 20)
		for i := range 8 {
			g.must(&ioring.Op{Kind: ioring.Write, File: f, Off: int64(i) << 20, Buf: mem, Slab: slab, Cached: cached})
		}
		acked := 0
		for i := range 20 {
			op := &ioring.Op{Kind: ioring.Write, File: f, Off: int64(i) << 20, Buf: mem, Slab: slab, Sync: true, Cached: cached,
				Done: func(op *ioring.Op) {
					if op.Err == nil {
						acked++
					}
				}}
			if i%2 == 1 {
				op.Kind, op.Sync = ioring.Sync, false
			}
			g.push(op)
		}
		g.drain()
		if acked != 0 {
			t.Errorf("%d operations were acknowledged by a disk that lost the bytes", acked)
		}
		if err := f.Err(); !errors.Is(err, syscall.EIO) && !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("the file's poison is %v", err)
		}
		expectPoisoned(t, g, f)
	})
}

// lyingDisk attaches a sparse image on a tiny tmpfs to a loop device.
func lyingDisk(t *testing.T) (string, bool) {
	t.Helper()
	dir, ok := tinyTmpfs(t, 1<<20)
	if !ok {
		return "", false
	}
	ctl, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	if err != nil {
		return "", false
	}
	defer func() { _ = ctl.Close() }()
	image, err := os.OpenFile(filepath.Join(dir, "image"), os.O_RDWR|os.O_CREATE, 0o600)
	must(t, err)
	defer func() { _ = image.Close() }()
	must(t, image.Truncate(64<<20))
	for range 20 { // another process may take the number we were given
		n, err := unix.IoctlRetInt(int(ctl.Fd()), unix.LOOP_CTL_GET_FREE)
		if err != nil {
			return "", false
		}
		path := fmt.Sprintf("/dev/loop%d", n)
		dev, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			return "", false
		}
		err = unix.IoctlSetInt(int(dev.Fd()), unix.LOOP_SET_FD, int(image.Fd()))
		if errors.Is(err, unix.EBUSY) {
			_ = dev.Close()
			continue
		}
		if err != nil {
			_ = dev.Close()
			return "", false
		}
		t.Cleanup(func() {
			if err := errors.Join(unix.IoctlSetInt(int(dev.Fd()), unix.LOOP_CLR_FD, 0), dev.Close()); err != nil {
				t.Errorf("detach %s: %v", path, err)
			}
		})
		return path, true
	}
	return "", false
}
