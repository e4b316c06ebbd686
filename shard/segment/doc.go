// Package segment is the log of one partition: Kafka record batches v2, byte
// for byte as they were received, in files that Kafka's own tools read, with
// the sparse index, the leader epochs, the producer and the transaction state
// that follow from them.
//
// It refuses to know topics, links, clients and clocks: bytes come in through
// Append (local produce) or Reserve and Commit (a mirrored partition), go out
// through Read, and everything else arrives in Env. All of it is one state
// machine on one shard's loop; what would block is handed to Env.Offload or to
// the ring.
//
// Read Log first (log.go), then appender.go and writer.go for the way of a byte
// to the disk, reader.go for the way back, recovery.go for what a crash leaves.
// DESIGN.md beside this file draws the file layout, the write path and the
// crash cases.
package segment
