package segment

import (
	"errors"
	"fmt"
)

// What a caller must tell apart. Errors returned by a Log wrap these.
var (
	// ErrFailed: a write or an fsync of this log went wrong. Nothing is
	// appended or acknowledged any more; reopening the log verifies it anew.
	ErrFailed = errors.New("the log has failed and must be reopened")
	// ErrNoSpace: the disk is full. What was appended but not yet written has
	// been taken back to a batch boundary (EndOffset may have moved down to
	// WrittenOffset); the log goes on by itself when space returns.
	ErrNoSpace = errors.New("no space left on the log's disk")
	// ErrStaleTerm: the append carries another term than the log's. Its sender
	// has been fenced, or has not yet been told.
	ErrStaleTerm = errors.New("the append's term is not the log's")
	// ErrOutOfOrder: batches that do not lie after the log's end, or overlap.
	ErrOutOfOrder = errors.New("batches out of order")
	// ErrOutOfRange: an offset below the log's start or above its end.
	ErrOutOfRange = errors.New("offset out of range")
	// ErrBusy: the log is being truncated, reset or closed, or a reservation
	// is outstanding. Try again.
	ErrBusy = errors.New("the log is busy")
	// ErrClosed: the log has been closed.
	ErrClosed = errors.New("the log is closed")
	// ErrNoCheckpoint: the log was closed and all of it is durable, but there was no
	// time for a checkpoint: the next Open reads the end of it again.
	ErrNoCheckpoint = errors.New("the log was closed without a checkpoint")
	// ErrReset: the batches a caller waited for were cut off or dropped.
	ErrReset = errors.New("the batches were cut off")
	// ErrCorrupt: bytes on disk that fail their checksum or do not belong
	// there. Wrapped by DamageError.
	ErrCorrupt = errors.New("corrupt log")
	// ErrIdentity: the directory belongs to another topic or partition.
	ErrIdentity = errors.New("the directory belongs to another partition")
)

// DamageError says that bytes which had been made durable are wrong or gone.
// The file is kept as it is, for the operator or a repair from a copy.
type DamageError struct {
	File   string // path of the segment file
	Pos    int64  // byte position of the first bad batch
	Offset int64  // its offset, as far as it is known
	Reason string
}

func (e *DamageError) Error() string {
	return fmt.Sprintf("%s at byte %d (offset %d): %s; the file is kept, restore it from a copy or remove the partition",
		e.File, e.Pos, e.Offset, e.Reason)
}

func (e *DamageError) Unwrap() error { return ErrCorrupt }
