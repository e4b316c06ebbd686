package metadata

import (
	"math"
)

const (
	day       = "86400000"
	week      = "604800000"
	noLimit   = "9223372036854775807"
	longMax   = math.MaxInt64
	intMax    = math.MaxInt32
	batchSize = "1048588"
)

func codecs(more ...string) []string {
	return append([]string{"uncompressed", "gzip", "snappy", "lz4", "zstd", "producer"}, more...)
}

// topicKeys is the catalogue of topic configs, with the names, types and
// defaults of Apache Kafka 4.
func topicKeys() []ConfigKey {
	return []ConfigKey{
		{Name: "cleanup.policy", Type: TypeList, Default: "delete", Synonyms: []string{"log.cleanup.policy"}, choices: []string{"delete", "compact"},
			Doc: "What happens to old segments: delete drops them by age and size. With compact records need a key and nothing is dropped by age or size; a shadow has the compaction of its source, umbra itself does not compact yet."},
		{Name: "retention.ms", Type: TypeLong, Default: week, Synonyms: []string{"log.retention.ms", "log.retention.minutes", "log.retention.hours"}, min: -1, max: longMax,
			Doc: "How long a record is kept, in milliseconds, by the newest timestamp of its segment; -1 for ever."},
		{Name: "retention.bytes", Type: TypeLong, Default: "-1", Synonyms: []string{"log.retention.bytes"}, min: -1, max: longMax,
			Doc: "How many bytes a partition keeps before its oldest segments are dropped; -1 has no limit."},
		{Name: "segment.bytes", Type: TypeInt, Default: "1073741824", Synonyms: []string{"log.segment.bytes"}, min: 1 << 14, max: intMax,
			Doc: "Size in bytes at which a new segment file is begun."},
		{Name: "segment.ms", Type: TypeLong, Default: week, Synonyms: []string{"log.roll.ms", "log.roll.hours"}, min: 1, max: longMax,
			Doc: "Age in milliseconds at which a new segment file is begun even if it is not full."},
		{Name: "max.message.bytes", Type: TypeInt, Default: batchSize, Synonyms: []string{"message.max.bytes"}, min: 0, max: intMax,
			Doc: "Largest record batch in bytes, after compression, that a producer may send."},
		{Name: "min.insync.replicas", Type: TypeInt, Default: "1", Synonyms: []string{"min.insync.replicas"}, min: 1, max: intMax, Use: Stored,
			Doc: "Replicas that must have a write before acks=all is acknowledged; umbra has one node, and acknowledges after its own flush."},
		{Name: "message.timestamp.type", Type: TypeString, Default: "CreateTime", Synonyms: []string{"log.message.timestamp.type"}, choices: []string{"CreateTime", "LogAppendTime"},
			Doc: "Whether records keep the producer's timestamp or get the broker's at append."},
		{Name: "message.timestamp.before.max.ms", Type: TypeLong, Default: noLimit, Synonyms: []string{"log.message.timestamp.before.max.ms"}, min: 0, max: longMax,
			Doc: "How far in the past, in milliseconds, a producer's timestamp may lie."},
		{Name: "message.timestamp.after.max.ms", Type: TypeLong, Default: "3600000", Synonyms: []string{"log.message.timestamp.after.max.ms"}, min: 0, max: longMax,
			Doc: "How far in the future, in milliseconds, a producer's timestamp may lie."},
		{Name: "compression.type", Type: TypeString, Default: "producer", Synonyms: []string{"compression.type"}, choices: codecs(),
			Doc: "Codec of stored batches; producer keeps each batch as it was sent, any other value packs it again. A shadow has the bytes of its source."},
		{Name: "flush.messages", Type: TypeLong, Default: noLimit, Synonyms: []string{"log.flush.interval.messages"}, min: 1, max: longMax, Use: Stored,
			Doc: "Records between forced flushes; umbra flushes by group commit before it acknowledges."},
		{Name: "flush.ms", Type: TypeLong, Default: noLimit, Synonyms: []string{"log.flush.interval.ms"}, min: 0, max: longMax,
			Doc: "Longest time in milliseconds until written data is flushed to stable storage."},
		{Name: "index.interval.bytes", Type: TypeInt, Default: "4096", Synonyms: []string{"log.index.interval.bytes"}, min: 0, max: intMax,
			Doc: "Log bytes between two entries of the offset index; less than 16384 counts as 16384."},
		{Name: "delete.retention.ms", Type: TypeLong, Default: day, Synonyms: []string{"log.cleaner.delete.retention.ms"}, min: 0, max: longMax, Use: Stored,
			Doc: "How long a compacted topic keeps tombstones, in milliseconds."},
		{Name: "min.compaction.lag.ms", Type: TypeLong, Default: "0", Synonyms: []string{"log.cleaner.min.compaction.lag.ms"}, min: 0, max: longMax, Use: Stored,
			Doc: "Least age in milliseconds before a record may be compacted away."},
		{Name: "max.compaction.lag.ms", Type: TypeLong, Default: noLimit, Synonyms: []string{"log.cleaner.max.compaction.lag.ms"}, min: 1, max: longMax, Use: Stored,
			Doc: "Age in milliseconds at which a record must have been considered for compaction."},
		{Name: "min.cleanable.dirty.ratio", Type: TypeDouble, Default: "0.5", Synonyms: []string{"log.cleaner.min.cleanable.ratio"}, min: 0, max: 1, Use: Stored,
			Doc: "Share of uncompacted bytes at which a log is compacted."},
		{Name: "file.delete.delay.ms", Type: TypeLong, Default: "60000", Synonyms: []string{"log.segment.delete.delay.ms"}, min: 0, max: longMax, Use: Stored,
			Doc: "Time in milliseconds between removing a file from the log and deleting it."},
		{Name: "segment.jitter.ms", Type: TypeLong, Default: "0", Synonyms: []string{"log.roll.jitter.ms", "log.roll.jitter.hours"}, min: 0, max: longMax, Use: Stored,
			Doc: "Random part in milliseconds taken off segment.ms."},
		{Name: "segment.index.bytes", Type: TypeInt, Default: "10485760", Synonyms: []string{"log.index.size.max.bytes"}, min: 4, max: intMax, Use: Stored,
			Doc: "Largest offset index file in bytes."},
		{Name: "preallocate", Type: TypeBoolean, Default: "false", Synonyms: []string{"log.preallocate"}, Use: Stored,
			Doc: "Whether segment files are allocated in advance."},
		{Name: "unclean.leader.election.enable", Type: TypeBoolean, Default: "false", Synonyms: []string{"unclean.leader.election.enable"}, Use: Stored,
			Doc: "Whether a replica that is behind may become leader."},
		{Name: "message.downconversion.enable", Type: TypeBoolean, Default: "true", Synonyms: []string{"log.message.downconversion.enable"}, Use: Stored,
			Doc: "Kept for sources before Kafka 4; umbra serves record batches v2 only."},
		{Name: "message.format.version", Type: TypeString, Default: "3.0-IV1", Synonyms: []string{"log.message.format.version"}, Use: Stored,
			Doc: "Kept for sources before Kafka 4; umbra stores record batches v2 only."},
		{Name: "message.timestamp.difference.max.ms", Type: TypeLong, Default: noLimit, Synonyms: []string{"log.message.timestamp.difference.max.ms"}, min: 0, max: longMax, Use: Stored,
			Doc: "Kept for sources before Kafka 4; see message.timestamp.before.max.ms and .after.max.ms."},
		{Name: "leader.replication.throttled.replicas", Type: TypeList, Use: ReadOnly, Doc: "Replicas whose traffic is throttled on the leader; umbra has none."},
		{Name: "follower.replication.throttled.replicas", Type: TypeList, Use: ReadOnly, Doc: "Replicas whose traffic is throttled on the follower; umbra has none."},
		{Name: "remote.storage.enable", Type: TypeBoolean, Default: "false", Use: ReadOnly, Doc: "Tiered storage; umbra keeps everything locally."},
	}
}

// brokerKeys is the catalogue of broker properties: those that stand behind a
// topic config, and those of the broker itself.
func brokerKeys() []ConfigKey {
	seen := map[string]bool{}
	var out []ConfigKey
	add := func(k ConfigKey) {
		if !seen[k.Name] {
			seen[k.Name] = true
			out = append(out, k)
		}
	}
	for _, k := range ownBrokerKeys() {
		add(k)
	}
	for _, t := range topicKeys() {
		for _, name := range t.Synonyms {
			k := t
			k.Name, k.Synonyms, k.Doc = name, nil, t.Doc+" Default for topics that do not set "+t.Name+"."
			add(k)
		}
	}
	return out
}

func ownBrokerKeys() []ConfigKey {
	return []ConfigKey{
		{Name: "auto.create.topics.enable", Type: TypeBoolean, Default: "false",
			Doc: "Whether a client's metadata request creates a missing topic. Kafka's own default is true; on a disaster-recovery cluster a typing error must not make topics."},
		{Name: "num.partitions", Type: TypeInt, Default: "1", min: 1, max: PartitionsMax, Doc: "Partitions of a topic created without a count."},
		{Name: "default.replication.factor", Type: TypeInt, Default: "1", Use: ReadOnly, Doc: "Replicas of a topic created without a factor; umbra has one node."},
		{Name: "delete.topic.enable", Type: TypeBoolean, Default: "true", Doc: "Whether clients may delete topics."},
		{Name: "message.max.bytes", Type: TypeInt, Default: batchSize, min: 0, max: intMax, Doc: "Largest record batch in bytes, after compression, that a producer may send. Default for topics that do not set max.message.bytes."},
		{Name: "socket.request.max.bytes", Type: TypeInt, Default: "104857600", min: 1 << 10, max: intMax, Doc: "Largest request in bytes; a connection that announces more is closed."},
		{Name: "connections.max.idle.ms", Type: TypeLong, Default: "600000", min: 1000, max: longMax, Doc: "Idle time in milliseconds after which a client connection is closed."},
		{Name: "max.connections", Type: TypeInt, Default: "2147483647", min: 1, max: intMax, Doc: "Client connections the broker accepts; above 100000 the memory decides how many."},
		{Name: "max.connections.per.ip", Type: TypeInt, Default: "2147483647", min: 1, max: intMax, Doc: "Client connections the broker accepts from one address."},
		{Name: "fetch.max.bytes", Type: TypeInt, Default: "57671680", min: 1 << 10, max: intMax, Doc: "Most bytes the broker returns for one fetch request."},
		{Name: "max.incremental.fetch.session.cache.slots", Type: TypeInt, Default: "1000", min: 0, max: intMax, Doc: "Fetch sessions kept; the least used gives way to a new one."},
		{Name: "log.retention.check.interval.ms", Type: TypeLong, Default: "300000", min: 1, max: longMax, Doc: "Milliseconds between two looks for segments to drop by age or size."},
		{Name: "log.retention.hours", Type: TypeInt, Default: "168", min: -1, max: intMax, Doc: "How long a record is kept, in hours; log.retention.minutes and log.retention.ms are stronger."},
		{Name: "log.retention.minutes", Type: TypeInt, Default: "", min: -1, max: intMax, Doc: "How long a record is kept, in minutes; log.retention.ms is stronger."},
		{Name: "log.retention.ms", Type: TypeLong, Default: "", min: -1, max: longMax, Doc: "How long a record is kept, in milliseconds; -1 for ever."},
		{Name: "log.roll.hours", Type: TypeInt, Default: "168", min: 1, max: intMax, Doc: "Age in hours at which a new segment is begun; log.roll.ms is stronger."},
		{Name: "log.roll.ms", Type: TypeLong, Default: "", min: 1, max: longMax, Doc: "Age in milliseconds at which a new segment is begun."},
		{Name: "log.roll.jitter.hours", Type: TypeInt, Default: "0", min: 0, max: intMax, Use: Stored, Doc: "Random part in hours taken off log.roll.hours."},
		{Name: "log.roll.jitter.ms", Type: TypeLong, Default: "", min: 0, max: longMax, Use: Stored, Doc: "Random part in milliseconds taken off log.roll.ms."},
		{Name: "log.flush.interval.ms", Type: TypeLong, Default: "", min: 0, max: longMax, Doc: "Longest time in milliseconds until written data is flushed. Default for topics that do not set flush.ms."},
		{Name: "producer.id.expiration.ms", Type: TypeInt, Default: day, min: 1, max: intMax, Doc: "Milliseconds after which an idle producer id's sequence state is forgotten."},
		{Name: "transactional.id.expiration.ms", Type: TypeInt, Default: week, min: 1, max: intMax, Use: Stored, Doc: "Milliseconds after which an idle transactional id is forgotten; umbra has no transactional ids yet."},
		{Name: "transaction.max.timeout.ms", Type: TypeInt, Default: "900000", min: 1, max: intMax, Use: Stored, Doc: "Longest transaction timeout a client may ask for, in milliseconds; umbra begins no transactions yet."},
		{Name: "group.initial.rebalance.delay.ms", Type: TypeInt, Default: "3000", min: 0, max: intMax, Use: Stored, Doc: "How long an empty group waits for more members, in milliseconds."},
		{Name: "offsets.retention.minutes", Type: TypeInt, Default: "10080", min: 1, max: intMax, Use: Stored, Doc: "How long offsets of an empty group are kept, in minutes."},
		{Name: "offsets.topic.num.partitions", Type: TypeInt, Default: "50", min: 1, max: intMax, Use: Stored, Doc: "Partitions of __consumer_offsets."},
		{Name: "broker.id", Type: TypeInt, Default: "1", min: 0, max: intMax, Doc: "This node's id."},
		{Name: "process.roles", Type: TypeList, Default: "", Use: ReadOnly, Doc: "KRaft roles; umbra keeps its metadata in etcd."},
	}
}
