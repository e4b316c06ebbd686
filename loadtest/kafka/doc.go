// Package kafka runs real Apache Kafka for tests and benches: it resolves a
// release from Maven artifacts into the cache, and starts, stops, kills and
// restarts clusters of it, KRaft or ZooKeeper, on free ports of 127.0.0.1; and
// MirrorMaker 2 between any two.
//
// It knows nothing of umbra. Read Fetch (a release), Layout (what to run) and
// Cluster (what runs) first; Run is the short way for tests; Worker and Mirror for
// MirrorMaker. The Java tools of a release are run with Dist.Tool, against any broker
// that speaks Kafka.
package kafka
