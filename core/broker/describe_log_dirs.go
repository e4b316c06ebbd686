package broker

import (
	"context"
	"maps"
	"slices"

	"golang.org/x/sys/unix"

	"umbra/core/metadata"
	"umbra/kafkaproto"
)

// handleDescribeLogDirs serves DescribeLogDirs 1-4: the one data directory and
// the bytes of each open partition in it. v4 adds the size of the file system
// and what is free of it. Partitions that do not exist or are not open are left
// out, as in Kafka.
func handleDescribeLogDirs(r *request) {
	var req kafkaproto.DescribeLogDirsRequest
	if !decode(r, &req) {
		return
	}
	b := r.broker
	r.offLoop(func(context.Context) kafkaproto.Message { return b.describeLogDirs(b.store.Snapshot(), &req) })
}

func (b *Broker) describeLogDirs(snap *metadata.Snapshot, req *kafkaproto.DescribeLogDirsRequest) *kafkaproto.DescribeLogDirsResponse {
	dir := kafkaproto.DescribeLogDirsResponseDir{Dir: b.cfg.LogDir}
	dir.TotalBytes, dir.UsableBytes = fileSystemSize(b.cfg.LogDir)
	if req.Topics == nil {
		for _, name := range slices.Sorted(maps.Keys(snap.Topics)) {
			t := snap.Topics[name]
			all := make([]int32, len(t.Partitions))
			for i := range all {
				all[i] = int32(i)
			}
			b.addLogs(&dir, t, all)
		}
	}
	for _, asked := range req.Topics {
		if t := snap.Topics[asked.Topic]; t != nil {
			b.addLogs(&dir, t, asked.Partitions)
		}
	}
	return &kafkaproto.DescribeLogDirsResponse{Dirs: []kafkaproto.DescribeLogDirsResponseDir{dir}}
}

// addLogs adds the open ones of a topic's partitions.
func (b *Broker) addLogs(dir *kafkaproto.DescribeLogDirsResponseDir, t *metadata.Topic, partitions []int32) {
	out := kafkaproto.DescribeLogDirsResponseDirTopic{Topic: t.Name}
	for _, i := range partitions {
		if p, open := b.group().Published(partitionID(t, i)); open {
			out.Partitions = append(out.Partitions, kafkaproto.DescribeLogDirsResponseDirTopicPartition{Partition: i, Size: p.SizeBytes})
		}
	}
	if len(out.Partitions) > 0 {
		dir.Topics = append(dir.Topics, out)
	}
}

// fileSystemSize gives the bytes of the file system that holds dir, and those
// free for us; -1 where it does not say.
func fileSystemSize(dir string) (total, usable int64) {
	var st unix.Statfs_t
	if unix.Statfs(dir, &st) != nil {
		return -1, -1
	}
	return int64(st.Blocks) * st.Bsize, int64(st.Bavail) * st.Bsize
}
