// Package workload writes what a source can have: every codec, headers, null keys,
// tombstones, idempotent and transactional producers, compacted and trimmed logs,
// records of megabytes, and a steady load. It remembers every acknowledged record in
// a Ledger, which later says whether a cluster still has all of them.
//
// Read Ledger first, then Mix (a fixed set of topics) and Load (producers that
// go on until they are stopped).
package workload
