// Package buf holds the memory a shard moves record bytes through: slabs cut
// from mmap'd extents outside the Go heap, counted references, one owner.
//
// Slabs live outside the heap so that the kernel may be given their address
// for as long as an operation runs, so that the garbage collector never scans
// or counts them, and so that big ones sit in huge pages. The package knows
// nothing of files, sockets or records.
//
// Read Arena first, then Slab, then Span.
package buf
