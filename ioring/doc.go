// Package ioring is umbra's disk: files, and a ring per shard that writes,
// reads and fsyncs them without blocking the shard's loop: it makes itself only
// small writes to the page cache, under the guards of inline.go.
//
// A Ring has one owner goroutine. It pushes operations, submits a round of
// them, and later reaps: Reap calls Done of everything that finished. Two
// engines stand behind the one type: io_uring by our own system calls, and
// pwrite, a few worker goroutines, for machines that refuse io_uring. Both
// keep the same promises and pass the same conformance suite.
//
// What the package promises about failure: an operation is whole success or
// an error; a cancelled operation is never success; a failed fsync poisons
// its File for good, because the kernel may have thrown the dirty pages away
// and the next fsync would lie.
//
// It knows nothing of segments, records or connections. Read Ring, Op and
// File first; DESIGN.md draws the life of an operation.
package ioring
