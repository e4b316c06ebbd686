package ioring

import (
	"errors"
	"fmt"
	"syscall"
)

var (
	// ErrFull is returned by Push when Config.Depth operations are in flight.
	ErrFull = errors.New("ring is full")
	// ErrClosed means the Ring or File was closed.
	ErrClosed = errors.New("closed")
	// ErrPoisoned means an earlier fsync of the File failed. What the file
	// holds beyond the last good fsync is unknown; close it, open it again
	// and verify.
	ErrPoisoned = errors.New("file is poisoned by a failed fsync")
	// ErrShort means a read met the end of the file; Op.N says how many bytes
	// came. For a write it means the kernel took nothing and gave no reason.
	ErrShort = errors.New("short transfer")
	// ErrAlign means a direct file was given an offset, length or address
	// that is not a multiple of File.Align.
	ErrAlign = errors.New("not aligned for direct I/O")
	// ErrBusy is returned by File.Close while operations are in flight, and
	// by Ring.Close when some did not end in time.
	ErrBusy = errors.New("operations are in flight")
	// ErrCancelled means the operation was given up while the ring closed. It
	// may or may not have reached the disk.
	ErrCancelled = errors.New("operation was cancelled")
)

// opError says which operation on which file failed, and what to do.
func opError(op *Op, cause error) error {
	var what string
	if op.Kind == Sync {
		what = fmt.Sprintf("fsync %s", op.File.name)
	} else {
		what = fmt.Sprintf("%s %d bytes at offset %d of %s", op.Kind, len(op.Buf), op.Off, op.File.name)
	}
	if r := remedy(cause); r != "" {
		return fmt.Errorf("%s: %w; %s", what, cause, r)
	}
	return fmt.Errorf("%s: %w", what, cause)
}

func remedy(cause error) string {
	var no syscall.Errno
	if !errors.As(cause, &no) {
		return ""
	}
	switch no {
	case syscall.ENOSPC, syscall.EDQUOT:
		return "free space on the volume or raise its quota"
	case syscall.EIO:
		return "check the kernel log and the disk"
	case syscall.EROFS:
		return "remount the volume read-write"
	case syscall.EFBIG:
		return "raise the file size limit (ulimit -f)"
	}
	return ""
}
