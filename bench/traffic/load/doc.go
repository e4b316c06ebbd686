// Package load is the client side of the benches of the broker: a process of its own
// that produces at a fixed rate or as fast as it goes, reads from the start, or reads
// the end while it produces, over as many connections as asked for.
//
// It is a raw client: requests are built once and only their numbers change, and
// of an answer it looks at the error and the offset. A client library would use more
// of a small machine than the broker that is measured.
//
// Read Job and Result (what is asked for, what comes of it), Load (the handle), then
// line.go (a connection that produces) and steady.go (the open loop).
package load
