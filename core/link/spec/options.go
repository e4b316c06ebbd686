package spec

import (
	"cmp"
	"errors"
	"fmt"
	"time"
)

// Options tune a link. A zero field means the default named beside it.
// Durations are stored in nanoseconds.
type Options struct {
	// ClientID is what the source sees; default "umbra-link-NAME".
	ClientID string `json:"client_id,omitempty"`
	// SourceClusterID, when set, must equal the id the source reports.
	SourceClusterID string `json:"source_cluster_id,omitempty"`
	// MetadataRefresh is how often topics, partitions and leaders are asked
	// for when nothing else prompts it; default 5 s.
	MetadataRefresh time.Duration `json:"metadata_refresh_ns,omitempty"`
	// FetchMaxBytes bounds one fetch response; default 16 MiB.
	FetchMaxBytes int32 `json:"fetch_max_bytes,omitempty"`
	// PartitionMaxBytes bounds one partition in a fetch response, not above
	// FetchMaxBytes; default 4 MiB.
	PartitionMaxBytes int32 `json:"partition_max_bytes,omitempty"`
	// FetchMinBytes is what the source waits for before it answers; default 1,
	// the smallest replication delay.
	FetchMinBytes int32 `json:"fetch_min_bytes,omitempty"`
	// FetchMaxWait is how long the source may wait for FetchMinBytes;
	// default 500 ms.
	FetchMaxWait time.Duration `json:"fetch_max_wait_ns,omitempty"`
	// ConnectTimeout bounds one dial; default 5 s.
	ConnectTimeout time.Duration `json:"connect_timeout_ns,omitempty"`
	// RequestTimeout bounds one request beyond FetchMaxWait; default 30 s.
	RequestTimeout time.Duration `json:"request_timeout_ns,omitempty"`
	// BackoffMin and BackoffMax bound the jittered wait between attempts;
	// defaults 100 ms and 10 s.
	BackoffMin time.Duration `json:"backoff_min_ns,omitempty"`
	BackoffMax time.Duration `json:"backoff_max_ns,omitempty"`
	// RPOTarget colours status and drives alerts; 0 means no target.
	RPOTarget time.Duration `json:"rpo_target_ns,omitempty"`
}

func (o Options) withDefaults(link string) Options {
	o.ClientID = cmp.Or(o.ClientID, "umbra-link-"+link)
	o.MetadataRefresh = cmp.Or(o.MetadataRefresh, 5*time.Second)
	o.FetchMaxBytes = cmp.Or(o.FetchMaxBytes, 16<<20)
	o.PartitionMaxBytes = cmp.Or(o.PartitionMaxBytes, min(4<<20, o.FetchMaxBytes))
	o.FetchMinBytes = cmp.Or(o.FetchMinBytes, 1)
	o.FetchMaxWait = cmp.Or(o.FetchMaxWait, 500*time.Millisecond)
	o.ConnectTimeout = cmp.Or(o.ConnectTimeout, 5*time.Second)
	o.RequestTimeout = cmp.Or(o.RequestTimeout, 30*time.Second)
	o.BackoffMin = cmp.Or(o.BackoffMin, 100*time.Millisecond)
	o.BackoffMax = cmp.Or(o.BackoffMax, max(10*time.Second, o.BackoffMin))
	return o
}

// Validate reports every option outside its range, joined.
func (o Options) Validate() error {
	var errs []error
	bytes := func(key string, v, lo, hi int32) {
		if v < lo || v > hi {
			errs = append(errs, fmt.Errorf("%s: %d bytes is outside %d to %d", key, v, lo, hi))
		}
	}
	span := func(key string, v, lo, hi time.Duration) {
		if v < lo || v > hi {
			errs = append(errs, fmt.Errorf("%s: %v is outside %v to %v", key, v, lo, hi))
		}
	}
	span("metadata_refresh", o.MetadataRefresh, 100*time.Millisecond, time.Hour)
	bytes("fetch_max_bytes", o.FetchMaxBytes, 64<<10, 1<<30)
	bytes("partition_max_bytes", o.PartitionMaxBytes, 4<<10, o.FetchMaxBytes)
	bytes("fetch_min_bytes", o.FetchMinBytes, 1, o.FetchMaxBytes)
	span("fetch_max_wait", o.FetchMaxWait, time.Millisecond, time.Minute)
	span("connect_timeout", o.ConnectTimeout, 10*time.Millisecond, 5*time.Minute)
	span("request_timeout", o.RequestTimeout, 100*time.Millisecond, 10*time.Minute)
	span("backoff_min", o.BackoffMin, time.Millisecond, time.Minute)
	span("backoff_max", o.BackoffMax, o.BackoffMin, time.Hour)
	span("rpo_target", o.RPOTarget, 0, 30*24*time.Hour)
	if len(o.ClientID) > 249 {
		errs = append(errs, fmt.Errorf("client_id: %d bytes are too long, the limit is 249", len(o.ClientID)))
	}
	return errors.Join(errs...)
}
