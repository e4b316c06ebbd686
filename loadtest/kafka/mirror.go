package kafka

import "maps"

// Mirror is one MirrorMaker 2 source connector: it copies topics from a cluster to
// the one its worker writes to, under the same names.
type Mirror struct {
	Source string // bootstrap addresses
	Target string
	Topics string // names, comma-separated, or a regular expression
	Tuned  bool   // else every setting of the data path is left at its default
}

// Tasks is how many tasks share the work.
func (m Mirror) Tasks() int {
	if m.Tuned {
		return 2
	}
	return 1
}

// Config is the connector's. What the defaults do not allow on clusters of one
// broker is set in both forms: the replication factors.
func (m Mirror) Config() map[string]string {
	c := map[string]string{
		"connector.class":                       "org.apache.kafka.connect.mirror.MirrorSourceConnector",
		"source.cluster.alias":                  "src",
		"target.cluster.alias":                  "dst",
		"source.cluster.bootstrap.servers":      m.Source,
		"target.cluster.bootstrap.servers":      m.Target,
		"topics":                                m.Topics,
		"replication.policy.class":              "org.apache.kafka.connect.mirror.IdentityReplicationPolicy",
		"replication.factor":                    "1",
		"offset-syncs.topic.replication.factor": "1",
		"key.converter":                         bytesAsBytes,
		"value.converter":                       bytesAsBytes,
		"header.converter":                      bytesAsBytes,
	}
	if m.Tuned {
		maps.Copy(c, map[string]string{
			"tasks.max":                                 "2",
			"source.consumer.fetch.max.bytes":           "52428800",
			"source.consumer.max.partition.fetch.bytes": "8388608",
			"source.consumer.max.poll.records":          "20000",
			"source.consumer.receive.buffer.bytes":      "1048576",
			"producer.override.batch.size":              "1048576",
			"producer.override.max.request.size":        "8388608",
			"producer.override.linger.ms":               "20",
			"producer.override.buffer.memory":           "268435456",
			"producer.override.send.buffer.bytes":       "1048576",
			"producer.override.compression.type":        "none",
		})
	}
	return c
}
