package replicate

import (
	"fmt"
	"time"
)

// Config bounds the data plane of one link on one shard. Sizes are bytes.
type Config struct {
	ClientID string // names this link in the source's logs and quotas

	FetchMinBytes     int           // the source waits MaxWait for so many
	FetchMaxBytes     int           // of one answer, at most; see appetite
	PartitionMaxBytes int           // of one partition in an answer, at most; one larger batch still comes whole
	RecordsMax        int           // of one partition in an answer, believed from a source
	MaxWait           time.Duration // how long the source holds an empty answer
	ConnectTimeout    time.Duration
	RequestTimeout    time.Duration // on top of MaxWait, without progress
	BackoffMin        time.Duration // between connection attempts, doubling
	BackoffMax        time.Duration
	RefusedWait       time.Duration // before a partition is asked for again that the source refuses or the disk has no room for
	ThrottleMax       time.Duration // the longest throttle of a source that is honoured

	Now func() time.Time
}

// DefaultConfig is what a link uses unless it is told otherwise.
func DefaultConfig() Config {
	return Config{
		ClientID:          "umbra-link",
		FetchMinBytes:     1,
		FetchMaxBytes:     64 << 20,
		PartitionMaxBytes: 64 << 20,
		RecordsMax:        128 << 20,
		MaxWait:           500 * time.Millisecond,
		ConnectTimeout:    5 * time.Second,
		RequestTimeout:    20 * time.Second,
		BackoffMin:        100 * time.Millisecond,
		BackoffMax:        5 * time.Second,
		RefusedWait:       refusedWait,
		ThrottleMax:       30 * time.Second,
		Now:               time.Now,
	}
}

// Validate names the first field that is out of range.
func (c Config) Validate() error {
	for _, f := range []struct {
		name     string
		got, min int64
	}{
		{"FetchMinBytes", int64(c.FetchMinBytes), 1},
		{"FetchMaxBytes", int64(c.FetchMaxBytes), fetchBytesMin},
		{"PartitionMaxBytes", int64(c.PartitionMaxBytes), 1 << 10},
		{"RecordsMax", int64(c.RecordsMax), 1 << 20},
		{"MaxWait", int64(c.MaxWait), int64(time.Millisecond)},
		{"ConnectTimeout", int64(c.ConnectTimeout), int64(time.Millisecond)},
		{"RequestTimeout", int64(c.RequestTimeout), int64(time.Millisecond)},
		{"BackoffMin", int64(c.BackoffMin), int64(time.Millisecond)},
		{"BackoffMax", int64(c.BackoffMax), int64(c.BackoffMin)},
	} {
		if f.got < f.min {
			return fmt.Errorf("link setting %s is %d, it must be at least %d", f.name, f.got, f.min)
		}
	}
	return nil
}
