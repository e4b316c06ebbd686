// Package plain is the simplest client that can do a job: a net.Conn, one request
// at a time, requests and answers from kafkaproto. It is the yardstick of the
// benches: what a fetch costs when the bytes are thrown away, and when records
// become readable to a client that waits for them.
//
// Read Conn (one connection), Reader (fetches of one connection) and Group
// (a Reader for each leader of a topic) first.
package plain
