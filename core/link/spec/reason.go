package spec

import (
	"fmt"
	"time"
)

// Code is the stable name of a cause. Alerts and scripts may rely on it.
type Code string

const (
	SourceRecreated       Code = "SOURCE_RECREATED"
	SourceDeleted         Code = "SOURCE_DELETED"
	SourceDiverged        Code = "SOURCE_DIVERGED"
	SourceShrunk          Code = "SOURCE_PARTITIONS_SHRUNK"
	SourceAuthorization   Code = "SOURCE_AUTHORIZATION"
	SourceRefuses         Code = "SOURCE_REFUSES"
	SourceUnreachable     Code = "SOURCE_UNREACHABLE"
	SourceIdentity        Code = "SOURCE_IDENTITY_CHANGED"
	SourceIsSelf          Code = "SOURCE_IS_THIS_CLUSTER"
	SourceUnsupported     Code = "SOURCE_UNSUPPORTED"
	SourceRetentionGap    Code = "SOURCE_RETENTION_GAP"
	OldMessageFormat      Code = "OLD_MESSAGE_FORMAT"
	CorruptSource         Code = "CORRUPT_SOURCE"
	ProtocolViolation     Code = "PROTOCOL_VIOLATION"
	LocalNameConflict     Code = "LOCAL_NAME_CONFLICT"
	LocalStorage          Code = "LOCAL_STORAGE"
	LocalStorageFull      Code = "LOCAL_STORAGE_FULL"
	LocalMemoryFull       Code = "LOCAL_MEMORY_FULL"
	RecordTooLarge        Code = "RECORD_TOO_LARGE_FOR_BUDGET"
	ProducerIDsExhausted  Code = "PRODUCER_IDS_EXHAUSTED"
	OperatorPaused        Code = "OPERATOR_PAUSED"
	LinkDeleted           Code = "LINK_DELETED"
	InternalInconsistency Code = "INTERNAL_INCONSISTENCY"
)

// Reason is why a topic or link is not simply working. The zero Reason means
// that nothing is wrong.
type Reason struct {
	Code   Code      `json:"code"`
	Detail string    `json:"detail,omitempty"` // the facts: partition, offsets, epochs, addresses
	Since  time.Time `json:"since"`
}

// IsZero reports whether nothing is wrong.
func (r Reason) IsZero() bool { return r.Code == "" }

// String is one line for status: the title, then the detail.
func (r Reason) String() string {
	if r.IsZero() {
		return ""
	}
	if r.Detail == "" {
		return r.Code.Info().Title
	}
	return r.Code.Info().Title + ": " + r.Detail
}

// CodeInfo is what an operator reads about a Code.
type CodeInfo struct {
	Code  Code
	Title string
	// Remedy says what to do next, as one or two sentences.
	Remedy string
	// Faulting codes stop a topic until an operator acts; others are shown
	// and clear by themselves.
	Faulting bool
	// LinkWide codes concern the link, not one topic.
	LinkWide bool
}

// Info returns the table entry of c. An unknown code, written by a newer
// version, is described as such and counted as faulting.
func (c Code) Info() CodeInfo {
	for _, i := range Codes() {
		if i.Code == c {
			return i
		}
	}
	return CodeInfo{Code: c, Title: fmt.Sprintf("cause %s is unknown to this version", c),
		Remedy: "Upgrade umbra to the version that recorded it.", Faulting: true}
}

// Codes is the table of causes.
func Codes() []CodeInfo {
	return []CodeInfo{
		{Code: SourceRecreated, Faulting: true, Title: "the source deleted the topic and made a new one of the same name",
			Remedy: "The data copied so far is kept. Fail this topic over to keep it, or delete it here to copy the new topic from its start."},
		{Code: SourceDeleted, Title: "the topic no longer exists at the source",
			Remedy: "The data copied so far is kept and readable. Fail the topic over to make it writable, or delete it here."},
		{Code: SourceDiverged, Faulting: true, Title: "the source's log is shorter than or different from the copy under the same leader epoch",
			Remedy: "The source was probably restored from a backup or lost a disk. Compare with `umbra verify`, then fail the topic over to keep this copy, or delete it here to copy the source again."},
		{Code: SourceShrunk, Faulting: true, Title: "the source reports fewer partitions than were copied",
			Remedy: "Kafka never removes partitions, so the topic was replaced. Fail it over to keep the copy, or delete it here to copy the source again."},
		{Code: SourceAuthorization, Title: "the source refuses access",
			Remedy: "Grant the link's principal READ, DESCRIBE and DESCRIBE_CONFIGS on the topic at the source. The link keeps trying and goes on by itself."},
		{Code: SourceRefuses, Title: "the source answers a partition with an error",
			Remedy: "See the source's log for that partition. The link keeps trying and goes on by itself."},
		{Code: SourceUnreachable, LinkWide: true, Title: "no source broker answers",
			Remedy: "Check the source and the network in between. If the source is lost, run `umbra failover LINK`."},
		{Code: SourceIdentity, LinkWide: true, Title: "the bootstrap addresses lead to another cluster than before",
			Remedy: "Point the link at the original cluster, or delete the link and create a new one for the new cluster."},
		{Code: SourceIsSelf, LinkWide: true, Title: "the bootstrap addresses lead to this cluster itself",
			Remedy: "Point the link at the cluster that is to be shadowed."},
		{Code: SourceUnsupported, LinkWide: true, Title: "the source does not offer a needed protocol version",
			Remedy: "Upgrade the source to Apache Kafka 2.1 or newer."},
		{Code: SourceRetentionGap, Title: "the source dropped records by retention before they were copied",
			Remedy: "The missing range is in the gap ledger. Give the link more bandwidth or the source longer retention to avoid another."},
		{Code: OldMessageFormat, Faulting: true, Title: "the source holds records in message format 0 or 1",
			Remedy: "Set log.message.format.version (topic: message.format.version) to 0.11.0 or newer at the source and rewrite or expire the old records, then run `umbra link resume`."},
		{Code: CorruptSource, Faulting: true, Title: "the source sends records that fail their checksum or contradict themselves",
			Remedy: "Nothing wrong was appended. Check the source broker's disk (kafka-dump-log), repair or move the leader, then run `umbra link resume`."},
		{Code: ProtocolViolation, Title: "a source broker breaks the Kafka protocol",
			Remedy: "The connection was closed and is tried again. If it persists, check what stands between umbra and the broker, and the broker's version."},
		{Code: LocalNameConflict, Faulting: true, Title: "a topic of this name that the link does not own exists here",
			Remedy: "Delete or rename the local topic, or exclude the name from the link."},
		{Code: LocalStorage, Faulting: true, Title: "the local disk failed",
			Remedy: "See the log for the file and the error. Repair the disk, restart umbra, then run `umbra link resume`."},
		{Code: LocalStorageFull, Title: "the local disk is full",
			Remedy: "Free space. The link goes on by itself."},
		{Code: LocalMemoryFull, Title: "the memory set aside for records is used up",
			Remedy: "Records are thrown away and fetched again until there is room. If it stays so, the disk is too slow or one batch too large: raise memory.arena."},
		{Code: RecordTooLarge, Faulting: true, Title: "one record batch is larger than the memory set aside for the link",
			Remedy: "Raise memory.arena so that the batch fits several times, restart, then run `umbra link resume`."},
		{Code: ProducerIDsExhausted, Faulting: true, Title: "the source uses producer ids up to the end of their range",
			Remedy: "No id can be given out above them. Reading works; recreate the topic to write to it."},
		{Code: OperatorPaused, Title: "an operator paused it",
			Remedy: "Resume it when ready."},
		{Code: LinkDeleted, Faulting: true, Title: "its link was deleted by force",
			Remedy: "The copy is kept and read-only. Fail the topic over to make it writable, or delete it."},
		{Code: InternalInconsistency, Faulting: true, Title: "umbra found its own records contradicting each other",
			Remedy: "Nothing was overwritten. Keep the data directory and report the detail."},
	}
}
