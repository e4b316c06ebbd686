package ioring

// Stats are a ring's counters since New. They belong to the owner goroutine.
type Stats struct {
	Pushed       int64 // operations taken
	Completed    int64 // operations whose Done ran
	Failed       int64 // of those, with an error
	Full         int64 // pushes refused with ErrFull
	Continued    int64 // transfers queued again after a short or interrupted one
	Fsyncs       int64 // fdatasyncs asked of the kernel
	FsyncsShared int64 // operations made durable by another's fdatasync
	Syncfs       int64 // syncfs calls, each for many fsyncs and with one fdatasync behind it
	SyncfsFiles  int64 // fsyncs that they were
	SyncfsFailed int64 // of those calls, with an error: there are no more after it
	SyncfsRests  int64 // times that there was none for a while, see together.go
	Enters       int64 // system calls that submitted a round (io_uring) or hand-overs (pwrite)
	Fixed        int64 // transfers from registered memory
	Inline       int64 // writes to the page cache that the owner made itself
	InlineSlow   int64 // of those, the ones that took so long that there were none for a while
	Bells        int64 // rung by the workers of pwrite; the kernel rings for io_uring
	Refused      int64 // rounds the kernel did not take at once (EAGAIN, EBUSY)
	SubmitErrors int64 // rounds that failed inside Reap
}

// Stats are the counters now. Owner only.
func (r *Ring) Stats() Stats {
	s := r.count
	r.eng.stats(&s)
	return s
}
