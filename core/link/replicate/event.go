package replicate

import (
	"umbra/kafkaproto"
	"umbra/shard"
)

// Broker is a source broker as the source's metadata advertises it.
type Broker struct {
	ID   int32
	Addr string // host:port
}

// Assignment tells a Worker to copy one partition from one source broker.
type Assignment struct {
	Partition   shard.PartitionID  // the local partition
	Topic       string             // the name at the source, which is also the local name
	SourceID    kafkaproto.TopicID // zero when the source does not speak topic ids
	Term        int64              // fence that every append carries
	Broker      Broker             // the partition's leader
	LeaderEpoch int32              // the leader's epoch, -1 when unknown
}

// EventKind says what a Worker needs from, or tells to, the link's control
// plane.
type EventKind uint8

const (
	// Misaligned: the source refuses our offset or reports a diverging epoch.
	// The partition is stopped until it is assigned again.
	Misaligned EventKind = iota
	// LeaderMoved: the broker is not the partition's leader any more, or does
	// not know it. The partition is stopped until it is assigned again.
	LeaderMoved
	// Refused: the source answers the partition with an error that waiting may
	// cure (Code), or the local disk (Err is segment.ErrNoSpace) or memory
	// (buf.ErrBudget) is full.
	// Retried slowly by the Worker itself; reported once, until Accepted.
	Refused
	// Accepted: what was Refused goes on.
	Accepted
	// Faulted: the bytes are not a copy that may be appended, or the local log
	// failed. The partition is stopped until it is assigned under a higher term;
	// see Worker.Fault.
	Faulted
	// BrokerDown and BrokerUp: the connection to a source broker.
	BrokerDown
	BrokerUp
)

// Event is made on the shard's loop; the receiver must not block it.
type Event struct {
	Kind      EventKind
	Partition shard.PartitionID // unset for BrokerDown and BrokerUp
	Topic     string
	Term      int64 // of the assignment the event is about: an older one is history
	Broker    Broker
	Code      kafkaproto.ErrorCode // the source's error, for Misaligned, LeaderMoved and Refused
	Err       error                // what was wrong, for Faulted and BrokerDown
}
