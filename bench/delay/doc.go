// Package delay measures how long after the source's acknowledgement a record can
// be read: at the source itself, by a second client, and on the shadow, by a third,
// at the same time.
//
// The load is an open loop: what is sent when follows a timetable and never waits
// for an answer. Three things are written down while it runs, each by who sees
// it: Acks by the producer, and Sights by the Observer of each side. They are
// joined afterwards, by offset.
//
//	due ---- late ----> sent ------> Ack (everything below End is at the source)
//	                                  |---- delay ----> Sight (everything below Next was read)
//
// Coordinated omission: a generator that is held up sends too late, and the
// records that should have met the stall miss it. So the part of its lateness that
// is more than one step of the timetable is added to the delay of what it sent
// late, on both sides alike.
package delay
