// Package link measures a shadow link from outside: what the whole umbra process
// spends on a GiB beside a client that fetches the same bytes from the same source
// and throws them away, and how long after the source's acknowledgement a record
// is readable on the shadow.
//
// Every part is a process of its own: the source, the discarding client, umbra.
// Transfers are taken in pairs, one right after the other, and the pairs repeated:
// a machine that changes its mind spoils a pair, not the comparison.
//
// Read Options and Run first, then pair.go (one pair) and delay.go.
package link
