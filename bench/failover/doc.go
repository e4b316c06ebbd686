// Package failover measures how long a failover takes with the source dead: from the
// request until every topic of a link is failed over, and until the last one has taken
// a write.
//
// A round begins with nothing: a source in a process of its own, with records in every
// partition of every topic, and an umbra with one link that takes them all. When all is
// copied every partition gets a batch more, so that each has something new to be made
// durable; when that is copied too, the source is killed. What is measured then is what
// an operator waits for. Afterwards every topic and every offset is checked.
//
// Read Options and Run first, then round.go.
package failover
