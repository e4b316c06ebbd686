// Package traffic measures the broker itself beside Apache Kafka: what producing with
// acks=all and consuming cost its process, and how long clients wait, over a few and
// over many connections.
//
// Every cell (a number of connections, a batch size) is measured for all systems one
// right after the other, in an order drawn by lot, and all cells are repeated: a
// machine that changes its mind spoils a round, not the comparison. Latency is
// measured at a fixed rate in an open loop, cost and throughput in a closed one.
//
// umbra answers acks=all when the batch is fsynced; Kafka, as it comes, when it is in
// the page cache. So both are there in both ways: see the systems in system.go.
//
// Read Options and Run first; bench/traffic/load is the client.
package traffic
