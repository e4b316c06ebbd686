// Package measure says what a stretch of time cost and whether it can be
// trusted: processor time of named processes, what everybody else on the machine
// used, and what the hypervisor took away. It reads /proc and clocks and knows
// nothing of Kafka.
//
// Read Watch (begin and end of a stretch), Window (what came of it) and Rule
// (when a window is dirty) first.
package measure
