// Package hostile is a source cluster that misbehaves by script: a small Kafka
// server of its own, with two brokers, that serves canned batches and lies in one named
// way from one named offset on. Healthy partitions beside the bad one, on the same
// broker or on the other, must not notice.
//
// Read Server and Fault first. It checks nothing of what it is asked: it is the
// client that is under test.
package hostile
