package peers

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"umbra/bench/measure"
)

// A system copies a topic from the source.
type system interface {
	// transfer copies t whole, measures it, checks that all of it is there, and
	// leaves the system without t.
	transfer(ctx context.Context, t topic) (Sample, error)
}

// A live system can also be read while it copies.
type live interface {
	system
	// follow begins to copy a topic that grows. The copy is readable at addr, at the
	// source's offsets, until stop.
	follow(ctx context.Context, t topic) (addr string, stop func(context.Context) error, err error)
}

// systems makes those asked for.
func (s *stage) systems() map[string]system {
	all := map[string]system{
		Umbra:      &shadowing{s},
		MM2Default: &mirroring{stage: s, name: MM2Default},
		MM2Tuned:   &mirroring{stage: s, name: MM2Tuned, tuned: true},
		Follower:   &following{s},
		Go:         &copying{s},
		Discard:    &discarding{s},
	}
	for name := range all {
		if !s.has(name) {
			delete(all, name)
		}
	}
	return all
}

// Sample is one transfer of a topic by a system.
type Sample struct {
	Bytes  int64          `json:"bytes"`  // of record batches, as they lie at the source
	Window measure.Window `json:"window"` // CPU by process: source, target, and each system's own
	GiBps  float64        `json:"gib_per_second"`
	Cost   float64        `json:"cpu_s_per_gib"`        // of all that replication needs: the mirror and the broker it writes to
	Mirror float64        `json:"mirror_cpu_s_per_gib"` // of the mirror alone
	Source float64        `json:"source_cpu_s_per_gib"` // of the source's broker
	Memory int64          `json:"memory_bytes"`         // the most that was ever resident of what Cost counts, each process at its own peak
}

// end ends a stretch in which a system moved bytes. mirror and beside are the
// processes whose cost it is; beside may be empty.
func (s *stage) end(w *watch, bytes int64, mirror, beside string) (Sample, error) {
	win, err := w.End(s.rule)
	if err != nil {
		return Sample{}, err
	}
	out := newSample(win, bytes, mirror, beside)
	for _, p := range []string{mirror, beside} {
		if p == "" {
			continue
		}
		peak, err := memoryPeak(w.pids[p])
		if err != nil {
			return out, err
		}
		out.Memory += peak
	}
	return out, nil
}

// newSample works out the rates. The map of a window has 0 for a process "".
func newSample(w measure.Window, bytes int64, mirror, beside string) Sample {
	out := Sample{Bytes: bytes, Window: w}
	gib := float64(bytes) / (1 << 30)
	if gib <= 0 || w.Wall <= 0 {
		return out
	}
	out.GiBps = gib / w.Wall.Seconds()
	out.Mirror = w.CPU[mirror].Seconds() / gib
	out.Cost = out.Mirror + w.CPU[beside].Seconds()/gib
	out.Source = w.CPU[procSource].Seconds() / gib
	return out
}

// memoryPeak is the most memory a process ever had resident, in bytes.
func memoryPeak(pid int) (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, fmt.Errorf("read the memory of a process: %w", err)
	}
	return parsePeak(string(b))
}

func parsePeak(status string) (int64, error) {
	for line := range strings.Lines(status) {
		var kib int64
		if _, err := fmt.Sscanf(line, "VmHWM: %d kB", &kib); err == nil {
			return kib << 10, nil
		}
	}
	return 0, fmt.Errorf("read the memory of a process: no VmHWM in %d bytes of status", len(status))
}

// within is a context for cleaning up: it outlives an interrupt, and ends.
func within(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), patience+10*time.Second)
}
