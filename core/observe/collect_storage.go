package observe

import (
	"strconv"

	"golang.org/x/sys/unix"

	"umbra/core/metadata"
	"umbra/ioring"
	"umbra/shard"
)

// CollectPartitions emits where each partition's log stands.
func CollectPartitions(g *shard.Group, snapshot func() *metadata.Snapshot, per PerPartition) func(*Emit) {
	return func(e *Emit) {
		s := snapshot()
		if !per.on(s) {
			return
		}
		for _, t := range s.Topics {
			for i := range t.Partitions {
				p, ok := g.Published(shard.PartitionID{Topic: t.ID, Index: int32(i)})
				if !ok {
					continue
				}
				index := strconv.Itoa(i)
				e.Value("umbra_partition_high_watermark", float64(p.HighWatermark), t.Name, index)
				e.Value("umbra_partition_log_start_offset", float64(p.LogStart), t.Name, index)
				e.Value("umbra_partition_size_bytes", float64(p.SizeBytes), t.Name, index)
			}
		}
	}
}

// CollectStorage emits how the shards write below dir, and what they did.
func CollectStorage(g *shard.Group, dir string) func(*Emit) {
	ring := g.Shard(0).Ring()
	engine, reason := ring.Engine(), ring.Reason()
	return func(e *Emit) {
		e.Value("umbra_storage_engine_info", 1, engine, reason)
		syncfsUsable(e, g, dir)
		s, err := ringStats(e, g)
		if err != nil {
			e.Missing("storage", err)
			return
		}
		e.Value("umbra_fsyncs_total", float64(s.Fsyncs), dir)
		e.Value("umbra_fsyncs_shared_total", float64(s.FsyncsShared), dir)
		e.Value("umbra_storage_syncfs_total", float64(s.Syncfs), dir)
		e.Value("umbra_storage_syncfs_files_total", float64(s.SyncfsFiles), dir)
		e.Value("umbra_storage_syncfs_rests_total", float64(s.SyncfsRests), dir)
		e.Value("umbra_storage_syncfs_failed_total", float64(s.SyncfsFailed), dir)
		e.Value("umbra_storage_operations_total", float64(s.Completed), dir)
		e.Value("umbra_storage_operations_failed_total", float64(s.Failed), dir)
		e.Value("umbra_storage_inline_writes_total", float64(s.Inline), dir)
		e.Value("umbra_storage_inline_writes_slow_total", float64(s.InlineSlow), dir)
	}
}

// syncfsUsable emits whether shards may flush many files at once; nothing before one has
// opened a file.
func syncfsUsable(e *Emit, g *shard.Group, dir string) {
	for i := range g.Len() {
		why, can, known := g.Shard(i).Ring().Syncfs()
		if !known {
			continue
		}
		v := 0.0
		if can {
			v = 1
		}
		e.Value("umbra_storage_syncfs_usable", v, dir, why)
		return
	}
}

// ringStats sums the rings of all shards; each belongs to its loop.
func ringStats(e *Emit, g *shard.Group) (sum ioring.Stats, err error) {
	for i := range g.Len() {
		var s ioring.Stats
		if err := g.Shard(i).Call(e.Context(), func() { s = g.Shard(i).Ring().Stats() }); err != nil {
			return sum, err
		}
		sum.Fsyncs += s.Fsyncs
		sum.FsyncsShared += s.FsyncsShared
		sum.Syncfs += s.Syncfs
		sum.SyncfsFiles += s.SyncfsFiles
		sum.SyncfsRests += s.SyncfsRests
		sum.SyncfsFailed += s.SyncfsFailed
		sum.Completed += s.Completed
		sum.Failed += s.Failed
		sum.Inline += s.Inline
		sum.InlineSlow += s.InlineSlow
	}
	return sum, nil
}

// CollectDisk emits the size of and the free space on the file system of dir.
func CollectDisk(dir string) func(*Emit) {
	return func(e *Emit) {
		var st unix.Statfs_t
		if unix.Statfs(dir, &st) != nil {
			return // a missing series is what an alert on absence is for
		}
		e.Value("umbra_storage_free_bytes", float64(st.Bavail)*float64(st.Bsize), dir)
		e.Value("umbra_storage_size_bytes", float64(st.Blocks)*float64(st.Bsize), dir)
	}
}
