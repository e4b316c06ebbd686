package ioring

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// directAlign is what a direct file asks of offset, length and address. Disks
// with a larger need are opened without O_DIRECT.
const directAlign = 4096

// File is an open file of one ring. Its operations go through Ring.Push on
// the owner's goroutine; the methods below block and belong on another one.
type File struct {
	// Set once.
	ring     *Ring
	name     string
	fd       int
	cached   int // of a direct file for writing: the same through the page cache; -1: none
	align    int
	together bool // its fsyncs may be done with those of others, see together.go

	// Owner only: who waits for which fsync, and how many writes made in line Reap has
	// not reported.
	sync    syncer
	inlined int32

	// Crosses goroutines. life lets the blocking methods run beside each other
	// and Close alone. inFlight and closed are read by Close and Push, each
	// after writing its own, so that one of the two sees the other.
	life     sync.RWMutex
	inFlight atomic.Int32
	calls    atomic.Int32 // blocking methods under way
	closed   atomic.Bool
	poison   atomic.Pointer[error]
	gate     syncGate
}

// OpenFile opens path with the os flags (O_APPEND is refused: it overrides
// offsets). With direct it asks for O_DIRECT and falls back to buffered I/O
// where the file system refuses; Align says which it became. Blocks; any
// goroutine.
func (r *Ring) OpenFile(path string, flag int, perm os.FileMode, direct bool) (*File, error) {
	if flag&os.O_APPEND != 0 {
		return nil, fmt.Errorf("open %s: O_APPEND overrides offsets; open it without", path)
	}
	r.together.vol.look(path)
	fd, align, err := openFd(path, flag, perm, direct)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	f := &File{ring: r, name: path, fd: fd, cached: -1, align: align, together: r.together.vol.holds(fd)}
	if align == os.Getpagesize() && flag&unix.O_ACCMODE != os.O_RDONLY && int64(fd) < r.cachedBelow {
		// Where it fails, Op.Cached changes nothing. With larger pages the two ways
		// would meet in one page.
		f.cached, _ = openRetry(path, flag&^(os.O_CREATE|os.O_EXCL|os.O_TRUNC), 0)
	}
	f.gate.init()
	return f, nil
}

// cachedBelow is the descriptor number up to which a file gets a second one: half of
// what the process may have, so that tens of thousands of logs leave the other half
// to clients.
func cachedBelow() int64 {
	var lim unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &lim) != nil {
		return 0
	}
	return int64(min(lim.Cur/2, math.MaxInt32))
}

func openFd(path string, flag int, perm os.FileMode, direct bool) (fd, align int, err error) {
	if direct {
		fd, err = openRetry(path, flag|unix.O_DIRECT, perm)
		if err == nil && directWorks(fd) {
			return fd, directAlign, nil
		}
		if err == nil {
			_ = unix.Close(fd)
			flag &^= os.O_EXCL // ours by now
		} else if !errors.Is(err, unix.EINVAL) {
			return -1, 0, err
		}
	}
	fd, err = openRetry(path, flag, perm)
	return fd, 1, err
}

func openRetry(path string, flag int, perm os.FileMode) (int, error) {
	for {
		fd, err := unix.Open(path, flag|unix.O_CLOEXEC, uint32(perm.Perm()))
		if err != unix.EINTR {
			return fd, err
		}
	}
}

// directWorks asks the file system what direct I/O needs here. Kernels that
// do not say are taken at their word of having accepted the flag.
func directWorks(fd int) bool {
	var st unix.Statx_t
	err := unix.Statx(fd, "", unix.AT_EMPTY_PATH, unix.STATX_DIOALIGN, &st)
	if err != nil || st.Mask&unix.STATX_DIOALIGN == 0 {
		return true
	}
	return st.Dio_mem_align > 0 && st.Dio_mem_align <= directAlign &&
		st.Dio_offset_align > 0 && st.Dio_offset_align <= directAlign
}

// Name is the path the file was opened by.
func (f *File) Name() string { return f.name }

// Align is 4096 when O_DIRECT is in force: offset, length and address of every
// Read and Write must be multiples of it. Otherwise 1.
func (f *File) Align() int { return f.align }

// Err is nil, or the ErrPoisoned every operation gets since an fsync failed.
func (f *File) Err() error {
	if p := f.poison.Load(); p != nil {
		return *p
	}
	return nil
}

// setPoison keeps the first cause.
func (f *File) setPoison(cause error) error {
	err := fmt.Errorf("%w (%s: %w); close it, open it again and verify it from the last good fsync", ErrPoisoned, f.name, cause)
	f.poison.CompareAndSwap(nil, &err)
	return *f.poison.Load()
}

// Close closes the file. ErrBusy while operations are in flight. It does not
// fsync. Any goroutine; a second Close gives ErrClosed.
func (f *File) Close() error {
	f.life.Lock()
	defer f.life.Unlock()
	if f.closed.Swap(true) {
		return fmt.Errorf("close %s: %w", f.name, ErrClosed)
	}
	if n := f.inFlight.Load(); n != 0 {
		f.closed.Store(false)
		return fmt.Errorf("close %s: %w (%d); wait for their Done", f.name, ErrBusy, n)
	}
	if f.cached >= 0 {
		_ = unix.Close(f.cached)
	}
	if err := unix.Close(f.fd); err != nil && err != unix.EINTR {
		return &os.PathError{Op: "close", Path: f.name, Err: err}
	}
	return nil
}

// blocking runs one system call on the descriptor while it cannot be closed.
func (f *File) blocking(act string, call func(fd int) error) error {
	f.life.RLock()
	defer f.life.RUnlock()
	if f.closed.Load() {
		return fmt.Errorf("%s %s: %w", act, f.name, ErrClosed)
	}
	if err := f.Err(); err != nil {
		return fmt.Errorf("%s %s: %w", act, f.name, err)
	}
	f.calls.Add(1)
	defer f.calls.Add(-1)
	for {
		err := call(f.fd)
		if err == nil {
			return nil
		}
		if err == unix.EINTR {
			continue
		}
		if r := remedy(err); r != "" {
			return fmt.Errorf("%s %s: %w; %s", act, f.name, err, r)
		}
		return fmt.Errorf("%s %s: %w", act, f.name, err)
	}
}

// idleButOne says whether nothing but one operation, and writes in line that are over, is
// under way on the file (owner).
func (f *File) idleButOne() bool {
	return f.inFlight.Load() == 1+f.inlined && f.calls.Load() == 0
}

// Truncate sets the file's size in bytes. Blocks; any goroutine. It must not
// cut where operations are in flight.
func (f *File) Truncate(size int64) error {
	return f.blocking("truncate", func(fd int) error { return unix.Ftruncate(fd, size) })
}

// Allocate reserves disk blocks for the first size bytes and extends the file
// to size when it is shorter, so that later writes below size change neither
// its length nor its allocation; what was never written reads as zeros. A
// file system without fallocate gets the length only. Blocks; any goroutine.
func (f *File) Allocate(size int64) error {
	return f.blocking("allocate", func(fd int) error {
		err := unix.Fallocate(fd, 0, 0, size)
		if err != unix.EOPNOTSUPP {
			return err
		}
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil || st.Size >= size {
			return err
		}
		return unix.Ftruncate(fd, size)
	})
}

// Size is the file's length in bytes. Blocks; any goroutine.
func (f *File) Size() (int64, error) {
	var st unix.Stat_t
	err := f.blocking("stat", func(fd int) error { return unix.Fstat(fd, &st) })
	return st.Size, err
}

// SyncDir fsyncs the directory dir, which makes files created, renamed and
// removed in it durable. Blocks.
func SyncDir(dir string) error {
	d, err := os.Open(filepath.Clean(dir))
	if err != nil {
		return err
	}
	err = d.Sync()
	if cerr := d.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("fsync directory %s: %w", dir, err)
	}
	return nil
}
