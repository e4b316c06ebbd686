// Package linktest is a scripted Kafka cluster in this process, for tests of a
// link: several brokers over real TCP that hold their logs in memory, with
// leader epochs, high watermarks, fetch sessions and topic ids, in the versions
// of a chosen Kafka release. A test moves leaders, kills brokers, trims, cuts
// and re-creates topics, or has a broker lie, while a link reads.
//
// What a cluster holds is always the truth to compare with: Batches returns the
// very bytes a broker sends. Rules that a link depends on (sessions, epochs,
// which partitions an incremental answer leaves out) are Kafka's own; where a
// broker lies, a test made it lie.
//
// Read Cluster first; fetch.go answers Fetch, faults.go has the lies.
package linktest
