package placement

import (
	"log/slog"
	"math"
	"time"

	"umbra/core/metadata"
	"umbra/shard/segment"
)

// Config is where logs are kept and how soon they are flushed when nobody
// waits for it. A zero interval or size is the log's own default.
type Config struct {
	Dir           string        // holds one directory per partition, TOPIC-INDEX
	FlushInterval time.Duration // for topics that do not set flush.ms
	FlushBytes    int64
	Log           *slog.Logger
}

// SegmentConfig is a topic's effective configs as its logs understand them.
func SegmentConfig(c *metadata.Configs, t *metadata.Topic) segment.Config {
	s := c.Settings(t.Configs)
	cfg := segment.Config{
		SegmentBytes:   s.SegmentBytes,
		SegmentAge:     s.SegmentAge,
		Retention:      -1,
		RetentionBytes: -1,
		IndexInterval:  max(s.IndexInterval, indexIntervalMin),
		Compact:        s.Compact,
		LogAppendTime:  s.LogAppendTime,
		ProducerExpiry: c.BrokerSettings().ProducerIDExpiration,
	}
	if s.FlushInterval != math.MaxInt64 {
		cfg.FlushInterval = max(s.FlushInterval, time.Millisecond)
	}
	if s.Delete {
		cfg.Retention, cfg.RetentionBytes = unlimited(s.Retention), s.RetentionBytes
	}
	return cfg
}

// indexIntervalMin keeps the sparse index in memory small: Kafka's default of
// 4 KiB would cost 0.4 % of the active segment.
const indexIntervalMin = 16 << 10

// unlimited maps Kafka's "-1: for ever" onto the log's "negative: no limit".
func unlimited(d time.Duration) time.Duration {
	if d < 0 {
		return -1
	}
	return d
}
