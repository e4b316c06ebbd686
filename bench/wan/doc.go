// Package wan is a long way between two programs on one machine: a TCP proxy that
// delivers every byte half a round trip after it came, in order, and lets no more
// through than a rate. It understands nothing of what passes.
//
// What is on the way is in flight, not throttled: a sender may have as much of it
// there as two bandwidth-delay products of a 2 Gbit/s line (Config.flightBytes),
// whatever its socket buffers hold. So a reader that asks for enough fills the line,
// and one that waits for each answer does not. Not modelled: loss, slow start, and
// the round trip of a handshake; a connection is there at once.
//
// Read Config and Proxy first, then line.go (when a byte arrives) and flight.go
// (what is under way).
package wan
