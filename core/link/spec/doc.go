// Package spec says what a shadow link is: its Definition, which topics its
// Filter takes, the states a shadow topic moves through and why, and the
// records a link leaves behind (gaps, cuts, failover progress).
//
// It is pure: no I/O, no clock, no goroutine. It does not know how a link
// copies (core/link/replicate), where its facts are kept (core/metadata), or
// what a client is told about them (core/broker).
//
// Read Definition, TopicState with its transition table, and Reason first.
package spec
