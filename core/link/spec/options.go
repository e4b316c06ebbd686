package spec

import (
	"cmp"
	"errors"
	"time"
)

// Options tune a link. A zero field means the default. What each does, its
// default and its bounds stand in OptionTable, and nowhere else; durations are
// stored in nanoseconds.
type Options struct {
	ClientID          string        `json:"client_id,omitempty"`
	SourceClusterID   string        `json:"source_cluster_id,omitempty"`
	MetadataRefresh   time.Duration `json:"metadata_refresh_ns,omitempty"`
	FetchMaxBytes     int32         `json:"fetch_max_bytes,omitempty"`
	PartitionMaxBytes int32         `json:"partition_max_bytes,omitempty"`
	FetchMinBytes     int32         `json:"fetch_min_bytes,omitempty"`
	FetchMaxWait      time.Duration `json:"fetch_max_wait_ns,omitempty"`
	ConnectTimeout    time.Duration `json:"connect_timeout_ns,omitempty"`
	RequestTimeout    time.Duration `json:"request_timeout_ns,omitempty"`
	BackoffMin        time.Duration `json:"backoff_min_ns,omitempty"`
	BackoffMax        time.Duration `json:"backoff_max_ns,omitempty"`
	RPOTarget         time.Duration `json:"rpo_target_ns,omitempty"`
}

// withDefaults fills in what is not set. A default gives way to an option that
// is set and bounds it.
func (o Options) withDefaults(link string) Options {
	o.ClientID = cmp.Or(o.ClientID, clientIDPrefix+link)
	for _, row := range OptionTable() {
		if row.number != nil {
			row.number.fill(&o)
		}
	}
	return o
}

// Validate reports every option outside its bounds, joined. It does not apply
// defaults.
func (o Options) Validate() error {
	var errs []error
	for _, row := range OptionTable() {
		errs = append(errs, row.check(o))
	}
	return errors.Join(errs...)
}
