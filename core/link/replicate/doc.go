// Package replicate is the data plane of a link: it moves record batches from
// a source broker's socket into the logs of one shard, byte for byte.
//
// A Worker belongs to one shard and one link. It holds a Fetcher per source
// broker, which is one connection and one incremental fetch session (KIP-227),
// and a Replicator per partition. All of it runs on the shard's loop: a batch is
// received, checked and written by one core.
//
// The package decides nothing about topics. What it cannot settle from the
// bytes in front of it (a new leader, an offset the source does not have, a
// diverging epoch) it reports as an Event, and it copies nothing more of that
// partition until it is told how to go on.
package replicate
