package measure

import (
	"fmt"
	"time"
)

// Rule says when a window is dirty: its figures are shown and not relied on.
type Rule struct {
	OtherCores float64 // most processor time of others, in cores
	StealRatio float64 // most stolen time, as a part of what all cores have
}

// DefaultRule is what the reference measurements were taken under.
func DefaultRule() Rule { return Rule{OtherCores: 0.08, StealRatio: 0.15} }

// Noise lists what made a window dirty; nothing when it is clean.
func (r Rule) Noise(w Window) []string {
	if w.Wall <= 0 {
		return []string{"no time passed"}
	}
	var out []string
	if other := w.OtherCores(); other > r.OtherCores {
		out = append(out, fmt.Sprintf("other processes used %.2f cores, more than %.2f", other, r.OtherCores))
	}
	if steal := w.StealRatio(); steal > r.StealRatio {
		out = append(out, fmt.Sprintf("the hypervisor took %.0f%% of the machine, more than %.0f%%", 100*steal, 100*r.StealRatio))
	}
	return out
}

// OtherCores is what other processes used, in cores.
func (w *Window) OtherCores() float64 { return ratio(w.Other, w.Wall) }

// StealRatio is the stolen part of the machine, 0 to 1.
func (w *Window) StealRatio() float64 { return ratio(w.Steal, w.Wall*time.Duration(max(1, w.Cores))) }

func ratio(a, b time.Duration) float64 {
	if b <= 0 {
		return 0
	}
	return float64(a) / float64(b)
}
