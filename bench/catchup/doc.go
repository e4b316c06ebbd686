// Package catchup measures what an outage of a link leads to: how fast the shadow
// catches up with what the source went on being written meanwhile, and what clients
// of other topics of the same umbra feel of it.
//
// A round has four phases, one after the other, while clients produce to and read
// from a local topic and the source's topic goes on growing:
//
//	before   the link is up and has caught up
//	outage   the link is paused and the source is written: as fast as it takes it,
//	         or for a given time at the rate it always is
//	during   from resuming the link until the shadow is no more than a tenth of a
//	         second behind
//	after    as before
//
// Read Options and Run first, then round.go.
package catchup
