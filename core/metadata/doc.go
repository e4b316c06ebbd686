// Package metadata keeps what the cluster knows about itself in etcd: its id,
// brokers, topics with their partitions and configs, links, the state of every
// shadow topic, the producer-id allocator, and the ledgers of gaps, cuts and
// receipts. It runs etcd in this process unless external endpoints are given.
//
// The data plane reads only the immutable Snapshot behind an atomic pointer;
// it never waits for etcd. Every change is one transaction that compares what
// it was planned from, so no update is ever lost, and it returns only when the
// local Snapshot shows it.
//
// The package knows no wire protocol and no log: consumer offsets and
// transactions live in logs of their own. The key layout is in DESIGN.md.
//
// Read Snapshot, Topic and Store first. Configs is the catalogue of Kafka's
// topic and broker properties.
package metadata
