// Package soak is the long black box: a real Kafka under load, an umbra that shadows
// it, a nemesis drawn from a seed between and around the two, and checks that never
// stop. It ends with the death of the source, a failover and a reckoning of every record
// that was acknowledged.
//
// It knows the binary, the wire and the admin API, and nothing of umbra's insides. Read
// Options (what to run), Plan (what the nemesis will do: the same seed, the same plan),
// Run (the story) and Result (the verdict) first. A check reports to a book; the first
// thing that cannot be is the verdict, with the events that led to it.
package soak
