// Package umbra runs the real umbra binary for tests, demos and benches: it builds it,
// starts it on free ports, reads the line that says where it listens, stops or kills
// it, and runs its command line against it.
package umbra
