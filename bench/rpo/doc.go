// Package rpo measures what a disaster of the source would cost, and then has one.
//
// First the delay: producers send at fixed rates in an open loop, and of every record
// it is written down when the source acknowledged it, when a client of the source
// could read it, and when a client of the shadow could. From the two readers follows
// the lag at any instant, which is held against the lag that umbra itself reports.
//
// Then the source is killed while producers write with acks=all, at a moment drawn by
// lot, and umbra fails over. Every record carries its number and bytes that follow
// from it, so that what the shadow holds can be compared with what was sent, and what
// it lacks with what was acknowledged. The source is started again on its data, which
// a killed process does not lose, to learn what the shadow could have had.
//
// Read Options and Run first, then round.go (one rate) and kill.go (one disaster);
// account.go and delay.Timeline are the arithmetic.
package rpo
