package backend

import (
	"errors"
	"fmt"
	"math"
	"time"

	"umbra/admin/api"
	"umbra/core/link/spec"
)

// definition reads what a request defines. Every fault is reported at once.
func definition(d api.LinkDefinition) (spec.Definition, error) {
	out := spec.Definition{Name: d.Name, Bootstrap: d.Bootstrap}
	var errs [5]error
	out.Filter.Include, errs[0] = patterns(d.Topics)
	out.Filter.Exclude, errs[1] = patterns(d.Exclude)
	if d.Start != "" {
		out.Start, errs[2] = spec.ParseStart(d.Start)
	}
	out.Options, errs[3] = spec.ParseOptions(d.Options)
	if d.RPOTargetSeconds != 0 {
		errs[4] = addTarget(&out.Options, d)
	}
	return out, errors.Join(append(errs[:], remaining(out, errs[:3]))...)
}

// addTarget takes the target in seconds over into the options. A definition
// that was read from here has both.
func addTarget(o *spec.Options, d api.LinkDefinition) error {
	target := time.Duration(math.Round(d.RPOTargetSeconds * float64(time.Second))) // 1.001 s is a little less in binary
	if text, twice := d.Options["rpo_target"]; twice && o.RPOTarget != target {
		return fmt.Errorf("rpo_target: it is given twice, as %q and as %v seconds", text, d.RPOTargetSeconds)
	}
	o.RPOTarget = target
	return nil
}

// remaining are the faults that the definition itself finds, less those of
// the parts that could not even be read: these are empty in it.
func remaining(d spec.Definition, unread []error) error {
	if unread[0] != nil {
		d.Filter.Include = []spec.Pattern{{Kind: spec.Glob, Text: "*"}}
	}
	if unread[2] != nil {
		d.Start = spec.Start{}
	}
	return d.WithDefaults().Validate()
}

// patterns reads every pattern; the faults of all are reported.
func patterns(list []string) ([]spec.Pattern, error) {
	var out []spec.Pattern
	var errs []error
	for _, s := range list {
		p, err := spec.ParsePattern(s)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		out = append(out, p)
	}
	return out, errors.Join(errs...)
}

func definitionDoc(d spec.Definition, created time.Time) api.LinkDefinition {
	text := func(p spec.Pattern) string { return p.String() }
	return api.LinkDefinition{Name: d.Name, Bootstrap: d.Bootstrap, Topics: each(d.Filter.Include, text), Exclude: each(d.Filter.Exclude, text),
		Start: d.Start.String(), RPOTargetSeconds: d.Options.RPOTarget.Seconds(), Options: d.WithDefaults().Options.Values(), CreatedAt: created}
}
