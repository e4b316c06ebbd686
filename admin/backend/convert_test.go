package backend

import (
	"testing"
	"time"

	"umbra/admin/api"
	"umbra/core/link"
	"umbra/core/link/spec"
)

// The option rpo_target decides what a link's status is held against.
func TestSummaryJudgesTheTarget(t *testing.T) {
	f := func(target time.Duration, healthy bool) {
		t.Helper()
		l := &spec.Link{Definition: spec.Definition{Name: "dr", Options: spec.Options{RPOTarget: target}}}
		s := summary(&link.Status{Link: l, Reachable: true, Lag: link.Lag{Seconds: 4, Bound: link.Exact}})
		if s.RPO.TargetSeconds != target.Seconds() || s.Healthy() != healthy || s.State != api.StateActive {
			t.Errorf("target %v: %+v, healthy %v", target, s, s.Healthy())
		}
	}
	f(0, true)
	f(5*time.Second, true)
	f(3*time.Second, false)
}
