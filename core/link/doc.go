// Package link shadows source clusters: it decides which topics are copied,
// where each partition's copy begins and goes on, and how a copy becomes a
// topic of its own.
//
//	Manager      all links of this cluster; what the admin socket talks to
//	Link         one link's control plane: one goroutine, one source cluster
//	spec/        what a link is; pure
//	source/      control-plane client of a source
//	replicate/   data plane: socket to log, on the shards
//	verify/      re-reads the source and compares every batch
//	linktest/    a scripted source cluster, for tests
//
// A Link never touches record bytes and a shard's Worker never decides about
// topics; between them go assignments (down) and events (up). A Link never waits
// for the source: looks and flights do, on goroutines of their own. What must
// survive is in the metadata: topic states, terms, failover progress, gaps and
// cuts. A position is never stored: it is the log's own end.
//
// DESIGN.md draws the life of a topic, the alignment of a partition and the
// failover.
package link
