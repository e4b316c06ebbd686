package link

import (
	"cmp"

	"umbra/core/link/replicate"
	"umbra/core/link/source"
	"umbra/core/link/spec"
)

// options are the link's present options.
func (l *Link) options() spec.Options {
	if d := l.definition(); d != nil {
		return d.WithDefaults().Options
	}
	return spec.Definition{Name: l.name}.WithDefaults().Options
}

// dataPlane is what the options mean for the workers of a link.
func dataPlane(cfg Config, o spec.Options) replicate.Config {
	rc := replicate.DefaultConfig()
	rc.ClientID, rc.FetchMaxBytes, rc.PartitionMaxBytes = o.ClientID, int(o.FetchMaxBytes), int(o.PartitionMaxBytes)
	rc.FetchMinBytes, rc.MaxWait, rc.ConnectTimeout, rc.RequestTimeout = int(o.FetchMinBytes), o.FetchMaxWait, o.ConnectTimeout, o.RequestTimeout
	rc.BackoffMin, rc.BackoffMax = o.BackoffMin, o.BackoffMax
	rc.RecordsMax, rc.Now = cfg.RecordsMax, cfg.Now
	rc.RefusedWait = cmp.Or(cfg.RefusedWait, rc.RefusedWait)
	return rc
}

// controlPlane is what the options mean for the client that looks at the source.
func controlPlane(cfg Config, d spec.Definition) source.Config {
	o := d.WithDefaults().Options
	return source.Config{Bootstrap: d.Bootstrap, ClientID: o.ClientID, Timeout: o.RequestTimeout, Dial: cfg.Dial(o.ConnectTimeout)}
}

func newClient(cfg Config, d spec.Definition) *source.Client {
	return source.New(controlPlane(cfg, d))
}
