package backend

import (
	"time"

	"github.com/dustin/go-humanize"

	"umbra/admin/api"
	"umbra/core/link"
	"umbra/core/link/spec"
)

func lagDoc(l link.Lag) api.Lag {
	return api.Lag{Records: l.Records, Bytes: l.Bytes, Seconds: l.Seconds, Bound: boundDoc(l.Bound), AsOf: l.AsOf}
}

func boundDoc(b link.Bound) api.Bound {
	switch b {
	case link.Exact:
		return api.Exact
	case link.AtLeast:
		return api.AtLeast
	}
	return api.Unknown
}

func rpoDoc(l link.Lag, target time.Duration) api.RPO {
	return api.RPO{Seconds: l.Seconds, Bound: boundDoc(l.Bound), AsOf: l.AsOf, TargetSeconds: target.Seconds()}
}

func reasonDoc(r spec.Reason) *api.Reason {
	if r.IsZero() {
		return nil
	}
	return &api.Reason{Code: string(r.Code), Title: r.Code.Info().Title, Detail: r.Detail, Next: r.Code.Info().Remedy, Since: r.Since}
}

func gapDoc(g spec.GapRecord) api.Gap {
	return api.Gap{Topic: g.Topic, Partition: g.Partition, From: g.From, To: g.To, Cause: string(g.Why), At: g.At}
}

func cutDoc(c spec.CutRecord) api.Cut {
	return api.Cut{Topic: c.Topic, Partition: c.Partition, From: c.From, To: c.To, Bytes: c.Bytes, SHA256: c.SHA256, File: c.File, At: c.At}
}

func known(offset int64) api.Offset {
	if offset < 0 {
		return nil
	}
	return api.KnownOffset(offset)
}

func each[A, B any](list []A, f func(A) B) []B {
	out := make([]B, 0, len(list))
	for _, x := range list {
		out = append(out, f(x))
	}
	return out
}

// bytesText is a byte count for a person.
func bytesText(n int64) string { return humanize.IBytes(uint64(max(n, 0))) }
