package observe

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	"umbra/core/link/spec"
	"umbra/core/metadata"
	"umbra/shard"
)

// Build says what runs.
type Build struct{ Version, Commit string }

// ReadBuild takes version and commit from what the Go tool stamped.
func ReadBuild() Build {
	b := Build{Version: "devel", Commit: "unknown"}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		b.Version = v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			b.Commit = s.Value
		}
	}
	return b
}

// Collect emits umbra_build_info.
func (b Build) Collect(e *Emit) {
	e.Value("umbra_build_info", 1, b.Version, b.Commit, runtime.Version())
}

// CollectMetadata emits what the metadata snapshot says: sizes, shadow topics
// by state and by fault. Every link has a series for every state, so that a
// state that nobody is in reads 0.
func CollectMetadata(snapshot func() *metadata.Snapshot) func(*Emit) {
	return func(e *Emit) {
		s := snapshot()
		e.Value("umbra_metadata_revision", float64(s.Revision))
		e.Value("umbra_metadata_topics", float64(len(s.Topics)))
		e.Value("umbra_metadata_partitions", float64(partitionsOf(s)))
		for name, l := range s.Links {
			counts, faulted := map[spec.TopicState]int{}, 0
			for _, t := range s.ShadowsOf(l) {
				counts[t.Shadow.State]++
				faulted += t.Stopped()
				if t.Shadow.State == spec.Faulted {
					e.Value("umbra_link_topic_faulted", 1, name, t.Name, string(t.Shadow.Reason.Code))
				} else if !t.Shadow.Reason.IsZero() {
					e.Value("umbra_link_topic_noted", 1, name, t.Name, string(t.Shadow.Reason.Code))
				}
			}
			for _, state := range spec.States() {
				e.Value("umbra_link_topics", float64(counts[state]), name, state.String())
			}
			e.Value("umbra_link_partitions_faulted", float64(faulted), name)
			e.Bool("umbra_link_paused", l.Paused, name)
			if l.Options.RPOTarget > 0 {
				e.Value("umbra_link_rpo_target_seconds", l.Options.RPOTarget.Seconds(), name)
			}
		}
	}
}

// CollectShards emits each shard's load, mailbox, buffers and connections.
func CollectShards(g *shard.Group) func(*Emit) {
	var mu sync.Mutex // scrapes may overlap
	busy := make([]busyMeter, g.Len())
	return func(e *Emit) {
		mu.Lock()
		defer mu.Unlock()
		now := time.Now()
		for i := range g.Len() {
			s := g.Shard(i).Snapshot()
			emitShard(e, s, busy[i].ratio(now, s.BusyNanos))
		}
	}
}

// busyMeter turns a count of busy nanoseconds into a share of the time.
type busyMeter struct {
	at    time.Time
	nanos int64
	last  float64
}

// ratio is the share since the previous call; calls within a tenth of a second
// repeat the last answer, for the figure behind is published once a second.
func (m *busyMeter) ratio(now time.Time, nanos int64) float64 {
	since := now.Sub(m.at)
	if m.at.IsZero() {
		m.at, m.nanos = now, nanos
		return 0
	}
	if since >= 100*time.Millisecond {
		m.last = min(1, max(0, float64(nanos-m.nanos)/float64(since)))
		m.at, m.nanos = now, nanos
	}
	return m.last
}

func emitShard(e *Emit, s shard.Snapshot, busy float64) {
	id := strconv.Itoa(s.Shard)
	e.Value("umbra_shard_busy_seconds_total", time.Duration(s.BusyNanos).Seconds(), id)
	e.Value("umbra_shard_busy_ratio", busy, id)
	e.Value("umbra_shard_queue_depth", float64(s.MailboxDepth), id)
	e.Value("umbra_shard_queue_limit", float64(s.MailboxCap), id)
	e.Value("umbra_shard_queue_at_limit_seconds_total", s.MailboxAtLimit.Seconds(), id)
	e.Value("umbra_shard_stalled_seconds", s.Stalled.Seconds(), id)
	e.Value("umbra_shard_lag_seconds", time.Duration(s.LagNanos).Seconds(), id)
	e.Histogram("umbra_shard_turn_seconds", s.TurnBuckets[:], time.Duration(s.BusyNanos), id)
	e.Value("umbra_shard_connections", float64(s.ConnsOpen), id)
	e.Value("umbra_shard_partitions", float64(s.Partitions), id)
	e.Value("umbra_shard_reading_bytes", float64(s.ReadingBytes), id)
	e.Value("umbra_shard_reads_waiting", float64(s.ReadsWaiting), id)
	e.Value("umbra_shard_arena_budget_bytes", float64(s.Arena.Budget), id)
	e.Value("umbra_shard_arena_used_bytes", float64(s.Arena.InUseBytes), id)
	e.Value("umbra_shard_arena_at_limit_seconds_total", s.Arena.TimeAtLimit.Seconds(), id)
	e.Value("umbra_shard_arena_refusals_total", float64(s.Arena.Refusals), id)
	for bound, n := range map[string]uint64{"not_serving": s.RefusedNotServing, "total": s.RefusedTotal, "per_ip": s.RefusedPerIP, "files": s.RefusedFiles} {
		e.Value("umbra_shard_connections_refused_total", float64(n), id, bound)
	}
}

// ShardChecks are /health checks that each shard's loop has turned within limit.
func ShardChecks(g *shard.Group, limit time.Duration) []Check {
	var out []Check
	for i := range g.Len() {
		out = append(out, Check{Name: fmt.Sprintf("shard %d", i), Run: func() error {
			if s := g.Shard(i).Snapshot().Stalled; s > limit {
				return fmt.Errorf("its loop has not answered for %v", s.Round(time.Millisecond))
			}
			return nil
		}})
	}
	return out
}
