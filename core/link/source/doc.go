// Package source is the control-plane client of a source cluster: what topics
// there are, who leads them, where their logs begin and end, how they are
// configured. It only reads (invariant X7): ApiVersions, Metadata, ListOffsets,
// OffsetForLeaderEpoch, DescribeConfigs and, for verification, Fetch.
//
// It is plain blocking code over net.Conn, for any goroutine but a loop. Record
// bytes that are copied never pass here; package replicate moves those.
//
// Read Client first. Where TLS and SASL go in: Dialer.
package source
