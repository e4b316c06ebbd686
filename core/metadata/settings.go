package metadata

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"time"
)

// TopicSettings are a topic's effective configs that umbra acts on, as Go
// values. Durations that Kafka gives as "no limit" are math.MaxInt64.
type TopicSettings struct {
	Retention          time.Duration // negative: for ever; never 0, so that 0 may mean "not set" below
	RetentionBytes     int64         // negative: no limit; never 0
	SegmentBytes       int64
	SegmentAge         time.Duration
	MaxMessageBytes    int
	Compression        string // of stored batches: "producer", "uncompressed" or a codec's name
	LogAppendTime      bool
	TimestampBeforeMax time.Duration
	TimestampAfterMax  time.Duration
	FlushInterval      time.Duration // math.MaxInt64: not asked for
	IndexInterval      int
	Delete, Compact    bool
}

// Settings returns the effective settings of a topic with the given configs.
func (c *Configs) Settings(topic map[string]string) TopicSettings {
	value := func(name string) string { return c.topicEntry(c.topic[name], topic).Value }
	policy := SplitList(value("cleanup.policy"))
	return TopicSettings{
		Retention:          cmp.Or(millis(value("retention.ms")), 1),
		RetentionBytes:     cmp.Or(number(value("retention.bytes")), 1),
		SegmentBytes:       number(value("segment.bytes")),
		SegmentAge:         millis(value("segment.ms")),
		MaxMessageBytes:    int(number(value("max.message.bytes"))),
		Compression:        value("compression.type"),
		LogAppendTime:      value("message.timestamp.type") == "LogAppendTime",
		TimestampBeforeMax: millis(value("message.timestamp.before.max.ms")),
		TimestampAfterMax:  millis(value("message.timestamp.after.max.ms")),
		FlushInterval:      millis(value("flush.ms")),
		IndexInterval:      int(number(value("index.interval.bytes"))),
		Delete:             slices.Contains(policy, "delete"),
		Compact:            slices.Contains(policy, "compact"),
	}
}

// BrokerSettings are the broker properties that umbra acts on, as Go values.
type BrokerSettings struct {
	AutoCreateTopics     bool
	DeleteTopics         bool
	NumPartitions        int
	RequestBytesMax      int
	FetchBytesMax        int
	ConnectionIdle       time.Duration
	ConnectionsMax       int
	ConnectionsPerIPMax  int
	FetchSessionsMax     int
	RetentionCheck       time.Duration
	ProducerIDExpiration time.Duration
}

// BrokerSettings returns the effective broker settings.
func (c *Configs) BrokerSettings() BrokerSettings {
	return BrokerSettings{
		AutoCreateTopics:     c.brokerValue("auto.create.topics.enable") == "true",
		DeleteTopics:         c.brokerValue("delete.topic.enable") == "true",
		NumPartitions:        c.NumPartitions(),
		RequestBytesMax:      int(number(c.brokerValue("socket.request.max.bytes"))),
		FetchBytesMax:        int(number(c.brokerValue("fetch.max.bytes"))),
		ConnectionIdle:       millis(c.brokerValue("connections.max.idle.ms")),
		ConnectionsMax:       int(number(c.brokerValue("max.connections"))),
		ConnectionsPerIPMax:  int(number(c.brokerValue("max.connections.per.ip"))),
		FetchSessionsMax:     int(number(c.brokerValue("max.incremental.fetch.session.cache.slots"))),
		RetentionCheck:       millis(c.brokerValue("log.retention.check.interval.ms")),
		ProducerIDExpiration: millis(c.brokerValue("producer.id.expiration.ms")),
	}
}

// NumPartitions is the partition count of a topic created without one.
func (c *Configs) NumPartitions() int { return int(number(c.brokerValue("num.partitions"))) }

// BrokerID is this node's id.
func (c *Configs) BrokerID() int32 { return int32(number(c.brokerValue("broker.id"))) }

func (c *Configs) brokerValue(name string) string {
	if v, ok := c.set[name]; ok {
		return v
	}
	return c.broker[name].Default
}

// number reads a value that has been validated.
func number(value string) int64 {
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		panic("BUG: config value " + strconv.Quote(value) + " was never validated")
	}
	return n
}

// millis converts, with values beyond time.Duration's range cut to its end.
func millis(value string) time.Duration {
	n := number(value)
	if n > math.MaxInt64/int64(time.Millisecond) {
		return math.MaxInt64
	}
	return time.Duration(n) * time.Millisecond
}
