package ceiling

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

const (
	blockBytes = 1 << 20
	depth      = 4 // blocks under way
)

// errBuffered is a file system that does not write past the page cache.
var errBuffered = errors.New("the file system refuses O_DIRECT")

// disk writes a new file as umbra writes a segment: allocated first, then from front
// to back. Each of depth threads takes the next block, with plain system calls.
type disk struct {
	path   string
	blocks int64
	bufs   [depth][]byte
}

// newDisk returns the work and what undoes it, which is never nil.
func newDisk(dir string, bytes int64) (write work, undo func() error, err error) {
	undo = func() error { return nil }
	d := &disk{path: filepath.Join(dir, fmt.Sprintf("umbra-bench-ceiling-%d", os.Getpid())), blocks: max(1, bytes/blockBytes)}
	fd, err := d.open()
	if errors.Is(err, unix.EINVAL) {
		return nil, undo, errBuffered
	}
	if err != nil {
		return nil, undo, err
	}
	unix.Close(fd)
	area, err := unix.Mmap(-1, 0, depth*blockBytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return nil, undo, fmt.Errorf("map blocks to write: %w", err)
	}
	for i := range area {
		area[i] = byte(i * 7)
	}
	for i := range d.bufs {
		d.bufs[i] = area[i*blockBytes:][:blockBytes]
	}
	return d.write, func() error { return errors.Join(unix.Munmap(area), d.remove()) }, nil
}

func (d *disk) open() (int, error) {
	fd, err := unix.Open(d.path, unix.O_CREAT|unix.O_WRONLY|unix.O_DIRECT|unix.O_CLOEXEC, 0o644)
	if err != nil {
		err = errors.Join(fmt.Errorf("open %s to write past the page cache: %w", d.path, err), d.remove())
	}
	return fd, err
}

func (d *disk) remove() error {
	if err := os.Remove(d.path); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

func (d *disk) write() (int64, error) {
	if err := d.remove(); err != nil {
		return 0, err
	}
	fd, err := d.open()
	if err != nil {
		return 0, err
	}
	if err := unix.Fallocate(fd, 0, 0, d.blocks*blockBytes); err != nil && !errors.Is(err, unix.EOPNOTSUPP) {
		return 0, errors.Join(fmt.Errorf("allocate %s: %w", d.path, err), unix.Close(fd))
	}
	var next atomic.Int64 // the block that nobody has taken
	var wg sync.WaitGroup
	errs := make([]error, depth)
	for i, buf := range d.bufs {
		wg.Go(func() {
			for errs[i] == nil {
				block := next.Add(1) - 1
				if block >= d.blocks {
					return
				}
				errs[i] = writeAll(fd, buf, block*blockBytes)
			}
		})
	}
	wg.Wait()
	return d.blocks * blockBytes, errors.Join(errors.Join(errs...), unix.Close(fd))
}

func writeAll(fd int, buf []byte, at int64) error {
	n, err := unix.Pwrite(fd, buf, at)
	if err == nil && n < len(buf) { // only a full disk cuts a block
		err = unix.ENOSPC
	}
	if err != nil {
		return fmt.Errorf("write a block at %d: %w", at, err)
	}
	return nil
}
