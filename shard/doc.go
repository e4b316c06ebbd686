// Package shard is the core-pinned runtime: one event loop per shard, and all
// that a loop owns. Connections (accepted and dialled), timers, a bounded
// mailbox, a slab arena, a storage ring and the partitions whose logs live
// there. It is the only importer of gnet and knows no rule of Kafka's beyond
// the log: what the bytes on a connection mean is its Protocol's business.
//
// Ownership: everything hot is touched by the shard's loop only, so there is no
// lock on that path. "Loop only" in a comment means: call it from code that
// runs on that shard's loop (a Protocol method, a posted function, a timer, a
// completion). The few methods any goroutine may call say so. Nothing that runs
// on a loop may block; the one exception is a small write that the ring makes in line.
//
// A turn is one stay on the loop: an event, a drained mailbox, a timer. At its
// end the shard runs hooks, publishes moved partitions and wakes their waiters,
// closes what was closed, hands the ring its round, and does so again while that
// brings more. Then it writes what connections queued: ten responses of one turn
// are one system call, and nobody is asked before everybody is answered. How long
// turns take is in Stats.TurnBuckets: while one lasts, nothing else of the shard runs.
//
// Read Group (start, stop), Shard (the loop), Conn with Protocol (bytes), then
// Partition. What reaches under gnet is in undergnet.go and nowhere else.
package shard
